"""`tagmill demo`: a catalog with known answers through the whole system, scored and shown."""

from __future__ import annotations

import os
import webbrowser
from typing import Annotated

import typer

from workers.cli.console import err, out, print_json
from workers.demo.voice import Voice
from workers.runtime import Runtime
from workers.settings import home, settings


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    photos: Annotated[
        int, typer.Option(min=60, max=1200, help="Real product photos, of the 1,200 that are shipped.")
    ] = 1200,
    shelves: Annotated[int, typer.Option(min=20, max=5000, help="Composed shelf photos.")] = 120,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; the rest goes to standard error.")
    ] = False,
    open_sheet: Annotated[
        bool, typer.Option("--open", help="Open the contact sheet in the browser.")
    ] = False,
) -> None:
    """Run a catalog of real photos with known answers through everything, and show what came of it.

    Starts the services, ingests, works all photos off with real worker processes, compares with the known
    answers, asks five questions in SQL and draws a contact sheet. Doing it again takes no new inference.
    Exit code 0 only if every photo ended done.

    Example: tagmill demo --photos 300 --shelves 40
    """
    from workers.demo import report
    from workers.demo.run import run

    voice = Voice(err if as_json else out)
    _services(voice)
    result = run(Runtime(settings()), home(), voice, photo_count=photos, shelf_count=shelves)
    if as_json:
        print_json(report.as_document(result))
    else:
        report.tell_figures(voice, result)
        report.tell_answers(voice, result.answered)
        report.tell_places(voice, result)
    if open_sheet:
        webbrowser.open(result.contact_sheet.as_uri())
    if not result.done.complete:
        raise typer.Exit(1)


def _services(voice: Voice) -> None:
    """The embedded services, unless the environment names others."""
    from workers.embedded import services
    from workers.setup import prepare

    voice.heading("Services: Postgres with pgvector, Redis, S3")
    if "TAGMILL_DATABASE_URL" in os.environ:
        voice.say("those of TAGMILL_DATABASE_URL, TAGMILL_REDIS_URL and TAGMILL_S3_ENDPOINT")
    else:
        services.up(home())
        for service in services.status(home()):
            voice.say(f"{service.name:9} {service.state:9} {service.url_without_secret}")
    added = prepare(Runtime(settings()))
    if added:
        voice.say(f"models added: {', '.join(added)}")
