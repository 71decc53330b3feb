"""The report as one HTML page that fetches nothing from elsewhere. Escaping is the template's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from models.training import plots, wording
from models.training.facts import DataFacts, Report
from models.training.measure.figures import FIGURES, HEADLINE
from models.training.measure.measured import Confusion, Measured, Mistake, ShownBox
from models.training.pictures import ADDED, MISSED, RIGHT, UNJUDGED, WRONG, jpeg, overlay
from models.training.samples import SPLITS, Problem

TEMPLATE = "report.html.j2"
CELLS = 24
"""Labels of a confusion matrix that a page can show; of more, those that are mistaken most."""
ROWS = 30
"""Labels in the table; if there are more, the worst of them."""
LISTED = 10
"""Problems that are written out."""

# The bar of each label, then its numbers: names in `Measured.per_label`, and what heads their columns.
COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "classify": (("f1", "F1"), ("precision", "precision"), ("recall", "recall")),
    "detect": (("ap50", "AP@.5"), ("ap", "AP@[.5:.95]"), ("precision", "precision"), ("recall", "recall")),
    "segment": (("iou", "IoU"), ("dice", "Dice")),
}
UNITS = {"classify": "photos", "detect": "objects", "segment": "pixels"}


def render(report: Report) -> str:
    """The page as text. Raises TrainingError where matplotlib is missing."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    after, before = report.after, report.before
    labels = _labels(after, before)
    return environment.get_template(TEMPLATE).render(
        model=report.model,
        task=after.task,
        description=report.recipe.get("description", ""),
        verdict=wording.verdict(after, before),
        tiles=_tiles(report),
        figures=_figures(after, before),
        has_before=before is not None,
        learning=_learning(report),
        columns=[title for _, title in COLUMNS[after.task]],
        unit=UNITS[after.task],
        labels=labels[:ROWS],
        more_labels=labels[ROWS:],
        confusion=_confusion(after.confusion),
        confusions=wording.largest_confusions(after.confusion),
        calibration=_calibration(after),
        temperature=after.temperature,
        curves=_curves(after),
        mistakes=[_mistake(one) for one in after.mistakes],
        legends=_legends(after.mistakes),
        agreement=after.agreement,
        data=_data(report.data),
        left_out=_problems(after.left_out),
        environment=report.environment,
        recipe=yaml.safe_dump(dict(report.recipe), sort_keys=False, allow_unicode=True),
        made=report.made.strftime("%d %B %Y").lstrip("0"),
    )


def _tiles(report: Report) -> list[tuple[str, str]]:
    """What is largest on the page: value and what it is."""
    after, before = report.after, report.before
    tiles = []
    if name := wording.headline(after):
        figure = FIGURES[name]
        tiles.append((wording.written(figure, after.figures[name]), f"{figure.title}, test split"))
        if before:
            old = wording.written(figure, before.figures.get(name))
            tiles.append((old, f"{figure.title} before training"))
    train = report.data.splits.get("train")
    if train:
        tiles.append((f"{train.photos:,}", f"photos to learn from, of {train.products:,} products"))
    tiles.append((f"{after.count:,}", "photos to measure on"))
    if rate := _mean(report.history, "images_per_second"):
        waited = _mean(report.history, "waiting")
        idle = "" if waited is None else f"; {100 * waited:.0f} % of the time waiting for data"
        tiles.append((f"{rate:,.0f}", f"photos a second in training{idle}"))
    if report.seconds is not None:
        tiles.append((wording.duration(report.seconds), f"for {_epochs(report.history)}"))
    return tiles


def _epochs(history: Sequence[object]) -> str:
    return f"{len(history)} epoch{'' if len(history) == 1 else 's'}"


def _mean(history: Sequence[Mapping[str, float]], name: str) -> float | None:
    told = [row[name] for row in history if row.get(name) is not None]
    return sum(told) / len(told) if told else None


def _figures(after: Measured, before: Measured | None) -> list[dict[str, str]]:
    old = before.figures if before else {}
    rows = []
    for name, figure in FIGURES.items():
        if name not in after.figures or (name == "unanswered" and not after.figures[name]):
            continue
        gain, course = wording.change(figure, old.get(name), after.figures[name])
        rows.append(
            {
                "title": figure.title,
                "says": figure.says,
                "before": wording.written(figure, old.get(name)),
                "after": wording.written(figure, after.figures[name]),
                "gain": gain,
                "course": course,
            }
        )
    return rows


def _learning(report: Report) -> list[tuple[str, Markup]]:
    """Title and chart of what is known of the epochs."""
    metric = FIGURES[HEADLINE[report.after.task]].title
    titles = {
        "loss": "Loss, training split",
        "metric": f"{metric}, validation split",
        "rate": "Learning rate",
    }
    charts = []
    for name, title in titles.items():
        values = [row.get(name) for row in report.history]
        if any(value is not None for value in values):
            best = report.best_epoch if name == "metric" else None
            charts.append((title, Markup(plots.epochs(values, title, best))))
    return charts


