"""`tagmill webhooks add|list|remove|test|retry`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from catalog import webhooks as catalog_webhooks
from catalog.errors import AddressRefused, NoAnswer
from catalog.events import Event
from workers.cli.console import out, print_json, table
from workers.cli.options import JsonFlag
from workers.outward import destination
from workers.runtime import Runtime
from workers.settings import settings
from workers.webhooks import complaint, send, trial

webhooks = typer.Typer(
    no_args_is_help=True, help="Add, list, remove, test and retry webhooks: addresses told of what happens."
)

WebhookArgument = Annotated[
    int, typer.Argument(metavar="ID", help="A webhook's number, see `tagmill webhooks list`.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(webhooks, name="webhooks")


@webhooks.command()
def add(
    url: Annotated[str, typer.Argument(help="https://host/path, of a public address.")],
    on: Annotated[list[Event], typer.Option(help="What it is told of; repeatable.")],
    label: Annotated[
        list[str] | None, typer.Option(help="With label.seen: a label to watch for; repeatable.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell an address what happens. Its secret is shown now and never again; requests are signed with it.

    Example: tagmill webhooks add https://shop.example/hooks --on job.done --on label.seen --label Dress
    """
    if (Event.LABEL_SEEN in on) != bool(label):
        raise typer.BadParameter("label.seen and --label go together: which labels are to be told of?")
    config = settings()
    destination(url, config.inside_hosts)
    with Runtime(config).engine.begin() as connection:
        made = catalog_webhooks.add(connection, url, on, label or ())
    if as_json:
        print_json(made)
        return
    out.print(f"webhook {made.id} is added; its secret, shown this once:")
    print(made.secret)  # not through Rich, which would wrap it
    out.print(f"next: [bold]tagmill webhooks test {made.id}[/bold]")


@webhooks.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """All webhooks, with deliveries that wait, those given up, and the latest error.

    Example: tagmill webhooks list
    """
    with Runtime(settings()).engine.connect() as connection:
        found = catalog_webhooks.every(connection)
    if as_json:
        print_json(found)
        return
    made = table("#id", "url", "told of", "labels", "#pending", "#failed", "last error")
    for one in found:
        labels, error = escape(", ".join(one.labels) or "–"), escape(one.last_error or "–")
        counts = (f"{one.pending:,}", f"{one.failed:,}")
        url = Text(one.url, overflow="fold")
        made.add_row(str(one.id), url, ", ".join(one.events), labels, *counts, error)
    out.print(made if found else "no webhooks yet: tagmill webhooks add URL --on job.done")


@webhooks.command()
def remove(webhook: WebhookArgument, as_json: JsonFlag = False) -> None:
    """Forget a webhook, and what it was to be told.

    Example: tagmill webhooks remove 2
    """
    with Runtime(settings()).engine.begin() as connection:
        removed = catalog_webhooks.remove(connection, webhook)
    if as_json:
        print_json({"removed": removed.id, "url": removed.url})
    else:
        out.print(f"webhook {removed.id}, {escape(removed.url)}, is removed", soft_wrap=True)


@webhooks.command("test")
def send_test(webhook: WebhookArgument, as_json: JsonFlag = False) -> None:
    """Send the event webhook.test now, and show the answer. Exit code 1 where that is no success.

    Example: tagmill webhooks test 2
    """
    config = settings()
    with Runtime(config).engine.connect() as connection:
        found = catalog_webhooks.find(connection, webhook)
    status, body = None, ""
    try:
        answer = send(trial(found), config.inside_hosts)
        status, body, error = answer.status, answer.body, complaint(answer)
    except (AddressRefused, NoAnswer) as trouble:
        if not as_json:
            raise
        error = str(trouble)
    if as_json:
        print_json({"delivered": error is None, "status": status, "answer": body, "error": error})
    else:
        out.print(escape(error or f"delivered: {status} {body}"), soft_wrap=True)
    if error is not None:
        raise typer.Exit(1)


@webhooks.command()
def retry(webhook: WebhookArgument, as_json: JsonFlag = False) -> None:
    """Make failed deliveries again, once the other side is mended; a running worker sends them.

    Example: tagmill webhooks retry 2
    """
    with Runtime(settings()).engine.begin() as connection:
        again = catalog_webhooks.retry(connection, webhook)
    if as_json:
        print_json({"again": again})
    else:
        out.print(f"{again:,} deliveries are made again" if again else "no delivery has failed for good")
