"""The root of the command line, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from psycopg2.errors import InsufficientPrivilege
from pydantic import ValidationError
from rich.markup import escape
from sqlalchemy.exc import OperationalError, ProgrammingError

from catalog.errors import CatalogError, StoreUnavailable
from models.errors import ModelError, TrainingError, first_line
from workers.cli import (
    backup,
    demo,
    doctor,
    duplicates,
    evaluate,
    export,
    exporter,
    failures,
    ingest,
    jobs,
    label,
    models,
    orphans,
    plan,
    readers,
    recommend,
    review,
    roles,
    schedule,
    search,
    serve,
    services,
    shoppers,
    status,
    taxonomy,
    thresholds,
    top,
    train,
    trainer,
    webhooks,
    why,
    worker,
)
from workers.cli.console import OUTAGE, err, out
from workers.embedded.errors import ServiceAway, ServiceError
from workers.logs import log_for_people
from workers.redaction import Redactor
from workers.settings import settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Turns product photos into rows you can query: tags, boxes, masks and embeddings.",
    epilog="Start with: [bold]tagmill up[/bold], [bold]tagmill ingest products.csv[/bold], "
    "[bold]tagmill worker --drain[/bold], [bold]tagmill status[/bold].",
)
for module in (
    *(services, ingest, worker, status, top, jobs, failures, plan, schedule, doctor, models),
    *(search, duplicates, shoppers, recommend, label, review, why, thresholds, taxonomy),
    *(train, evaluate, trainer, export, readers, roles, webhooks, backup, orphans, exporter, serve, demo),
):
    module.register(app)


@app.callback(invoke_without_command=True)
def _root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show_version:
        out.print(f"tagmill {version('tagmill')}")
        raise typer.Exit


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong usage, recipe or labels, 3 done but some
    rows were refused, 75 Postgres or the object store was away: try again when it is back."""
    log_for_people()
    try:
        app()
    except TrainingError as error:  # mostly of the recipe or the data that were named
        _fail(str(error), code=2)
    except (StoreUnavailable, ServiceAway) as error:
        _fail(str(error), code=OUTAGE)
    except (CatalogError, ModelError, ServiceError) as error:
        _fail(str(error))
    except ValidationError as error:
        _fail(_about_settings(error))
    except OperationalError as error:
        _fail(_about_postgres(first_line(error.orig or error)), code=OUTAGE)
    except ProgrammingError as error:
        reason = first_line(error.orig or error)
        if isinstance(error.orig, InsufficientPrivilege):
            _fail(
                f"the role of TAGMILL_DATABASE_URL may not do this ({reason}): use the owner's (docs/operations.md)"
            )
        _fail(f"the database is not at this release's schema ({reason}). Run `tagmill migrate`.")


def _about_postgres(reason: str) -> str:
    if "authentication failed" in reason or "does not exist" in reason:
        return (
            f"Postgres turns us away: {reason}. Another Postgres, perhaps that of another TAGMILL_HOME, may have this "
            "port: stop it, or check TAGMILL_DATABASE_URL."
        )
    return f"Postgres does not answer: {reason}. Run `tagmill up`, or check TAGMILL_DATABASE_URL."


def _about_settings(error: ValidationError) -> str:
    """What is missing, and what is wrong with what is there; never the values, which may be secrets."""
    found = [(f"TAGMILL_{str(one['loc'][0]).upper()}", one) for one in error.errors()]
    missing = [name for name, one in found if one["type"] == "missing"]
    wrong = [f"{name}: {one['msg']}" for name, one in found if one["type"] != "missing"]
    if missing:
        wrong.append(f"{', '.join(missing)} missing: run `tagmill up`, or set them")
    return f"settings: {'; '.join(wrong)} (docs/settings.md)"


def _fail(message: str, code: int = 1) -> None:
    if os.environ.get("TAGMILL_DEBUG"):
        raise
    err.print(f"[bold red]error:[/bold red] {escape(_hidden(message))}", soft_wrap=True)
    sys.exit(code)


def _hidden(message: str) -> str:
    try:
        return Redactor(settings())(message)
    except (
        ValidationError
    ):  # nothing was reached with settings that are wrong, and errors of those show no value
        return message
