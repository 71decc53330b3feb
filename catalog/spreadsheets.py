"""Cells that a spreadsheet would run as a formula."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """The cell, shown with an apostrophe before it where it would be run."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
