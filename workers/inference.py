"""Photos through every model that still owes them an answer; a failing batch is halved down to its culprit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import structlog

from catalog.outcomes import ItemKey, Stored
from models.decode import Photo
from models.predictions import Prediction
from workers.batching import bisect
from workers.fetching import Fetched
from workers.model_cache import Loaded
from workers.retry import RetryPolicy
from workers.storing import Answer

log = structlog.get_logger()


def answers(loaded: Iterable[Loaded], batch: Sequence[Fetched], policy: RetryPolicy) -> Iterator[Answer]:
    """One answer for each model version each image of `batch` was claimed for."""
    for model in loaded:
        wanted = [item for item in batch if item.image.versions & model.versions.keys()]
        yield from _undecoded(model, wanted, policy)
        readable = [item for item in wanted if isinstance(item.photo, Photo)]
        for item, result in zip(readable, _predict(model, readable), strict=True):
            yield from _answers_of(model, item, result, policy)


def _predict(model: Loaded, items: Sequence[Fetched]) -> list[Sequence[Prediction] | Exception]:
    photos = [item.photo for item in items if isinstance(item.photo, Photo)]
    if isinstance(model.predictor, Exception):
        return [model.predictor] * len(photos)
    return bisect(model.predictor.outcomes, photos)


def _answers_of(
    model: Loaded, item: Fetched, result: Sequence[Prediction] | Exception, policy: RetryPolicy
) -> Iterator[Answer]:
    for position, (version_id, name) in enumerate(model.versions.items()):
        if version_id not in item.image.versions:
            continue  # a sibling head that was computed in the same pass, but is not owed
        key = ItemKey(item.image.image_id, version_id)
        if isinstance(result, Exception):
            outcome = policy.decide(key, result, item.image.attempts)
            log.warning(
                "photo failed",
                image=key.image_id,
                model=name,
                outcome=type(outcome).__name__.lower(),
                code=outcome.code,
                reason=outcome.reason,
                attempt=item.image.attempts,
            )
            yield Answer(item.image, name, outcome)
        else:
            yield Answer(item.image, name, Stored(key, result[position]))


def _undecoded(model: Loaded, items: Sequence[Fetched], policy: RetryPolicy) -> Iterator[Answer]:
    for item in items:
        if isinstance(item.photo, Exception):
            yield from _answers_of(model, item, item.photo, policy)
