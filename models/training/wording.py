"""Figures put into words, and numbers written as people write them. Free of torch."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from models.training.measure.figures import FIGURES, HEADLINE, Figure
from models.training.measure.measured import Confusion, Measured

# In place of a headline that the test photos cannot tell, as where segmenters are measured on boxes alone.
_SPARE = {"segment": "boxes_iou"}


def verdict(after: Measured, before: Measured | None) -> str:
    """What the run was good for, in one sentence: the headline before and after, on the test split."""
    name = headline(after)
    if name is None:
        return f"The {after.count:,} test photos cannot tell how good the model is."
    figure, value = FIGURES[name], after.figures[name]
    old = before.figures.get(name) if before else None
    sentence = f"{figure.title} is {written(figure, value)} on {after.count:,} photos the model never saw"
    if old is not None:
        sentence += f", {_course(value - old)} {written(figure, old)} before training"
    if name == "top1":
        low, high = (f"{100 * bound:.1f}" for bound in interval(value, after.count))
        sentence += f" (95 % interval: {low} to {high} %)"
    return f"{sentence}."


def headline(measured: Measured) -> str | None:
    """The name of the figure that counts most."""
    names = (HEADLINE[measured.task], _SPARE.get(measured.task))
    return next((name for name in names if name in measured.figures), None)


def interval(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share seen in `count` cases, both bounds from 0 to 1."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def written(figure: Figure, value: float | None) -> str:
    """A figure's value: a percentage of what is a share, else three digits after the point."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if figure.share else f"{value:.3f}"


def change(figure: Figure, before: float | None, after: float | None) -> tuple[str, str]:
    """The difference with its sign, and "better", "worse" or "" for what it is."""
    if before is None or after is None:
        return "", ""
    gain = after - before
    text = f"{100 * gain:+.1f}" if figure.share else f"{gain:+.3f}"
    if figure.falling is None or not float(text):
        return text.replace("-", "−"), ""
    return text.replace("-", "−"), "better" if (gain < 0) == figure.falling else "worse"


def duration(seconds: float | None) -> str:
    """Two units at most."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def largest_confusions(confusion: Confusion, most: int = 6) -> list[str]:
    """The pairs that are mistaken most often, in words, the most frequent first."""
    return [_confused(confusion, row, column) for row, column in _off_diagonal(confusion)][:most]


def _off_diagonal(confusion: Confusion) -> Iterator[tuple[int, int]]:
    counts = confusion.counts
    for place in (-counts).argsort(axis=None, kind="stable").tolist():
        row, column = divmod(place, len(counts))
        if counts[row, column] == 0:
            return
        if row != column:
            yield row, column


def _confused(confusion: Confusion, row: int, column: int) -> str:
    count, support = int(confusion.counts[row, column]), int(confusion.counts[row].sum())
    truth, answer = confusion.labels[row], confusion.labels[column]
    # Detectors keep the last place for "nothing".
    last = len(confusion.labels) - 1 if confusion.unit == "objects" else -1
    if row == last:
        return f"{answer} found where nothing is: {count:,} times"
    share = f"{count:,} of {support:,} {confusion.unit} ({100 * count / support:.1f} %)"
    return f"{truth} missed: {share}" if column == last else f"{truth} taken for {answer}: {share}"


def _course(gain: float) -> str:
    if abs(gain) < 0.0005:
        return "as it was with"
    return "up from" if gain > 0 else "down from"
