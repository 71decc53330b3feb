"""`tagmill worker`: the processes that do the work."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from workers.cli.console import err
from workers.embedded.errors import ServiceAway
from workers.health import probe
from workers.runtime import Runtime
from workers.settings import settings


def register(app: typer.Typer) -> None:
    app.command()(worker)


def worker(
    drain: Annotated[bool, typer.Option(help="Exit when nothing is due any more.")] = False,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", "-c", min=1, help="Processes; default one a core, or one a GPU."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto.")] = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="Name of this host in Flower.")] = None,
) -> None:
    """Run models over the photos that wait.

    Picks pool, processes and threads for the device it finds. Start it on as many machines as you like;
    `celery -A workers.celery_app worker` runs the same tasks; pool and processes are then yours to choose. --drain also
    waits for photos that are to be tried again later, and for those that other hosts have in hand.

    Example: tagmill worker --drain
    """
    for variable, value in (("TAGMILL_CONCURRENCY", concurrency), ("TAGMILL_DEVICE", device)):
        if value is not None:  # through the environment, so that child processes read the same settings
            os.environ[variable] = str(value)
    settings.cache_clear()
    if drain:
        _check_services()
    from workers.celery_app import app
    from workers.device import worker_shape
    from workers.host import DRAIN

    if drain:
        os.environ[DRAIN] = "1"
    shape = worker_shape(settings())
    app.conf.worker_pool_start_method = shape.start_method
    arguments = [
        "worker",
        "--pool=prefork",
        f"--concurrency={shape.processes}",
        "--without-gossip",
        "--without-mingle",
    ]
    watched, said_to = err.is_terminal, sys.stderr  # Celery puts a log in its place
    app.worker_main([*arguments, f"--hostname={name or 'tagmill'}@%h"])
    if drain and watched and not Runtime(settings()).ledger.has_open_items():
        print("all is done", file=said_to)


def _check_services() -> None:
    """A worker that stays waits for its services; one that is to end must not wait for ever. Raises ServiceAway."""
    down = [service.name for service in probe(Runtime(settings())) if not service.ok]
    if down:
        raise ServiceAway(
            f"nothing was drained, no answer from {', '.join(down)}. Run `tagmill up`; `tagmill doctor` says why."
        )