def _labels(after: Measured, before: Measured | None) -> list[dict[str, Any]]:
    """A row a label, in their own order or, if they are many, the worst first; bar and tick are from 0 to 1."""
    names = [name for name, _ in COLUMNS[after.task]]
    old = {row["label"]: row for row in before.per_label} if before else {}
    rows = after.per_label
    if len(rows) > ROWS:
        rows = sorted(rows, key=lambda row: 2 if row[names[0]] is None else row[names[0]])
    return [
        {
            "label": row["label"],
            "support": f"{row['support']:,}",
            "bar": row[names[0]],
            "tick": old.get(row["label"], {}).get(names[0]),
            "values": ["–" if row[name] is None else f"{row[name]:.3f}" for name in names],
        }
        for row in rows
    ]


def _confusion(confusion: Confusion) -> dict[str, Any] | None:
    """Cells with their share of the row; None where there is nothing to confuse."""
    counts = confusion.counts
    if not counts.any() or len(counts) < 2:
        return None
    mistaken = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    kept = np.sort(np.argsort(-mistaken, kind="stable")[:CELLS])
    rows = []
    for row in kept.tolist():
        total = max(1, int(counts[row].sum()))
        shares = [(column, int(counts[row, column]) / total) for column in kept.tolist()]
        cells = [
            {
                "share": share,
                # Mistakes are rare and should be seen, so their colour rises faster.
                "depth": 0.08 + 0.9 * (share if row == column else sqrt(share)),
                "text": _cell(int(counts[row, column]), share, confusion.unit),
                "right": row == column,
                "title": f"{confusion.labels[row]} → {confusion.labels[column]}: {counts[row, column]:,}",
            }
            for column, share in shares
        ]
        rows.append({"label": confusion.labels[row], "cells": cells})
    return {
        "labels": [confusion.labels[k] for k in kept],
        "rows": rows,
        "unit": confusion.unit,
        "of": len(counts) if len(counts) > CELLS else None,
    }


def _cell(count: int, share: float, unit: str) -> str:
    """Counts of photos and objects; of pixels there are too many, so their share of the row."""
    if not count:
        return ""
    if unit != "pixels":
        return f"{count:,}"
    return f"{100 * share:.0f}" if share >= 0.005 else "·"


def _calibration(after: Measured) -> list[tuple[str, Markup]]:
    found = []
    for reliability, title in (
        (after.reliability, "As the network scores"),
        (after.calibrated, f"Divided by the temperature {after.temperature or 1:.2f}"),
    ):
        if reliability is not None:
            text = f"{title}: {100 * reliability.error:.1f} % off"
            found.append((text, Markup(plots.calibration(reliability, text))))
    return found


def _curves(after: Measured) -> Markup | None:
    if not after.curves:
        return None
    return Markup(plots.precision_recall(after.curves, "Precision by recall at an overlap of 0.5"))


def _legends(mistakes: Sequence[Mistake]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the colours in the pictures mean, as far as they occur."""
    legends = []
    if any(one.known_boxes or one.found_boxes for one in mistakes):
        legends.append(("Boxes", [("#e11d48", "false"), ("#ffd60a", "missed"), ("#1fa37a", "found rightly")]))
    tints = []
    if any(one.known_mask is not None for one in mistakes):
        tints += [(RIGHT, "right"), (MISSED, "missed"), (ADDED, "added"), (WRONG, "another label")]
    if any(one.found_mask is not None and one.known_mask is None for one in mistakes):
        tints.append((UNJUDGED, "where only boxes are known"))
    if tints:
        legends.append(("Masks", [(f"rgb{tint}", says) for tint, says in tints]))
    return legends


def _mistake(one: Mistake) -> dict[str, Any]:
    high, wide = one.picture.shape[:2]
    masked = None if one.found_mask is None else jpeg(overlay(one.picture, one.known_mask, one.found_mask))
    return {
        "photo": one.photo,
        "short": Path(one.photo).name,
        "origin": one.origin,
        "truth": one.truth,
        "answer": one.answer,
        "picture": jpeg(one.picture),
        "masked": masked,
        "shape": (wide, high),
        "width": one.width,
        "height": one.height,
        "known": [_box(box, one) for box in one.known_boxes],
        "found": [_box(box, one) for box in one.found_boxes],
    }


def _box(shown: ShownBox, one: Mistake) -> dict[str, Any]:
    box = shown.box
    score = "" if shown.score is None else f"{shown.score:.2f}"
    return {
        "x": box.left,
        "y": box.top,
        "w": box.right - box.left,
        "h": box.bottom - box.top,
        "label": shown.label,
        "score": score,
        "right": shown.right,
        # Where its name goes, in % of the picture; names near an edge are turned inwards.
        "end": box.left > 0.6 * one.width,
        "inside": box.top < 0.1 * one.height,
        "left": 100 * box.left / one.width,
        "edge": 100 * box.right / one.width,
        "top": 100 * box.top / one.height,
        "bottom": 100 * box.bottom / one.height,
    }


def _data(data: DataFacts) -> dict[str, Any]:
    splits = {name: data.splits[name] for name in SPLITS if name in data.splits}
    names = list(dict.fromkeys(label for facts in splits.values() for label in facts.labels))
    return {
        "source": data.source,
        "splits": splits,
        "labels": [(label, [facts.labels.get(label, 0) for facts in splits.values()]) for label in names],
        "duplicates": data.duplicates,
        **_problems(data.problems),
    }


def _problems(problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "count": len(problems),
        "codes": Counter(one.code.replace("_", " ") for one in problems).most_common(),
        "problems": problems[:LISTED],
    }
