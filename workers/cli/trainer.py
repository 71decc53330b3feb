"""`tagmill trainer`: the host that retrains on a schedule."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from workers.cli.console import err
from workers.runtime import Runtime
from workers.settings import settings


def register(app: typer.Typer) -> None:
    app.command()(trainer)


def trainer(
    name: Annotated[str | None, typer.Option("--name", "-n", help="Name of this host in Flower.")] = None,
) -> None:
    """Train from people's labels whenever TAGMILL_RETRAIN_AT says, and publish a candidate; nothing is promoted.

    One process, which does nothing else; beat sends it the times. Each is done once, however many beats and trainers
    run. Stopped or killed, a training goes on after its last whole epoch when a trainer runs again.

    Example: TAGMILL_RETRAIN_RECIPE=shoes.yaml TAGMILL_RETRAIN_AT="0 3 * * 0" tagmill trainer
    """
    from models.training import recipe
    from workers.celery_app import app, train_queue
    from workers.host import TRAINER
    from workers.training.retraining import wanted

    recipe.load(
        wanted(Runtime(settings()))
    )  # what is wrong with it is better said now than on Sunday at three
    if settings().retrain_at is None:
        err.print("TAGMILL_RETRAIN_AT is not set: this trainer waits for what is sent by hand")
    os.environ[TRAINER] = "1"
    app.worker_main(
        [
            "worker",
            "--pool=prefork",
            "--concurrency=1",
            f"--queues={train_queue(settings())}",
            "--without-gossip",
            "--without-mingle",
            f"--hostname={name or 'trainer'}@%h",
        ]
    )
