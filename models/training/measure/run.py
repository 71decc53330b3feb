"""One pass of a predictor over labelled photos, as a worker would make it, and what it was worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from models.errors import DataError, SpecError
from models.predictor import Predictor
from models.spec import ModelSpec
from models.training.measure.classify import ClassifyTally, Temperature
from models.training.measure.detect import DetectTally
from models.training.measure.measured import Measured
from models.training.measure.reading import Load, Seen, batches
from models.training.measure.segment import SegmentTally
from models.training.samples import Problem, Sample

Progress = Callable[[int, int], None]
Tally = ClassifyTally | DetectTally | SegmentTally

THRESHOLD = 0.5
"""The score from which a label counts in the views where the spec says nothing."""


def measure(
    predictor: Predictor,
    samples: Sequence[Sample],
    labels: Sequence[str],
    *,
    load: Load | None = None,
    temperature: Temperature = None,
    on_progress: Progress | None = None,
) -> Measured:
    """What the predictor's one model is worth on `samples`; figures are those of production.

    `labels` gives the order of figures. `load` stands in for reading the photo as workers do. For classifiers,
    `temperature="fit"` belongs to validation alone; measure the test split with the number that it gave.
    `on_progress(done, total)` follows each batch. Photos are read a few at a time; what is kept of each is its
    logits or boxes.

    Raises:
        SpecError: the predictor serves several models, or has other labels.
        DataError: a sample lacks what the task needs, or not one photo could be read.
        TrainingError: pycocotools is missing, for detectors.
    """
    spec = _only_spec(predictor, labels)
    for sample in samples:
        _check(sample, spec, {*labels})
    tally = _tally(spec, tuple(labels), temperature)
    read = load or (lambda sample: sample.photo.load(predictor.sides))
    left_out: list[Problem] = []
    done = 0
    for batch in batches(samples, predictor.batch_size, read, masks=spec.task == "segment"):
        left_out += [one for one in batch if isinstance(one, Problem)]
        if seen := [one for one in batch if isinstance(one, Seen)]:
            tally.look(predictor, seen)
        done += len(batch)
        if on_progress:
            on_progress(done, len(samples))
    if len(left_out) == len(samples):
        reason = left_out[0].sentence if left_out else "there are none"
        raise DataError(f"{spec.key} cannot be measured on {len(samples)} photos: {reason}")
    return tally.measured(tuple(left_out))


def _only_spec(predictor: Predictor, labels: Sequence[str]) -> ModelSpec:
    if len(predictor.specs) != 1:
        names = ", ".join(spec.key for spec in predictor.specs)
        raise SpecError(f"one model is measured at a time, not {names}")
    spec = predictor.specs[0]
    if {*spec.labels} != {*labels}:
        raise SpecError(f"{spec.key} has other labels than the photos: {_difference(spec.labels, labels)}")
    return spec


def _difference(one: Sequence[str], other: Sequence[str]) -> str:
    parts = [f"only the model has {label}" for label in one if label not in other]
    parts += [f"only the photos have {label}" for label in other if label not in one]
    return "; ".join(parts[:3])


def _check(sample: Sample, spec: ModelSpec, labels: set[str]) -> None:
    people = (sample.label, *(one.label for one in sample.instances or ()))
    second = sample.second if isinstance(sample.second, tuple) else (sample.second,)
    people += tuple(one if isinstance(one, str) or one is None else one.label for one in second)
    if unknown := [label for label in people if label is not None and label not in labels]:
        raise DataError(f"{sample.origin}: the label {unknown[0]!r} is not among those of {spec.key}")
    there = {
        "classify": sample.label is not None,
        "detect": sample.instances is not None,
        "segment": sample.mask is not None or sample.instances is not None,
    }
    if not there.get(spec.task, False):
        raise DataError(f"{sample.origin} has nothing to measure {spec.task} by")


def _tally(spec: ModelSpec, labels: tuple[str, ...], temperature: Temperature) -> Tally:
    if spec.task == "classify":
        return ClassifyTally(spec.labels, labels, temperature)
    if spec.task == "detect":
        threshold = THRESHOLD if spec.options.threshold is None else spec.options.threshold
        return DetectTally(labels, threshold)
    return SegmentTally(spec.labels, labels)
