"""Photos that are most worth a person's label next, from what is stored: no network runs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np
import sqlalchemy as sa

from catalog import versions
from catalog.errors import NothingToSuggest
from catalog.unlabelled import Torn, torn, vectors
from catalog.versions import Version
from models.spreadsheets import harmless
from models.training.suggest import AMONG, suggest

COLUMNS = ("sku", "photo", "label", "score", "reason")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A product to label. `label` is the model's own, to be corrected; `photo` the key of the photo it is unsure of."""

    sku: str
    photo: str
    label: str
    score: float
    reason: str


def suggestions(connection: sa.Connection, reference: str, count: int) -> list[Suggestion]:
    """The `count` photos that the model named by `reference` is unsure of, and that differ; one a product.

    Raises UnknownModel, NothingToSuggest.
    """
    model = versions.find(connection, reference)
    if model.task != "classify":
        raise NothingToSuggest(f"{model.key} does {model.task}; name a model that classifies")
    embedder = _embedder(connection)
    found = torn(connection, model.id, embedder.id, AMONG * count)
    if not found:
        raise NothingToSuggest(
            f"no product without a person's label has answers of {model.key} and {embedder.key}; run "
            f"`tagmill process {model.key}` and `tagmill process {embedder.key}`, then a worker"
        )
    scores = np.array([(one.score, one.other_score) for one in found], dtype=np.float32)
    chosen = suggest(scores, _vectors(connection, embedder, found), count)
    return [_suggestion(found[k]) for k in chosen.tolist()]


def write(suggested: Iterable[Suggestion], file: TextIO) -> None:
    """As CSV that `tagmill label import` takes back, once its column `label` is right."""
    rows = ((one.sku, one.photo, one.label, f"{one.score:.3f}", one.reason) for one in suggested)
    csv.writer(file, lineterminator="\n").writerows([COLUMNS, *(map(harmless, row) for row in rows)])


def _embedder(connection: sa.Connection) -> Version:
    serving = [one for one in versions.every(connection) if one.task == "embed" and one.state == "serving"]
    if not serving:
        raise NothingToSuggest(
            "no model serves that embeds; see `tagmill models list`, then add or promote one"
        )
    return serving[0]


def _vectors(connection: sa.Connection, embedder: Version, found: Sequence[Torn]) -> np.ndarray:
    """float32 (len(found), width), in the order of `found`."""
    places = {one.image_id: k for k, one in enumerate(found)}
    made: np.ndarray | None = None
    for image_id, vector in vectors(connection, embedder.id, [*places]):
        if made is None:
            made = np.zeros((len(found), len(vector)), dtype=np.float32)
        made[places[image_id]] = vector
    assert made is not None  # `torn` names only photos with a vector, and one statement later they are there
    return made


def _suggestion(one: Torn) -> Suggestion:
    second = f"torn between {one.label} ({one.score:.2f}) and {one.other} ({one.other_score:.2f})"
    reason = second if one.other else f"not sure of {one.label} ({one.score:.2f})"
    return Suggestion(one.sku, one.object_key, one.label, one.score, reason)
