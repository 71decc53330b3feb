"""What became of a training run: `report.json` for machines, and one page for people that needs nothing else."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from models.training.facts import DataFacts, Report, SplitFacts
from models.training.page import render
from models.training.samples import Problem

__all__ = ["DataFacts", "Report", "SplitFacts", "as_document", "write_report"]

LISTED = 100
"""Problems that are written out; the others are counted."""


def write_report(folder: Path, report: Report) -> tuple[Path, Path]:
    """Writes `report.json` and `report.html` into `folder`, whole or not at all; returns their paths.

    Raises:
        OSError: they cannot be written, as on a full disk; what was there before is untouched.
        TrainingError: matplotlib is missing.
    """
    text = json.dumps(as_document(report), indent=2, ensure_ascii=False, allow_nan=False)
    page = render(report)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "report.json", folder / "report.html"
    _replace(dict(zip(paths, (text.encode(), page.encode()), strict=True)))
    return paths


def as_document(report: Report) -> dict[str, Any]:
    """The report as plain values, ready for JSON; what cannot be told is None, never NaN."""
    after, before = report.after, report.before
    document = {
        "model": report.model,
        "task": after.task,
        "made": report.made.isoformat(timespec="seconds"),
        "photos": after.count,
        "test": after.figures,
        "before": before and before.figures,
        "after": after.figures,
        "labels": after.per_label,
        "confusion": asdict(after.confusion),
        "temperature": after.temperature,
        "agreement": after.agreement and asdict(after.agreement),
        "left_out": _problems(after.left_out),
        "data": _data(report.data),
        "history": report.history,
        "best_epoch": report.best_epoch,
        "seconds": report.seconds,
        "environment": report.environment,
        "recipe": report.recipe,
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def _data(data: DataFacts) -> dict[str, Any]:
    return {
        "source": data.source,
        "splits": {name: asdict(facts) for name, facts in data.splits.items()},
        "duplicates": data.duplicates,
        "problems": _problems(data.problems),
    }


def _problems(problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "count": len(problems),
        "codes": Counter(one.code for one in problems),
        "first": [asdict(one) for one in problems[:LISTED]],
    }


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case np.ndarray() | np.generic():
            return _plain(value.tolist())
        case float():
            return value if isfinite(value) else None
        case str() | bool() | int() | None:
            return value
        case _:
            return [_plain(item) for item in value]


def _replace(files: Mapping[Path, bytes]) -> None:
    """All are on the disk before the first of them gets its name."""
    staged = {path: path.with_name(f".writing-{os.getpid()}-{path.name}") for path in files}
    try:
        for path, data in files.items():
            with staged[path].open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for path, fresh in staged.items():
            fresh.replace(path)
    finally:
        for fresh in staged.values():
            fresh.unlink(missing_ok=True)
