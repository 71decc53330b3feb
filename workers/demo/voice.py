"""How the demo tells what it does: headings, lines, and progress that suits a terminal or a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Update = Callable[[int, str], None]
"""Takes how much is done, and a short note."""

_LINE_EVERY = 3.0  # seconds, where a bar cannot be drawn


class Voice:
    """Speaks on one console."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._steps = 0

    def heading(self, text: str) -> None:
        self._steps += 1
        self.console.print(f"\n[bold]{self._steps}  {escape(text)}[/bold]")

    def say(self, text: str) -> None:
        """A line below the heading; `text` may hold markup."""
        self.console.print(f"   {text}", soft_wrap=True)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Update]:
        """A bar of `total` while the block runs; on a console that is no terminal, a line now and then."""
        if not self.console.is_terminal:
            yield self._lines(what, total)
            return
        columns = (
            TextColumn("   {task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}  {task.fields[note]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(what, total=total, note="")
            yield lambda done, note: bar.update(task, completed=done, note=note)

    def _lines(self, what: str, total: int) -> Update:
        last = time.monotonic()

        def update(done: int, note: str) -> None:
            nonlocal last
            if time.monotonic() - last >= _LINE_EVERY:
                last = time.monotonic()
                self.say(f"{what}: {done:,} of {total:,}  {note}".rstrip())

        return update
