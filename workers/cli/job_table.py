"""Jobs as a table, for `tagmill status` and `tagmill jobs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.text import Text

from catalog.jobs import Progress
from workers.cli.console import duration, table

COLOURS = {"paused": "yellow", "cancelling": "red", "cancelled": "dim", "finished": "dim", "running": "green"}


def jobs_table(progress: Sequence[Progress]) -> RenderableType:
    """A row a job, and below it what is under way or wrong."""
    if not progress:
        return Text("no jobs yet: tagmill ingest MANIFEST")
    made = table("#job", "of", "state", "#items", "#done", "#open", "#failed", "#items/s", "#left")
    for p in progress:
        rate = f"{p.items_per_second:,.0f}" if p.items_per_second else "–"
        counts = (p.items, p.done, p.open, p.quarantined)
        state = Text(p.state + (" (fresh)" if p.lane == "fresh" else ""), COLOURS.get(p.state, ""))
        left = duration(p.seconds_left if p.goes_on else 0 if p.state == "finished" else None)
        made.add_row(str(p.job_id), escape(_short(p.subject)), state, *(f"{n:,}" for n in counts), rate, left)
        notes = (
            (p.leased, "with workers"),
            (p.retry, "given back or to be tried again"),
            (p.cancelled, "given up"),
        )
        if told := ", ".join(f"{count:,} {what}" for count, what in notes if count):
            made.add_row("", f"[dim]{told}[/dim]")
        if p.warning:
            made.add_row("", Text(p.warning, "yellow"))
    return made


def progress_as_dict(progress: Progress) -> dict[str, Any]:
    """For --json."""
    derived = {
        "items_per_second": progress.items_per_second,
        "seconds_left": progress.seconds_left,
        "warning": progress.warning or None,
    }
    return {**asdict(progress), **derived}


def _short(subject: str, width: int = 28) -> str:
    name = subject.rstrip("/").rpartition("/")[2] or subject  # --json has the whole path
    return name if len(name) <= width else f"…{name[1 - width :]}"
