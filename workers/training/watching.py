"""A training run at a terminal: what is read, how it learns, how long it still takes."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from models.training.measure import HEADLINE
from models.training.prepare import Prepared
from models.training.recipe import Recipe
from models.training.samples import SPLITS
from models.training.told import Epoch

SHOWN_PROBLEMS = 3
WAITING = 0.1
"""A larger share of the time waited for data is worth a word."""


class Terminal:
    """Prints a line an epoch to standard error, and a bar below it while something goes on."""

    def __init__(self, recipe: Recipe, console: Console) -> None:
        self._recipe = recipe
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[detail]}"))
        self._progress = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
        self._task: TaskID | None = None
        self._what = ""
        self._began = time.monotonic()

    def __enter__(self) -> Terminal:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def looking(self, done: int, total: int) -> None:
        self._bar("looking at photos", done, total, f"{done:,} of {total:,}")

    def prepared(self, data: Prepared, resumed: int) -> None:
        sizes = ", ".join(f"{name} {len(data.samples[name]):,}" for name in SPLITS)
        self._say(f"{data.source}: {len(data.labels)} labels; {sizes} photos")
        if data.duplicates:
            self._say(f"  {data.duplicates} copies of photos in other splits are left out of training")
        for problem in data.problems[:SHOWN_PROBLEMS]:
            self._say(f"  [yellow]{problem.code}[/yellow] {problem.origin}: {problem.sentence}")
        if (more := len(data.problems) - SHOWN_PROBLEMS) > 0:
            self._say(f"  … and {more:,} more, in problems.csv")
        if resumed:
            self._say(f"going on after epoch {resumed}")

    def step(self, epoch: int, step: int, steps: int, loss: float, images_per_second: float) -> None:
        total = steps * self._recipe.epochs
        detail = f"epoch {epoch + 1}/{self._recipe.epochs}  loss {loss:.4f}  {images_per_second:.0f} images/s"
        self._bar("training", epoch * steps + step, total, detail)

    def measuring(self, what: str, done: int, total: int) -> None:
        self._bar(what, done, total, f"{done:,} of {total:,}")

    def epoch(self, found: Epoch, best: bool) -> None:
        headline = HEADLINE[self._recipe.task]
        line = (
            f"epoch {int(found['epoch']) + 1:3}/{self._recipe.epochs}  loss {found['loss']:.4f}  "
            f"{headline} {found['metric']:.4f}{' [green]best[/green]' if best else '     '}  "
            f"{found['images_per_second']:.0f} images/s  waiting {found['waiting']:.0%}"
        )
        self._say(line)
        if found["waiting"] > WAITING:
            self._say(
                "  [yellow]loading photos holds training up; raise TAGMILL_LOADERS, or use smaller files[/yellow]"
            )

    def _bar(self, what: str, done: int, total: int, detail: str) -> None:
        if self._task is None or what != self._what:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task, self._what = self._progress.add_task(what, total=total, detail=detail), what
        self._progress.update(self._task, completed=done, total=total, detail=detail)

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)
