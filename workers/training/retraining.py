"""Train from the catalog when it is due, once, and publish what comes of it as a candidate."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from models.errors import RecipeError, TrainingError
from models.training import recipe
from models.training.folder import RunFolder
from workers import due
from workers.runtime import Runtime
from workers.settings import home
from workers.training.publishing import publish
from workers.training.running import train


def retrain(runtime: Runtime, scheduled_for: datetime, ending: due.Ending) -> None:
    """Do the training that was due then, unless another does it, or has done it."""
    due.run(runtime, RETRAIN, scheduled_for, ending)


def _train_and_publish(turn: due.Turn) -> tuple[str, dict[str, Any]]:
    """The candidate's key, and what is kept of the run."""
    # Not by the model's name, which may be another when the training is gone on with.
    folder = RunFolder(home() / RETRAIN.name / f"{turn.scheduled_for:%Y%m%dT%H%M}")
    figures: dict[str, Any] = {}
    if not folder.finished:  # else only publishing was left to do
        log_file = folder.path.with_suffix(".log")
        figures = train(_arguments(turn.runtime, folder), log_file, turn.ending).get("after", {})
    if not turn.lock.holds():
        raise due.Stopped("its lock was lost with the connection to Postgres")
    version, new = publish(turn.runtime, folder.path, {})
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


RETRAIN = due.Schedule("retrain", "retrain", _subject, _train_and_publish)
