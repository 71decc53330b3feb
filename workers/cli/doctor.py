"""`tagmill doctor`: what is wrong, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from workers.cli.console import err, out, print_json
from workers.doctor import Finding, examine
from workers.runtime import Runtime
from workers.settings import settings

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check services, versions, settings, clock, space, leases and work; say what to do about each trouble.

    Exit code 1 when a check fails; warnings are 0. Example: tagmill doctor --json
    """
    with err.status("looking …"):
        findings = list(examine(Runtime(settings())))
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            _show(finding)
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    colour = _COLOURS[finding.level]
    out.print(
        f"[{colour}]{finding.level:4}[/{colour}] {finding.code:22} {escape(finding.sentence)}", soft_wrap=True
    )
    if finding.remedy:
        out.print(f"     {'':22} {escape(finding.remedy)}", soft_wrap=True)
