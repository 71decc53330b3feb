"""A measured figure, and a table of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

_MARKS = {None: "", True: "yes", False: "no"}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `at_least` says on which side of `target` it is to be; without a target it is only told."""

    name: str
    value: float
    unit: str
    target: float | None
    at_least: bool
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Row:
        """What `to_dict` gave; the mark is found out anew."""
        told = ("name", "value", "unit", "target", "note")
        return cls(**{name: found[name] for name in told}, at_least=found["at_least"])

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "target": self.target,
            "at_least": self.at_least,
            "met": self.met,
            "note": self.note,
        }

    def shown_target(self) -> str:
        """As people write it, such as "≤ 30"."""
        return "" if self.target is None else f"{'≥' if self.at_least else '≤'} {self.target:g}"


def print_rows(rows: Iterable[Row]) -> None:
    """The rows as a table on standard output."""
    table = Table("figure", "value", "unit", "target", "met", "note")
    for row in rows:
        value = f"{row.value:,.2f}" if abs(row.value) < 100 else f"{row.value:,.0f}"
        table.add_row(row.name, value, row.unit, row.shown_target(), _MARKS[row.met], row.note)
    console = Console()
    console.width = max(console.width, 140)  # where it is no terminal, Rich would fold the table
    console.print(table)


def run(about: str | None, measure: Callable[[bool], list[Row]]) -> None:
    """A part of the benchmarks as a program of its own."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="fewer photos, rows and rounds")
    print_rows(measure(parser.parse_args().quick))
