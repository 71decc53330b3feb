"""Human labels, for training: what people accepted, where it says one thing of a photo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo of a product that has one label. `group`: the first sku of the products it shares photos with."""

    sha256: str
    object_key: str
    sku: str
    label: str
    group: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """A product, or a photo of it, that teaches nothing; `code` is a word for machines."""

    sku: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class HumanLabels:
    """Photos by sku and position, each once, and what was left out."""

    photos: tuple[LabelledPhoto, ...]
    unclear: tuple[Unclear, ...]


def human_labels(connection: sa.Connection, labels: Sequence[str] | None = None) -> HumanLabels:
    """All photos of products of which people accepted exactly one of `labels` (None: of all labels there are).

    Products with several are not guessed at, nor are photos that products of different labels share.
    """
    rows = connection.execute(_LABELLED, {"labels": None if labels is None else list(labels)}).all()
    unclear, clear = [], []
    for sku, of_product in groupby(rows, key=lambda row: row.sku):
        mine = list(of_product)
        if len(mine[0].labels) > 1:
            unclear.append(_several(sku, mine[0].labels))
        elif mine[0].sha256 is None:
            unclear.append(Unclear(sku, "no_photo", f"{sku} has no photo"))
        else:
            clear += mine
    photos, contradictions = _once(clear)
    return HumanLabels(tuple(photos), (*unclear, *contradictions))


def _once(rows: Sequence[sa.Row[Any]]) -> tuple[list[LabelledPhoto], list[Unclear]]:
    """Each photo once, and those that have two labels."""
    groups = _groups(rows)
    said: dict[str, dict[str, str]] = {}
    for row in rows:
        said.setdefault(row.sha256, {}).setdefault(row.labels[0], row.sku)
    photos, contradictions, seen = [], [], set()
    for row in rows:
        if row.sha256 in seen:
            continue
        seen.add(row.sha256)
        if len(said[row.sha256]) > 1:
            contradictions.append(_contradiction(row, said[row.sha256]))
        else:
            photos.append(LabelledPhoto(row.sha256, row.object_key, row.sku, row.labels[0], groups[row.sku]))
    return photos, contradictions


def _groups(rows: Iterable[sa.Row[Any]]) -> dict[str, str]:
    """For each sku the first of all that it hangs together with by photos: they must not straddle the splits."""
    parent: dict[str, str] = {}

    def first(sku: str) -> str:
        while parent[sku] != sku:
            parent[sku] = parent[parent[sku]]
            sku = parent[sku]
        return sku

    owner: dict[str, str] = {}
    for row in rows:
        parent.setdefault(row.sku, row.sku)
        one, other = first(row.sku), first(owner.setdefault(row.sha256, row.sku))
        parent[max(one, other)] = min(one, other)
    return {sku: first(sku) for sku in parent}


def _several(sku: str, labels: Sequence[str]) -> Unclear:
    sentence = f"{sku} has the labels {', '.join(labels)}; turn down all but one, or choose fewer labels"
    return Unclear(sku, "several_labels", sentence)


def _contradiction(row: sa.Row[Any], said: dict[str, str]) -> Unclear:
    which = ", ".join(f"{label} for {sku}" for label, sku in said.items())
    return Unclear(row.sku, "shared_photo", f"the photo {row.object_key} shows {which}; it cannot teach both")


_LABELLED = sa.text(
    """
    WITH told AS (
        SELECT product_id, array_agg(label ORDER BY label COLLATE "C") AS labels FROM overrides
        WHERE accepted AND (CAST(:labels AS text[]) IS NULL OR label = ANY(CAST(:labels AS text[])))
        GROUP BY product_id)
    SELECT p.sku, told.labels, i.sha256, i.object_key FROM told
    JOIN products p ON p.id = told.product_id
    LEFT JOIN product_images pi ON pi.product_id = p.id
    LEFT JOIN images i ON i.id = pi.image_id
    ORDER BY p.sku COLLATE "C", pi.position, i.sha256
    """
)
