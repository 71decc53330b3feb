"""`tagmill readers add|list|remove`: who may read the views in SQL."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Annotated
from urllib.parse import quote

import sqlalchemy as sa
import typer
from rich.markup import escape

from catalog import readers as catalog_readers
from workers.cli.console import err, out, print_json, table
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

readers = typer.Typer(
    no_args_is_help=True, help="Add, list and remove roles that may read the views, and nothing else."
)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A role's name, as Postgres is to know it.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(readers, name="readers")


@readers.command()
def add(
    name: NameArgument,
    timeout: Annotated[
        int, typer.Option(min=1, max=86_400, help="Seconds after which a query of this role is ended.")
    ] = 300,
    as_sql: Annotated[
        bool, typer.Option("--sql", help="Change nothing; print the SQL for an administrator to run.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a role that may read the documented views, and print its URL, once. Again: a new password.

    It cannot read tables and cannot write. Roles that Tagmill did not make for this database are left alone.

    Examples: tagmill readers add anna

    tagmill readers add anna --sql > anna.sql
    """
    if as_sql and as_json:
        raise typer.BadParameter("choose --sql or --json")
    engine, password = Runtime(settings()).engine, token_urlsafe(24)
    with engine.begin() as connection:
        if as_sql:
            for statement in catalog_readers.script(connection, name, password, timeout):
                print(f"{statement};")
        else:
            new = catalog_readers.add(connection, name, password, timeout)
    shown = _url(engine.url, name, password)
    if as_json:
        print_json({"name": name, "url": shown, "new": new, "statement_timeout_seconds": timeout})
        return
    (err if as_sql else out).print(escape(shown), soft_wrap=True)
    err.print("the password is shown this once; `tagmill readers add` again makes another")
    if as_sql:
        err.print(f"run the SQL in the database {escape(str(engine.url.database))}", soft_wrap=True)


@readers.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """The readers of this database.

    Example: tagmill readers list
    """
    with Runtime(settings()).engine.connect() as connection:
        found = catalog_readers.every(connection)
    if as_json:
        print_json(found)
        return
    made = table("reader", "#statement timeout", "#connections now")
    for reader in found:
        made.add_row(escape(reader.name), reader.statement_timeout, str(reader.connections))
    out.print(made)


@readers.command()
def remove(name: NameArgument, as_json: JsonFlag = False) -> None:
    """Shut a reader out, end its sessions and drop its role.

    What it owned, if anything, belongs to the database's user from then on.

    Example: tagmill readers remove anna
    """
    catalog_readers.remove(Runtime(settings()).engine, name)
    if as_json:
        print_json({"name": name, "removed": True})
    else:
        out.print(f"{escape(name)} is gone")


def _url(ours: sa.URL, name: str, password: str) -> str:
    """As any client of Postgres reads it. SQLAlchemy would leave spaces in a name as they are."""
    made = ours.set(drivername="postgresql", username="NAME", password=password)
    return made.render_as_string(hide_password=False).replace("NAME", quote(name, safe=""), 1)
