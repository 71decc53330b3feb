"""A frame as a terminal shows it: a pure function of the frame and the terminal's width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from catalog.activity import BUCKET_SECONDS
from catalog.jobs import Progress
from catalog.ledger import LANES
from workers.cli.console import duration, table
from workers.cli.job_table import left, progress_as_dict, rate, short, state
from workers.watching import Frame, Ledger

WIDE = 120
LEVELS = "▁▂▃▄▅▆▇█"
ROWS_SHOWN = 8


def draw(frame: Frame, width: int, *, late: bool = False) -> RenderableType:
    """Everything, one below the other; on wide terminals what is small stands side by side.

    `late` where a newer frame should have come by now.
    """
    parts = [_head(frame, late)]
    parts += [Text(f"{one.name}: {one.detail}", "red") for one in frame.services if not one.ok]
    if frame.ledger is None:
        parts += [_lanes(frame), Text("jobs, workers and failures are shown when Postgres answers", "dim")]
    else:
        parts += _of_ledger(frame, frame.ledger, width)
    return Group(*(line for part in parts for line in (part, Text())))


def sparkline(values: Sequence[float]) -> str:
    """One character a value, as high as its share of the largest; what is not nothing is seen."""
    largest = max(values, default=0)
    if not largest:
        return LEVELS[0] * len(values)
    steps = len(LEVELS) - 1
    return "".join(LEVELS[max(value > 0, round(steps * value / largest))] for value in values)


def _of_ledger(frame: Frame, ledger: Ledger, width: int) -> list[RenderableType]:
    small = [_lanes(frame), _workers(frame, ledger), _failures(ledger)]
    sides = [_beside(small)] if width >= WIDE else small
    return [_throughput(ledger, width), _jobs(ledger, width), *sides, _serving(ledger)]


def _beside(parts: Sequence[RenderableType]) -> Table:
    grid = Table.grid(padding=(0, 4, 0, 0))
    grid.add_row(*parts)
    return grid


def _head(frame: Frame, late: bool) -> RenderableType:
    line = Text(f"{frame.at.astimezone():%H:%M:%S}  tagmill", "bold")
    if late:
        line.append("   old: nothing new has come since", "bold red")
    for service in frame.services:
        line.append(f"   {service.name} ", "default")
        line.append(*(("up", "green") if service.ok else ("down", "bold red")))
    return line


def _throughput(ledger: Ledger, width: int) -> RenderableType:
    line = Text("photos/s ")
    line.append(f"{ledger.per_second:,.1f}", "bold green")
    line.append(f" in 10 s, {ledger.per_second_of_minute:,.1f} in a minute  ")
    room = max(0, width - line.cell_len - len(" 10 min"))
    shown = ledger.photos[max(0, len(ledger.photos) - room) :]
    if len(shown) * BUCKET_SECONDS >= 60:
        line.append(sparkline(shown), "green")
        line.append(f" {len(shown) * BUCKET_SECONDS // 60} min", "dim")
    return line


def _workers(frame: Frame, ledger: Ledger) -> RenderableType:
    if not ledger.leases:
        return Text("no worker holds photos", "dim")
    photos = sum(lease.photos for lease in ledger.leases)
    holders = "1 process holds" if len(ledger.leases) == 1 else f"{len(ledger.leases)} processes hold"
    head = Text(f"{holders} {photos:,} photos", "bold")
    made = table("#photos", "of job", "#silent for")
    for lease in ledger.leases[:ROWS_SHOWN]:
        late = Text(f"{max(0.0, frame.lease_seconds - lease.expires_in):.0f} s")
        late.stylize("bold red" if lease.expires_in < 0 else "")
        made.add_row(f"{lease.photos:,}", ", ".join(map(str, lease.job_ids)), late)
    return Group(head, _with_rest(made, len(ledger.leases) - ROWS_SHOWN))


def _lanes(frame: Frame) -> RenderableType:
    made = table("lane", "#messages", "#oldest due for")
    for lane in LANES:
        messages = "–" if frame.messages is None else f"{frame.messages[lane]:,}"
        oldest = frame.ledger.oldest_due.get(lane) if frame.ledger else None
        made.add_row(lane, messages, duration(oldest))
    return made


def _failures(ledger: Ledger) -> RenderableType:
    if not ledger.failures:
        return Text("nothing failed in a day", "dim")
    made = table("#items failed in a day", "code", "see")
    for found in ledger.failures[:ROWS_SHOWN]:
        made.add_row(f"{found.failures:,}", escape(found.code), f"tagmill jobs show {found.job_id}")
    return _with_rest(made, len(ledger.failures) - ROWS_SHOWN)


def _serving(ledger: Ledger) -> RenderableType:
    return Text("serving  " + "  ".join(ledger.serving), "dim")


def _jobs(ledger: Ledger, width: int) -> RenderableType:
    if not ledger.jobs:
        return Text("no job is open", "dim")
    name, bar = (28, 30) if width >= WIDE else (14, 10)
    made = table("#job", "of", "state", "", "#done", "#failed", "#to do", "#items/s", "#left")
    for job in ledger.jobs:
        counts = (f"{n:,}" for n in (job.done, job.quarantined, job.open))
        made.add_row(
            str(job.job_id),
            escape(short(job.subject, name)),
            state(job),
            _bar(job, bar),
            *counts,
            rate(job),
            left(job),
        )
    warnings = [Text(f"job {job.job_id}: {job.warning}", "yellow") for job in ledger.jobs if job.warning]
    return Group(_with_rest(made, ledger.open_jobs - len(ledger.jobs)), *warnings)


def _bar(job: Progress, width: int) -> ProgressBar:
    return ProgressBar(total=max(1, job.items), completed=job.closed, width=width)


def _with_rest(made: RenderableType, more: int) -> RenderableType:
    return Group(made, Text(f"and {more:,} more", "dim")) if more > 0 else made


def as_document(frame: Frame) -> dict[str, Any]:
    """For --json."""
    ledger = frame.ledger
    return {
        "at": frame.at,
        "services": frame.services,
        "messages": frame.messages,
        "photos_per_second": ledger and {"10s": ledger.per_second, "60s": ledger.per_second_of_minute},
        "leases": ledger and ledger.leases,
        "oldest_due": ledger and ledger.oldest_due,
        "jobs": ledger and [progress_as_dict(job) for job in ledger.jobs],
        "open_jobs": ledger and ledger.open_jobs,
        "failures": ledger and ledger.failures,
        "serving": ledger and ledger.serving,
    }
