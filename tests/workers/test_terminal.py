"""No name obtains anything from the terminal it is printed to."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from rich.progress import Progress

from workers.cli.console import print_json, table
from workers.terminal import PlainConsole, plain, plain_event

EVIL = "a\x1b]0;evil\x07b\x1b[2J\x9b31m\u202egpj.exe\u2066\r\udcff\x00"
OBEYED = ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e", "\u2066", "\r", "\udcff", "\x00")


def console() -> tuple[PlainConsole, io.StringIO]:
    file = io.StringIO()
    return PlainConsole(file=file, force_terminal=True, width=300, highlight=False), file


def test_lines_and_tables_show_what_they_would_obey() -> None:
    out, file = console()
    out.print(f"[bold]error:[/bold] {EVIL}", soft_wrap=True)
    made = table("sku", "title")
    made.add_row(EVIL, "Größe\u00a05 “שלום” 🙂")
    out.print(made)
    printed = file.getvalue()
    assert not [mark for mark in OBEYED if mark in printed]
    assert "\\u001b]0;evil" in printed
    assert "\\u202egpj.exe" in printed
    assert "Größe\u00a05 “שלום” 🙂" in printed
    assert "\x1b[1m" in printed  # our own styles are obeyed


def test_progress_still_moves_the_cursor() -> None:
    out, file = console()
    with Progress(console=out) as bar:
        bar.add_task(EVIL.replace("[", "("), total=3, completed=1)
    assert "\x1b[" in file.getvalue()
    assert "\x1b]0;" not in file.getvalue()


def test_json_says_the_same_and_obeys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"sku": EVIL, "title": "Größe"})
    printed = capsys.readouterr().out
    assert not [mark for mark in OBEYED if mark in printed]
    assert json.loads(printed) == {"sku": EVIL, "title": "Größe"}


_LOG = """
import structlog
from workers.logs import configure_logs
from workers.settings import Settings

configure_logs(Settings())
structlog.get_logger().warning("labels left out: " + EVIL, first=EVIL)
"""


@pytest.mark.parametrize("form", ["console", "json"])
def test_logs(form: str, tagmill_environment: dict[str, str]) -> None:
    """In a process of its own, since a process has one form of logs."""
    code = _LOG.replace("EVIL", ascii(EVIL))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **tagmill_environment, "TAGMILL_LOG_FORMAT": form},
    )
    assert "labels left out" in done.stderr
    assert not [mark for mark in OBEYED if mark in done.stderr]


def test_values_that_are_no_text_stay() -> None:
    assert plain_event(None, "info", {"count": 3, "name": "\x1b"}) == {"count": 3, "name": "\\u001b"}
    assert plain("two\nlines") == "two\nlines"
