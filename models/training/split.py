"""Which photos to train on, to choose by, and to measure on. Photos of one product always lie together.

A product's place goes by a hash of its name alone: neither order nor other products move it. What the data say
themselves comes first; val and test are drawn only where the data have none of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from models.training.recipe import Data
from models.training.samples import Problem, Sample, Split


@dataclass(frozen=True, slots=True)
class Parts:
    """Indices of the samples in each split, ascending; a sample in none was left out, with a Problem."""

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]
    problems: tuple[Problem, ...] = ()


def assign(product: str, salt: str, val: float, test: float) -> Split:
    """The split of a product, with shares `val` and `test` of all products.

    Another share of val moves no product into test or out of it.
    """
    digest = hashlib.sha256(f"{salt}\0{product}".encode("utf-8", "surrogateescape")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < test:
        return "test"
    return "val" if place < test + val else "train"


def split(samples: Sequence[Sample], data: Data) -> Parts:
    """Where each sample belongs; photos whose product the data put into two splits stay only in the guarded one."""
    said = _said(samples)
    shares = _shares(samples, data)
    parts: dict[Split, list[int]] = {"train": [], "val": [], "test": []}
    problems = []
    for index, sample in enumerate(samples):
        own = said[sample.product]
        place = _guarded(own) or assign(sample.product, data.salt, *shares)
        if sample.split in (None, place) or place not in own:
            parts[place].append(index)
        else:
            problems.append(_straddles(sample, place))
    problems += _empty(parts, shares)
    return Parts(tuple(parts["train"]), tuple(parts["val"]), tuple(parts["test"]), tuple(problems))


def gaps(parts: Parts, labels: Sequence[str], seen: Sequence[Collection[str]]) -> tuple[Problem, ...]:
    """Which of `labels` have no photo to train on, or none to measure on.

    `seen` are the labels in each photo, as `models.training.looking` found them.
    """
    trained, tested = (
        {label for index in part for label in seen[index]} for part in (parts.train, parts.test)
    )
    untrained = [_untrained(label) for label in labels if label not in trained]
    untested = [_untested(label) for label in labels if parts.test and label not in tested]
    return (*untrained, *untested)


def _said(samples: Sequence[Sample]) -> dict[str, set[Split]]:
    """The splits that the data name for each product."""
    said: dict[str, set[Split]] = {}
    for sample in samples:
        found = said.setdefault(sample.product, set())
        if sample.split is not None:
            found.add(sample.split)
    return said


def _shares(samples: Sequence[Sample], data: Data) -> tuple[float, float]:
    """What to draw for val and test: nothing where the data have their own."""
    own = {sample.split for sample in samples}
    return (0.0 if "val" in own else data.val), (0.0 if "test" in own else data.test)


def _guarded(said: Collection[Split]) -> Split | None:
    """Where a product must stay. What the data call train is still drawn from, if they have no val or test."""
    return "test" if "test" in said else "val" if "val" in said else None


def _straddles(sample: Sample, place: Split) -> Problem:
    return Problem(
        sample.origin,
        "straddling_product",
        f"{sample.photo.name} is in {sample.split}, but its product {sample.product} is in {place} too, and would "
        f"be recognised there; put all photos of a product into one split",
    )


def _empty(parts: dict[Split, list[int]], shares: tuple[float, float]) -> list[Problem]:
    """A split that was asked for and got nothing, as happens with a handful of products."""
    drawn: tuple[tuple[Split, float], ...] = (("val", shares[0]), ("test", shares[1]))
    return [
        Problem(
            name,
            f"empty_{name}",
            f"no product fell into {name}; raise data.{name}, or change data.salt to draw again",
        )
        for name, share in drawn
        if share and not parts[name]
    ]


def _untrained(label: str) -> Problem:
    return Problem(
        f"label {label}",
        "no_training_photo",
        f"no photo of {label} is left to train on, so it will never be found; add photos of it, or leave it out",
    )


def _untested(label: str) -> Problem:
    return Problem(
        f"label {label}",
        "no_test_photo",
        f"no photo of {label} is in test, so nobody knows how well it is found; add photos of more products of it, "
        "or change data.salt to draw again",
    )
