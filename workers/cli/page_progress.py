"""A progress bar while a page's pictures are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from workers.cli.console import err
from workers.pages.thumbnails import Objects
from workers.runtime import Runtime


@contextmanager
def objects_with_progress(runtime: Runtime) -> Iterator[Objects]:
    """The store's objects for a page, with a bar of how many are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("pictures", total=None)
        yield Objects(
            runtime.store,
            runtime.limits,
            runtime.settings.fetch_threads,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
