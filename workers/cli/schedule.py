"""`tagmill schedule list|run`: what is done at set times."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from catalog import schedules
from catalog.schedules import Run
from workers.cli.console import out, print_json, table
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import Settings, settings

schedule = typer.Typer(no_args_is_help=True, help="What is done at set times: list it, or do it now.")


class Name(StrEnum):
    REPROCESS = "reprocess"
    COLLECT = "collect"
    STATISTICS = "statistics"


def register(app: typer.Typer) -> None:
    app.add_typer(schedule, name="schedule")


@schedule.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """What is due when, within which limits, and what came of it last.

    Set by TAGMILL_REPROCESS_AT, TAGMILL_COLLECT_AT, TAGMILL_STATISTICS_AT and TAGMILL_RETRAIN_AT; beat sends them.
    Example: tagmill schedule list
    """
    from workers import cron

    config = settings()
    with Runtime(config).engine.connect() as connection:
        runs = schedules.newest(connection)
    names = (*Name, "retrain")
    coming = {name: cron.coming(at) for name, at in config.schedules.items()}
    if as_json:
        print_json([_as_dict(name, config, coming.get(name), runs.get(name)) for name in names])
        return
    made = table("schedule", "at (UTC)", "next", "limits", "last time")
    for name in names:
        at = config.schedules.get(name, "–")
        made.add_row(name, at, _time(coming.get(name)), _limits(name, config), _last(runs.get(name)))
    out.print(made)
    if not config.schedules:
        out.print("nothing is scheduled: set TAGMILL_REPROCESS_AT and the like (docs/jobs.md)")


@schedule.command()
def run(name: Annotated[Name, typer.Argument(help="What to do.")], as_json: JsonFlag = False) -> None:
    """Let a worker do it now, as if it were due. Where one is at it already, nothing is done twice.

    Example: tagmill schedule run collect
    """
    from workers.celery_app import NIGHT, app

    now = datetime.now(UTC).replace(microsecond=0)
    app.send_task(NIGHT, kwargs={"schedule": name.value, "scheduled_for": now.isoformat()})
    if as_json:
        print_json({"schedule": name.value, "scheduled_for": now})
    else:
        out.print(f"{name.value} is in the hands of a worker; see: tagmill schedule list")


def _as_dict(name: str, config: Settings, coming: datetime | None, last: Run | None) -> dict[str, Any]:
    return {
        "schedule": name,
        "at": config.schedules.get(name),
        "next": coming,
        "limits": _limits(name, config),
        "last": last,
    }


def _limits(name: str, config: Settings) -> str:
    match name:
        case "reprocess":
            pace = f", {config.reprocess_pace:g} photos/s" if config.reprocess_pace else ""
            return f"{config.reprocess_hours:g} h{pace}"
        case "collect":
            return f"retired for {config.keep_retired_days:g} d, orphans of {config.keep_orphans_days:g} d"
        case _:
            return ""


def _last(run: Run | None) -> str:
    if run is None:
        return "never"
    state = "runs" if run.closed_at is None else f"failed: {run.error}" if run.error else "done"
    return f"{_time(run.scheduled_for)}, job {run.job_id}, {state}"


def _time(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
