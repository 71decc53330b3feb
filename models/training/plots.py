"""The report's charts as inline SVG, drawn by matplotlib. Colours are the page's, so they follow light and dark.

Each function returns an `<svg>` element without width and height: it fills what holds it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from models.errors import TrainingError
from models.training.measure.calibration import BINS, Reliability
from models.training.measure.measured import Curve

# Stand-ins that matplotlib takes for colours, and the page's names for them.
INK, SOFT, LINE, MAIN, OTHER = "#010101", "#020202", "#030303", "#040404", "#050505"
_NAMES = {INK: "--ink", SOFT: "--soft", LINE: "--line", MAIN: "--mask", OTHER: "--box"}
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tagmill",
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def epochs(values: Sequence[float | None], name: str, best: int | None = None) -> str:
    """A figure by epoch, counted from 1; `best`, counted from 0, is marked. Gaps are left where there is none."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        numbers = np.arange(1, len(values) + 1)
        heights = np.array([np.nan if value is None else value for value in values], np.float64)
        axes.plot(numbers, heights, color=MAIN, linewidth=1.8, marker="o" if len(values) <= 20 else "", ms=3)
        if best is not None:
            axes.plot([best + 1], [heights[best]], "o", color=OTHER, ms=6)
        _quiet(axes)
        axes.locator_params(nbins=5)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.set_xlim(0.5, len(values) + 0.5)
        axes.set_xlabel("epoch")

    return _svg(draw, name, 3.1, 2.0)


def calibration(found: Reliability, name: str) -> str:
    """Score against truth, in bins, with the number of photos of each below."""

    def draw(figure: Any) -> None:
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(4, 1))
        left = np.arange(BINS) / BINS
        upper.bar(left, found.right, 0.9 / BINS, align="edge", color=MAIN, alpha=0.75)
        upper.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        upper.set(ylim=(0, 1), ylabel="share that is right")
        lower.bar(left, found.count, 0.9 / BINS, align="edge", color=SOFT, alpha=0.6)
        lower.set(xlim=(0, 1), xlabel="score", ylabel="photos")
        lower.locator_params(axis="y", nbins=2)
        figure.align_ylabels()
        for axes in (upper, lower):
            _quiet(axes)

    return _svg(draw, name, 3.1, 2.9)


def precision_recall(curves: Mapping[str, Curve], name: str) -> str:
    """Precision (101,) at recalls 0 to 1: each label thin, "all labels" bold, "any label" dashed."""
    styles: dict[str, dict[str, Any]] = {
        "all labels": {"color": MAIN, "linewidth": 2.2, "label": "mean over labels"},
        "any label": {"color": OTHER, "linewidth": 1.8, "linestyle": (0, (4, 2)), "label": "any label"},
    }
    thin = {"color": SOFT, "linewidth": 0.8, "alpha": 0.55}

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for label, curve in curves.items():
            axes.plot(np.linspace(0, 1, len(curve)), curve, **styles.get(label, thin))
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
        axes.legend(loc="lower left", labelcolor=INK)
        _quiet(axes)

    return _svg(draw, name, 3.7, 2.8)


def _svg(draw: Callable[[Any], None], name: str, wide: float, high: float) -> str:
    """What `draw` puts into a figure of so many inches. No state of matplotlib's is changed.

    Raises:
        TrainingError: matplotlib is missing.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise TrainingError("the report's charts need matplotlib: `pip install 'tagmill[train]'`") from None
    drawn = io.StringIO()
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(wide, high))
        draw(figure)
        figure.savefig(drawn, format="svg", transparent=True)
    return _inline(drawn.getvalue(), name)


def _quiet(axes: Any) -> None:
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)


def _inline(svg: str, name: str) -> str:
    """The `<svg>` element alone: no namespaces, which HTML does without, no ids but those that are referred to."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"/>', "", body)
    body = re.sub(r'<g id="[^"]*">', "<g>", body)
    body = re.sub(r"font-family: [^;\"]*|font: ([\d.]+px)[^;\"]*", _plain_font, body)
    view = re.search(r'viewBox="[^"]*"', body)
    head = f'<svg class="chart" {view[0] if view else ""} role="img" aria-label="{escape(name)}">'
    body = re.sub(r"\s*\n\s*", " ", re.sub(r"<svg[^>]*>", lambda _: head, body))
    for stand_in, variable in _NAMES.items():
        body = body.replace(stand_in, f"var({variable})")
    return body.strip()


def _plain_font(found: re.Match[str]) -> str:
    return f"font-size: {found[1]}" if found[1] else "font-family: inherit"
