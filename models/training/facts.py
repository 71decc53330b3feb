"""All that the report of a run is made of: plain values, filled by whoever ran it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from models.training.measure.measured import Measured
from models.training.samples import Problem, Sample, Split


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """A split's size. `labels` counts photos that have the label, or boxes; masks are not looked into."""

    photos: int
    products: int
    labels: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Self:
        photos, products, labels = 0, set(), Counter[str]()
        for sample in samples:
            photos += 1
            products.add(sample.product)
            labels.update([sample.label] if sample.label is not None else [])
            labels.update(one.label for one in sample.instances or ())
        return cls(photos, len(products), labels)


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What was learned from. `duplicates`: photos left out because a split that is guarded more has them, too."""

    source: str
    splits: Mapping[Split, SplitFacts]
    problems: Sequence[Problem] = ()
    duplicates: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """All that the report tells. `before` and `after` were measured on the same test split, which nothing learned.

    `history` has a row an epoch: `epoch` from 0, `loss`, `metric` (the task's headline on the validation split),
    `rate`, `images_per_second`, `waiting` (share of the time, 0 to 1); a row may lack some. `best_epoch` is the one
    whose weights were kept, from 0. `seconds` is the whole run. `environment`: device, versions, whatever helps to
    repeat it.
    """

    model: str
    after: Measured
    data: DataFacts
    recipe: Mapping[str, Any]
    history: Sequence[Mapping[str, float]] = ()
    before: Measured | None = None
    best_epoch: int | None = None
    seconds: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
