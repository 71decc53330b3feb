"""From a recipe's data to what is trained on, chosen by and measured on: read, look, split, leave copies out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.errors import DataError
from models.training import duplicates, split
from models.training.facts import DataFacts, SplitFacts
from models.training.folder import RunFolder
from models.training.looking import Looked, look
from models.training.readers import read
from models.training.readers.runs import digest
from models.training.recipe import Recipe
from models.training.samples import SPLITS, Instance, LabelledPhotos, Problem, Sample, Split
from models.training.split import Parts


@dataclass(frozen=True, slots=True)
class Prepared:
    """The samples of each split, and everything that was left out. `fingerprint`: SHA-256 of what is learnt from."""

    source: str
    labels: tuple[str, ...]
    samples: dict[Split, tuple[Sample, ...]]
    problems: tuple[Problem, ...]
    duplicates: int
    fingerprint: str

    @property
    def identity(self) -> str:
        """The same for the same photos, labels and splits."""
        return f"{self.fingerprint} {'|'.join(self.labels)}"

    def facts(self) -> DataFacts:
        splits = {name: SplitFacts.of(self.samples[name]) for name in SPLITS}
        return DataFacts(self.source, splits, self.problems, self.duplicates)

    def counts(self) -> list[int]:
        """Training photos, or boxes, of each label."""
        found = Counter[str]()
        for sample in self.samples["train"]:
            found.update([sample.label] if sample.label is not None else [])
            found.update(one.label for one in sample.instances or ())
        return [found[label] for label in self.labels]

    def write(self, folder: RunFolder) -> None:
        """`splits.csv` and `problems.csv`, for people."""
        rows = (
            (name, one.product, one.photo.name, one.origin) for name in SPLITS for one in self.samples[name]
        )
        folder.write_table("splits.csv", ("split", "product", "photo", "origin"), rows)
        problems = ((one.code, one.origin, one.sentence) for one in self.problems)
        folder.write_table("problems.csv", ("code", "origin", "sentence"), problems)


def prepare(
    recipe: Recipe, *, base: Path | None = None, on_progress: Callable[[int, int], object] | None = None
) -> Prepared:
    """Read and look at all labelled photos.

    Raises:
        DataError: nothing can be learnt from them; the sentence says what to do.
    """
    found = _limited(read(recipe.data, recipe.task, base), recipe)
    looked = look(found, on_progress=on_progress)
    parts = split.split(looked.samples, recipe.data)
    copies = duplicates.find(looked.looks, parts)
    parts = duplicates.without(parts, copies, looked.samples)
    untold = split.gaps(parts, found.labels, looked.looks.labels)
    _check(parts, found, looked)
    return Prepared(
        found.source,
        found.labels,
        {
            "train": _chosen(looked.samples, parts.train),
            "val": _chosen(looked.samples, parts.val),
            "test": _chosen(looked.samples, parts.test),
        },
        (*looked.problems, *parts.problems, *untold),
        len(copies.found),
        _fingerprint(looked, parts),
    )


def _limited(found: LabelledPhotos, recipe: Recipe) -> LabelledPhotos:
    """Some of the photos, spread over all of them: a set is often sorted by label."""
    limit, count = recipe.data.limit, len(found.samples)
    if limit is None or limit >= count:
        return found
    return replace(found, samples=tuple(found.samples[k * count // limit] for k in range(limit)))


def _check(parts: Parts, found: LabelledPhotos, looked: Looked) -> None:
    for name, chosen in (("train", parts.train), ("val", parts.val), ("test", parts.test)):
        if len(chosen) < (2 if name == "train" else 1):
            raise DataError(f"{found.source}: {_too_few(name, found, looked)}")
        if not any(looked.looks.labels[k] for k in chosen):
            raise DataError(
                f"{found.source}: none of the {len(chosen)} photos in {name} shows anything that has a label; "
                "add photos, or change data.salt to draw again"
            )


def _too_few(name: str, found: LabelledPhotos, looked: Looked) -> str:
    why = (
        f"; {len(looked.problems)} were left out, the first: {looked.problems[0].sentence}"
        if looked.problems
        else ""
    )
    remedy = (
        "add photos"
        if name == "train"
        else f"add photos, raise data.{name}, or change data.salt to draw again"
    )
    return f"of {len(found.samples)} photos too few are left for {name}{why}; {remedy}"


def _chosen(samples: Sequence[Sample], indices: Iterable[int]) -> tuple[Sample, ...]:
    return tuple(samples[index] for index in indices)


def _fingerprint(looked: Looked, parts: Parts) -> str:
    """Of pixels, masks and labels of all splits, in whatever order and from whatever folder they were read."""
    lines = sorted(
        f"{name} {looked.looks.digests[k].tobytes().hex()} {_said(looked, k)}"
        for name, chosen in (("train", parts.train), ("val", parts.val), ("test", parts.test))
        for k in chosen
    )
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _said(looked: Looked, index: int) -> str:
    """What people say of one photo. The numbers in a mask mean labels, so those belong to it."""
    sample, mask = looked.samples[index], looked.looks.masks[index]
    objects = sorted(map(_object, sample.instances or ()), key=repr)
    return repr((sample.label, objects, mask and (mask.hex(), looked.looks.labels[index])))


def _object(one: Instance) -> tuple[object, ...]:
    return (one.label, one.box) if one.rle is None else (one.label, one.box, digest(one.rle))
