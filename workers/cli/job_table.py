"""Jobs as a table, for `tagmill status` and `tagmill jobs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from catalog.jobs import Progress
from workers.cli.console import duration, table

COLOURS = {
    "paused": "yellow",
    "cancelling": "red",
    "cancelled": "dim",
    "failed": "red",
    "finished": "dim",
    "running": "green",
}


def jobs_table(progress: Sequence[Progress]) -> RenderableType:
    """A row a job, and below the table what is under way or wrong, a line each: columns would squeeze it."""
    if not progress:
        return Text("no jobs yet: tagmill ingest MANIFEST")
    made = table("#job", "of", "state", "#items", "#done", "#open", "#failed", "#items/s", "#left")
    for p in progress:
        counts = (f"{n:,}" if p.items else "–" for n in (p.items, p.done, p.open, p.quarantined))
        made.add_row(str(p.job_id), escape(short(p.subject)), state(p), *counts, rate(p), left(p))
    return Group(made, *notes(progress))


def notes(progress: Sequence[Progress]) -> list[Text]:
    """What the counts of a job do not say, a line each."""
    return [
        Text(f"job {p.job_id}: {told}", style)
        for p in progress
        for told, style in ((_under_way(p), "dim"), (p.warning, "yellow"), (p.error, "red"))
        if told
    ]


def state(progress: Progress) -> Text:
    """The job's state, in its colour."""
    lane = " (fresh)" if progress.lane == "fresh" else ""
    return Text(progress.state + lane, COLOURS.get(progress.state, ""))


def rate(progress: Progress) -> str:
    """Items a second, or a dash."""
    return f"{progress.items_per_second:,.0f}" if progress.items_per_second else "–"


def left(progress: Progress) -> str:
    """The time left, or a dash where nobody can tell or nothing is left."""
    return duration(progress.seconds_left if progress.goes_on else None)


def short(subject: str, width: int = 28) -> str:
    """A manifest's or model's name; --json has the whole path."""
    name = subject.rstrip("/").rpartition("/")[2] or subject
    return name if len(name) <= width else f"…{name[1 - width :]}"


def _under_way(p: Progress) -> str:
    counts = (
        (p.leased, "with workers"),
        (p.retry, "given back or to be tried again"),
        (p.cancelled, "given up"),
    )
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)


def progress_as_dict(progress: Progress) -> dict[str, Any]:
    """For --json."""
    derived = {
        "items_per_second": progress.items_per_second,
        "seconds_left": progress.seconds_left,
        "warning": progress.warning or None,
    }
    return {**asdict(progress), **derived}
