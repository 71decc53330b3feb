"""`tagmill top`: the running system at a glance, in a terminal that is left open."""

from __future__ import annotations

import contextlib
import time
from typing import Annotated

import typer
from rich.console import ConsoleDimensions
from rich.live import Live
from rich.text import Text

from workers.cli.console import out, print_json
from workers.cli.keys import keys
from workers.cli.options import JsonFlag
from workers.cli.top_view import as_document, draw
from workers.health import PATIENCE
from workers.periodic import Periodic
from workers.runtime import Runtime
from workers.settings import settings
from workers.watching import Frame, Watch

KEY_SECONDS = 0.2


def register(app: typer.Typer) -> None:
    app.command()(top)


def top(
    interval: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Show one frame and end.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Services, throughput, workers, lanes, open jobs, failures and serving models, again and again.

    Ends with q or Ctrl-C. Services that go away are shown as down until they are back. What is slow to count is
    counted less often. With --once, --json or where the output is no terminal, it looks once; the exit code is then 1
    when a service does not answer.

    Example: tagmill top --interval 5
    """
    from workers.celery_app import CeleryQueue, app

    runtime = Runtime(settings())
    watch = Watch(runtime, CeleryQueue(app, runtime.settings))
    if not (as_json or once) and out.is_terminal:
        _go_on(watch, interval)
        return
    frame = watch.look()
    if as_json:
        print_json(as_document(frame))
    else:
        out.print(draw(frame, out.width))
    if not frame.healthy:
        raise typer.Exit(1)


class _Looking(Periodic):
    """Looks in a thread, so that a service that hangs holds up neither keys nor the end."""

    def __init__(self, watch: Watch, interval: float) -> None:
        super().__init__("top", interval, self._look)
        self._watch = watch
        self._late_after = interval + 2 * PATIENCE
        self._looked = time.monotonic()
        self.frame: Frame | None = None

    @property
    def late(self) -> bool:
        """Whether a new frame is overdue: what is shown may hold no longer."""
        return time.monotonic() - self._looked > self._late_after

    def _look(self) -> None:
        self.frame = self._watch.look()
        self._looked = time.monotonic()


def _go_on(watch: Watch, interval: float) -> None:
    looking = _Looking(watch, interval)
    shown: tuple[Frame | None, bool, ConsoleDimensions] | None = None
    with (
        contextlib.suppress(KeyboardInterrupt),
        keys() as key,
        Live(console=out, screen=True, auto_refresh=False) as live,
    ):
        looking.start()
        while key(KEY_SECONDS) != "q":
            if shown != (shown := (looking.frame, looking.late, out.size)):
                frame, late, size = shown
                seen = draw(frame, size.width, late=late) if frame else Text("looking …")
                live.update(seen, refresh=True)
