"""The throughput as a picture: Tagmill, its peers and the limit, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.rows import Row

OURS, LIMIT, TUNED, DOCUMENTED = "#2f6f4f", "#b8c4bd", "#c98a4b", "#e3c9ab"


def draw(rows: Sequence[Row], hardware: str, path: Path) -> None:
    """Bars of all rows in photos a second, the fastest above."""
    bars = sorted(
        (row for row in rows if row.unit == "photos/s" and row.value and _shown(row.name)),
        key=lambda row: row.value,
    )
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(bars) + 1.2), layout="constrained")
    drawn = axes.barh(
        [_label(bar.name) for bar in bars],
        [bar.value for bar in bars],
        color=[_colour(bar.name) for bar in bars],
    )
    axes.bar_label(drawn, fmt="%.0f", padding=3, fontsize=9)
    axes.set_xlabel("photos a second, from S3 to rows in Postgres")
    axes.set_title(
        f"One classifier where not said, JPEGs of 600 to 1600 px\n{hardware}", fontsize=9, loc="left"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.08)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _shown(name: str) -> bool:
    """Of this file's figures those of the whole path, and the limit that goes with it."""
    return name.startswith(("tagmill", "limit, classifier: fetch")) or name.endswith(("documented", "tuned"))


def _label(name: str) -> str:
    name = name.replace(": fetch, decode, forward", " (no queue, no database)")
    return name.replace("_", " ").replace("tagmill", "Tagmill")


def _colour(name: str) -> str:
    if name.startswith("tagmill"):
        return OURS
    if name.startswith("limit"):
        return LIMIT
    return TUNED if name.endswith("tuned") else DOCUMENTED
