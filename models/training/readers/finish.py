"""What holds of all labelled photos, whatever they were read from: enough photos, and labels to tell apart."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from models.errors import DataError
from models.training.samples import IGNORED, LabelledPhotos, Problem, Sample

_LONGEST_LABEL = 200


def finished(found: LabelledPhotos) -> LabelledPhotos:
    """`found` without labels that cannot be learned. Raises DataError."""
    _check_names(found)
    if found.task == "segment":  # what a mask holds is known once it is looked at
        _check_masks(found)
        return found
    counts = Counter(label for sample in found.samples for label in _labels(sample))
    problems = [empty_class(found.source, label) for label in found.labels if not counts[label]]
    samples = found.samples
    if found.task == "classify":
        problems += [_single(one) for one in samples if counts[one.label or ""] == 1]
        samples = tuple(one for one in samples if counts[one.label or ""] > 1)
    kept = {label for sample in samples for label in _labels(sample)}
    labels = tuple(label for label in found.labels if label in kept)
    problems += [_strange(one, label) for one in samples for label in _strangers(one, kept)]
    samples = tuple(_without(one, _strangers(one, kept)) for one in samples)
    found = replace(found, labels=labels, samples=samples, problems=(*found.problems, *problems))
    _check_enough(found)
    return found


def _labels(sample: Sample) -> set[str]:
    if sample.instances is not None:
        return {one.label for one in sample.instances}
    return {sample.label} if sample.label is not None else set()


def _strangers(sample: Sample, labels: Collection[str]) -> list[str]:
    """Labels of the second person that the first never gives: no model answers with them."""
    second = sample.second or ()
    named = {second} if isinstance(second, str) else {one.label for one in second}
    return sorted(named.difference(labels))


def _without(sample: Sample, strangers: Collection[str]) -> Sample:
    if not strangers:
        return sample
    if isinstance(sample.second, tuple):
        return replace(sample, second=tuple(one for one in sample.second if one.label not in strangers))
    return replace(sample, second=None)


def _check_names(found: LabelledPhotos) -> None:
    """Labels that one reader in a table of results would take for one, or for none."""
    seen: dict[str, str] = {}
    for label in found.labels:
        plain = unicodedata.normalize("NFC", label).strip().casefold()
        if not plain or len(label) > _LONGEST_LABEL:
            raise DataError(
                f"{found.source} has the label {label[:60]!r} of {len(label)} characters; give it a name of 1 to "
                f"{_LONGEST_LABEL}"
            )
        if plain not in seen:
            seen[plain] = label
            continue
        first = seen[plain]
        if first == label:
            raise DataError(f"{found.source} has the label {label!r} twice; give each its own name")
        raise DataError(
            f"{found.source} has the labels {first!r} and {label!r}, which differ only by case or surrounding "
            "blanks; make them one"
        )


def _check_enough(found: LabelledPhotos) -> None:
    if not found.samples:
        raise DataError(f"{found.source} has no photo that can be used{_first(found.problems)}")
    if found.task == "classify" and len(found.labels) < 2:
        raise DataError(
            f"{found.source} has photos of one label only, {found.labels[0]!r}; a classifier needs two labels or "
            "more, with two photos or more each"
        )
    if not found.labels:
        raise DataError(f"{found.source} has photos, but no box in any of them{_first(found.problems)}")


def _check_masks(found: LabelledPhotos) -> None:
    if not found.samples:
        raise DataError(f"{found.source} has no photo that can be used{_first(found.problems)}")
    if not 0 < len(found.labels) < IGNORED:
        raise DataError(
            f"{found.source} has {len(found.labels)} labels; masks need 1 to {IGNORED - 1}, since {IGNORED} "
            "stands for pixels that nobody judged"
        )


def _first(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    one = problems[0]
    return f"; {len(problems):,} were left out, the first: {one.origin}: {one.sentence}"


def empty_class(source: str, label: str) -> Problem:
    return Problem(
        f"{source}: {label}", "empty_class", f"there is no photo of {label!r}; it will be no label"
    )


def _strange(sample: Sample, label: str) -> Problem:
    return Problem(
        sample.origin,
        "unknown_second",
        f"the second person says {label!r} of {sample.photo.name}, which is no label of the first, or none that can be "
        "learned; what they say there does not count",
    )


def _single(sample: Sample) -> Problem:
    return Problem(
        sample.origin,
        "single_photo",
        f"{sample.photo.name} is the only photo of {sample.label!r}, and cannot be learned from and measured on "
        "at once; add photos of it",
    )
