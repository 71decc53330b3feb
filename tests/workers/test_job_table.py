"""Jobs as a table on a narrow terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console, RenderableType

from catalog.jobs import Progress
from workers.cli.job_table import jobs_table

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def progress(**changes: Any) -> Progress:
    """A job of a million items that has run for an hour; what is not named is 0."""
    counts = dict.fromkeys(("pending", "leased", "retry", "done", "quarantined", "cancelled"), 0)
    fields: dict[str, Any] = {
        "job_id": 12,
        "kind": "ingest",
        "subject": "/srv/catalogs/products.csv",
        "created_at": NOW - timedelta(hours=1),
        "state": "running",
        **counts,
        "first_finished_at": NOW - timedelta(hours=1),
        "last_finished_at": NOW,
        "lane": "backlog",
        "error": None,
        "seen_at": NOW,
        "workers_busy": True,
        **changes,
    }
    return Progress(items=sum(fields[name] for name in counts), **fields)


def drawn(what: RenderableType, width: int) -> list[str]:
    """As a terminal of that width shows it, without trailing blanks."""
    console = Console(file=StringIO(), width=width)
    console.print(what)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_what_is_told_of_a_job_has_lines_of_its_own() -> None:
    stands_still = progress(
        pending=6000, retry=3, done=7200, workers_busy=False, last_finished_at=NOW - timedelta(minutes=9)
    )
    lines = drawn(jobs_table([stands_still, progress(job_id=11, done=5)]), 80)
    assert " ".join(lines[1].split()) == "12 products.csv running 13,203 7,200 6,003 0 2 0:42:31"
    assert " ".join(lines[2].split()) == "11 products.csv running 5 5 0 0 0 0:00:00"
    assert lines[3] == "job 12: 3 given back or to be tried again"
    told = (
        "job 12: nothing was finished for 9 min; no worker holds any of it: is one running (tagmill worker)?"
    )
    assert " ".join(lines[4:]) == told


def test_why_a_job_failed_stands_below_the_table() -> None:
    failed = progress(kind="export", state="failed", error="cannot write [/data]: no room")
    lines = drawn(jobs_table([failed]), 80)
    assert " ".join(lines[1].split()) == "12 products.csv failed – – – – – –"
    assert lines[2:] == ["job 12: cannot write [/data]: no room"]


def test_of_a_finished_job_no_time_is_left() -> None:
    lines = drawn(jobs_table([progress(state="finished", done=5)]), 80)
    assert lines[1].split()[-1] == "–"
