"""`tagmill roles set|list|remove` and `tagmill keeper`: parts of the system, each with a login of its own."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Annotated

import typer
from rich.markup import escape

from catalog import parts
from workers.cli.console import err, out, print_json, table
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

roles = typer.Typer(
    no_args_is_help=True,
    help="Give each part of the system a role of its own, with the rights that it needs.",
)

PartArgument = Annotated[str, typer.Argument(metavar="PART", help=f"One of {', '.join(parts.PARTS)}.")]


def register(app: typer.Typer) -> None:
    app.add_typer(roles, name="roles")
    app.command()(keeper)


@roles.command("set")
def set_(
    part: PartArgument,
    as_sql: Annotated[
        bool, typer.Option("--sql", help="Change nothing; print the SQL for an administrator to run.")
    ] = False,
) -> None:
    """Make the role of a part, and print its TAGMILL_DATABASE_URL, once. Again: a new password.

    To be run as the owner of the tables. `tagmill migrate` does it for all that TAGMILL_ROLE_PASSWORDS names.

    Example: tagmill roles set worker
    """
    engine, password = Runtime(settings()).engine, token_urlsafe(24)
    with engine.begin() as connection:
        if as_sql:
            statements = parts.script(connection, part, password)
            print("".join(f"{statement};\n" for statement in statements), end="")
            name = parts.role_name(connection, part)
        else:
            name = parts.set_password(connection, part, password)
    url = engine.url.set(username=name, password=password)
    (err if as_sql else out).print(escape(url.render_as_string(hide_password=False)), soft_wrap=True)
    err.print("the password is shown this once; `tagmill roles set` again makes another")


@roles.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """The roles of this database's parts.

    Example: tagmill roles list
    """
    with Runtime(settings()).engine.connect() as connection:
        found = parts.every(connection)
    if as_json:
        print_json(found)
        return
    made = table("part", "role", "#connections now")
    for one in found:
        made.add_row(one.part, escape(one.name), str(one.connections))
    out.print(made)


@roles.command()
def remove(part: PartArgument) -> None:
    """End the sessions of a part's role and drop it.

    Example: tagmill roles remove trainer
    """
    with Runtime(settings()).engine.begin() as connection:
        parts.remove(connection, part)
    out.print(f"the role of {part} is gone")


def keeper() -> None:
    """Tell webhooks and index vectors, until Ctrl-C, for worker hosts that log in as `worker` and may not.

    It sees no photo. Where hosts log in as the tables' owner they do it themselves, and no keeper is needed.

    Example: tagmill keeper
    """
    from workers.keeping import keep
    from workers.logs import configure_logs

    configure_logs(settings())
    err.print("webhooks are told and vectors indexed, until Ctrl-C")
    keep(Runtime(settings()))
