"""Photos through every model that still owes them an answer; a failing batch is halved down to its culprit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from catalog.ledger import ClaimedImage
from catalog.outcomes import ItemKey, Outcome, Quarantined, Retry, Stored
from models.decode import Photo
from models.facts.describer import Describer, Mask, product_number
from models.predictions import Prediction, Segmentation
from models.predictor import Outcome as Outcomes
from models.predictor import Predictor
from workers import tracing
from workers.batching import batched, bisect
from workers.fetching import Fetched
from workers.model_cache import Loaded
from workers.retry import RetryPolicy

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's outcome for a claimed image; `model` is its `name@version`."""

    image: ClaimedImage
    model: str
    outcome: Outcome


def answers(loaded: Iterable[Loaded], batch: Sequence[Fetched], policy: RetryPolicy) -> Iterator[Answer]:
    """One answer for each model version each image of `batch` was claimed for.

    Facts come last: they are of the product, as the masks of this pass show it.
    """
    masks = Masks()
    for model in sorted(loaded, key=lambda one: isinstance(one.predictor, Describer)):
        wanted = [item for item in batch if item.image.versions & model.versions.keys()]
        for item, result in _results(model, wanted, masks):
            masks.note(model, item, result)
            yield from _answers_of(model, item, result, policy)


class Masks:
    """Where products are, as far as a pass has found out. Of two masks that of the version registered first counts."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[int, Mask]] = {}

    def note(self, model: Loaded, item: Fetched, result: Sequence[Prediction] | Exception) -> None:
        if isinstance(result, Exception) or not isinstance(model.predictor, Predictor):
            return
        for version_id, spec, answer in zip(model.versions, model.predictor.specs, result, strict=True):
            number = product_number(spec)
            if number is not None and isinstance(answer, Segmentation):
                mask = (version_id, Mask(answer.runs, number))
                known = self._found.setdefault(item.image.image_id, mask)
                self._found[item.image.image_id] = min(known, mask, key=lambda one: one[0])

    def of(self, item: Fetched) -> Mask | None:
        found = self._found.get(item.image.image_id)
        return found[1] if found else None


def _results(
    model: Loaded, items: Sequence[Fetched], masks: Masks
) -> Iterator[tuple[Fetched, Sequence[Prediction] | Exception]]:
    readable = []
    for item in items:
        if isinstance(item.photo, Exception):
            yield item, item.photo
        elif isinstance(model.predictor, Exception):
            yield item, model.predictor
        else:
            readable.append((item, item.photo))
    if isinstance(model.predictor, Predictor):
        # In the network's own micro-batches, so that a culprit takes few others with it.
        for some in batched(readable, model.predictor.batch_size):
            outcomes = bisect(_run(model.predictor, masks), some)
            yield from zip([item for item, _ in some], outcomes, strict=True)


def _run(predictor: Predictor, masks: Masks) -> Callable[[Sequence[tuple[Fetched, Photo]]], list[Outcomes]]:
    def run(some: Sequence[tuple[Fetched, Photo]]) -> list[Outcomes]:
        photos = [photo for _, photo in some]
        if isinstance(predictor, Describer):
            return predictor.outcomes(photos, [masks.of(item) for item, _ in some])
        return predictor.outcomes(photos)

    return run


def _answers_of(
    model: Loaded, item: Fetched, result: Sequence[Prediction] | Exception, policy: RetryPolicy
) -> Iterator[Answer]:
    for position, (version_id, name) in enumerate(model.versions.items()):
        if version_id not in item.image.versions:
            continue  # a sibling head that was computed in the same pass, but is not owed
        key = ItemKey(item.image.image_id, version_id)
        if isinstance(result, Exception):
            yield _failed(item.image, name, key, result, policy)
        else:
            yield Answer(item.image, name, Stored(key, result[position]))


def _failed(image: ClaimedImage, model: str, key: ItemKey, error: Exception, policy: RetryPolicy) -> Answer:
    outcome = policy.decide(key, error, image)
    log_failure(image, model, outcome)
    return Answer(image, model, outcome)


def log_failure(image: ClaimedImage, model: str, outcome: Retry | Quarantined) -> None:
    """One line for each photo that a model could not answer for, wherever that was noticed; an event of its trace."""
    about: dict[str, str | int] = {
        "image": image.image_id,
        "model": model,
        "outcome": type(outcome).__name__.lower(),
        "code": outcome.code,
        "reason": outcome.reason,
        "attempt": image.attempts,
    }
    log.warning("photo failed", **about)
    tracing.event("photo failed", **about)
