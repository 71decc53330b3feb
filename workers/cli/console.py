"""How the command line speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from rich.table import Table

from workers.terminal import PlainConsole, plain

OUTAGE = 75  # EX_TEMPFAIL of sysexits.h
"""Exit code where a service was away: the same command may do when it is back."""
STOPPED = 130
"""Exit code after Ctrl-C, as a shell has it."""

out = PlainConsole(highlight=False)
err = PlainConsole(stderr=True, highlight=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Warnings of the log alone: what is news for a worker's log is none for who waits for an answer."""
    usual = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(wrapper_class=usual)


def print_json(value: Any) -> None:
    """One JSON document on standard output, for scripts."""
    print(plain(json.dumps(value, default=_plain, ensure_ascii=False)))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def table(*columns: str, title: str | None = None) -> Table:
    """A plain table: columns that start with `#` hold numbers and are aligned to the right."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        number = column.startswith("#")
        made.add_column(column.lstrip("#"), justify="right" if number else "left", no_wrap=number)
    return made


def duration(seconds: float | None) -> str:
    """`1:02:03`, or a dash where nothing is known."""
    return "–" if seconds is None else str(timedelta(seconds=round(seconds)))


def size(count: float) -> str:
    """`1.3 GB`."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
