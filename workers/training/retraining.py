"""Train from the catalog when it is due, once, and publish what comes of it as a candidate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog

from catalog import jobs, locks, schedules
from models.errors import ModelError, RecipeError, TrainingError
from models.training import recipe
from models.training.folder import RunFolder
from workers.runtime import Runtime
from workers.settings import home
from workers.training.publishing import publish
from workers.training.running import Stopped, train

log = structlog.get_logger()

SCHEDULE: Final = "retrain"
Ending = Callable[[], bool]


def retrain(runtime: Runtime, scheduled_for: datetime, ending: Ending) -> None:
    """Do the training that was due then, unless another does it, or has done it.

    A training that fails is closed with its reason. One that is stopped or killed, or whose services go away, stays
    open, to be gone on with: see `left_behind`. So does one whose lock was lost meanwhile: another may be at it.
    """
    with locks.training(runtime.engine) as lock:
        if lock is None:
            log.info("another training is under way", scheduled_for=scheduled_for.isoformat())
            return
        with runtime.engine.begin() as connection:
            job_id = schedules.begin(connection, SCHEDULE, scheduled_for, _subject(runtime))
        if job_id is None:
            log.info("this training is over", scheduled_for=scheduled_for.isoformat())
            return
        with structlog.contextvars.bound_contextvars(job=job_id):
            _do(runtime, job_id, scheduled_for, ending, lock)


def left_behind(runtime: Runtime) -> list[datetime]:
    """Times whose training was begun and is not over, while nobody trains: their process died, or was stopped."""
    with runtime.engine.begin() as connection:
        return schedules.left_behind(connection, SCHEDULE) if locks.nobody_trains(connection) else []


def _do(runtime: Runtime, job_id: int, scheduled_for: datetime, ending: Ending, lock: locks.Training) -> None:
    log.info("training begins", scheduled_for=scheduled_for.isoformat())
    try:
        subject, summary = _train_and_publish(runtime, scheduled_for, ending, lock)
    except Stopped as reason:
        log.warning("training stopped; it goes on when a trainer runs", reason=str(reason))
        return
    except ModelError as error:
        log.error("training failed", error=str(error))
        if not lock.holds():
            return  # another may do better, and has the last word
        subject, summary = _subject(runtime), {"error": str(error)}
    else:
        log.info("training done", **summary)
    with runtime.engine.begin() as connection:
        jobs.close(connection, job_id, summary, subject=subject)


def _train_and_publish(
    runtime: Runtime, scheduled_for: datetime, ending: Ending, lock: locks.Training
) -> tuple[str, dict[str, Any]]:
    """The candidate's key, and what is kept of the run."""
    # Not by the model's name, which may be another when the training is gone on with.
    folder = RunFolder(home() / SCHEDULE / f"{scheduled_for:%Y%m%dT%H%M}")
    figures: dict[str, Any] = {}
    if not folder.finished:  # else only publishing was left to do
        log_file = folder.path.with_suffix(".log")
        figures = train(_arguments(runtime, folder), log_file, ending).get("after", {})
    if not lock.holds():
        raise Stopped("its lock was lost with the connection to Postgres")
    version, new = publish(runtime, folder.path, {})
    return version.key, {"model": version.key, "new": new, "run": str(folder.path), "figures": figures}


def _arguments(runtime: Runtime, folder: RunFolder) -> list[str]:
    if folder.recipe.exists():
        return ["--resume", "--out", str(folder.path)]
    reference = wanted(runtime)
    recipe.load(reference)  # what is wrong with it is said in its own words
    return ["--from-catalog", "--recipe", reference, "--out", str(folder.path)]


def wanted(runtime: Runtime) -> str:
    """The recipe that is set. Raises RecipeError."""
    if runtime.settings.retrain_recipe is None:
        raise RecipeError("TAGMILL_RETRAIN_RECIPE is not set: name a recipe's file (docs/labels.md)")
    return runtime.settings.retrain_recipe


def _subject(runtime: Runtime) -> str:
    """The model's name, or what should have been its recipe."""
    reference = runtime.settings.retrain_recipe or "no recipe"
    try:
        return recipe.load(reference).name
    except TrainingError:
        return Path(reference).name
