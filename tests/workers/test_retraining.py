"""Training that is due: once, whoever hears of it; gone on with, whoever died; a candidate, and nothing promoted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from catalog import jobs, locks, versions
from models.errors import TrainingError
from tests.catalog.shop import rows
from tests.workers.conftest import tiny_recipe
from tests.workers.labelled import add_bars
from workers import due as scheduled
from workers.runtime import Runtime
from workers.settings import Settings, home
from workers.training import retraining, running
from workers.training.retraining import retrain

SUNDAY = datetime(2026, 11, 22, 3, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
RETRAIN = """
import sys
from datetime import datetime
from workers.runtime import Runtime
from workers.settings import Settings, home
from workers.training.retraining import retrain
retrain(Runtime(Settings()), datetime.fromisoformat(sys.argv[1]), lambda: False)
"""


def retrain_apart() -> subprocess.Popen[bytes]:
    """Another process that does the training of Sunday."""
    return subprocess.Popen([sys.executable, "-c", RETRAIN, SUNDAY.isoformat()], cwd=ROOT)


def never() -> bool:
    return False


def registered(runtime: Runtime) -> list[tuple[str, str]]:
    with runtime.engine.connect() as connection:
        return [(one.key, one.state) for one in versions.every(connection)]


def summaries(runtime: Runtime) -> list[Any]:
    """What is kept of each training that is over, None of one that is not."""
    found = rows(runtime.engine, "SELECT closed_at IS NOT NULL, summary FROM jobs ORDER BY id")
    return [summary if over else None for over, summary in found]


def run_folder() -> Path:
    return home() / "retrain" / "20261122T0300"


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


@pytest.fixture
def due(runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runtime]:
    """A catalog with labels; call it with changes of the recipe that the trainer is told to use."""
    monkeypatch.setenv("TAGMILL_LOADERS", "0")
    monkeypatch.setattr(running, "LOOK_SECONDS", 0.05)

    def set_up(bars: int = 40, **changes: Any) -> Runtime:
        if bars:
            add_bars(runtime, bars)
        path = tmp_path / "recipe.yaml"
        path.write_text(tiny_recipe("", **changes).to_yaml())
        monkeypatch.setenv("TAGMILL_RETRAIN_RECIPE", str(path))
        runtime.settings = Settings()
        return runtime

    return set_up


def test_two_processes_that_hear_of_it_train_once(due: Callable[..., Runtime]) -> None:
    runtime = due()
    both = [retrain_apart(), retrain_apart()]
    assert [process.wait(120) for process in both] == [0, 0]
    retrain(runtime, SUNDAY, never)  # and one that hears of it later
    assert registered(runtime) == [("bars@1", "candidate")]
    (summary,) = summaries(runtime)
    assert summary["model"] == "bars@1"
    assert summary["figures"]
    assert scheduled.left_behind(runtime, "retrain") == []
    (job,) = rows(runtime.engine, "SELECT kind, subject FROM job_progress")
    assert job == ("retrain", "bars@1")


def test_what_a_killed_trainer_left_behind_is_gone_on_with(due: Callable[..., Runtime]) -> None:
    """Its training dies with it, or two would write into one folder."""
    runtime = due(epochs=100)
    trainer = retrain_apart()
    wait_for((run_folder() / "checkpoint.pt").exists)
    assert scheduled.left_behind(runtime, "retrain") == []  # it is being trained
    trainer.send_signal(signal.SIGKILL)
    trainer.wait(10)
    wait_for(lambda: not trainings(), 10)
    wait_for(lambda: scheduled.left_behind(runtime, "retrain") == [SUNDAY])
    retrain(runtime, SUNDAY, never)
    assert run_folder().with_suffix(".log").read_text().count("epoch   1/100") == 1  # it did not begin anew
    assert registered(runtime) == [("bars@1", "candidate")]
    assert (len(summaries(runtime)), scheduled.left_behind(runtime, "retrain")) == (1, [])


def trainings() -> list[int]:
    """Processes that train in the folder of this test."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(run_folder()) in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # it has just ended
            continue
    return found


def test_a_trainer_that_is_stopped_leaves_the_training_to_its_successor(
    due: Callable[..., Runtime], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which goes on by the recipe that it began with, whatever the file says by then, be it another name."""
    monkeypatch.setattr(running, "LOOK_SECONDS", 0.05)  # in a second a fast machine would be done
    runtime = due(epochs=100)
    retrain(runtime, SUNDAY, (run_folder() / "checkpoint.pt").exists)
    assert summaries(runtime) == [None]
    assert scheduled.left_behind(runtime, "retrain") == [SUNDAY]
    assert not trainings()
    assert not (run_folder() / "spec.yaml").exists()
    (tmp_path / "recipe.yaml").write_text(tiny_recipe("", epochs=101, name="stripes").to_yaml())
    retrain(runtime, SUNDAY, never)
    assert yaml.safe_load((run_folder() / "recipe.yaml").read_text())["epochs"] == 100
    assert registered(runtime) == [("bars@1", "candidate")]


def test_a_run_that_is_finished_has_only_to_be_published(
    due: Callable[..., Runtime], finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = due(bars=0)
    run_folder().parent.mkdir(parents=True)
    finished_run.rename(run_folder())
    monkeypatch.setattr(retraining, "train", None)  # would fail
    retrain(runtime, SUNDAY, never)
    assert registered(runtime) == [("bars@1", "candidate")]


def test_a_training_that_fails_is_over_and_says_why(due: Callable[..., Runtime]) -> None:
    runtime = due(bars=0)
    retrain(runtime, SUNDAY, never)
    with runtime.engine.connect() as connection:
        (failure,) = jobs.failures(connection, None, 5)
    assert failure.source == "bars"
    assert "lead to no photo" in failure.reason
    assert "20261122T0300.log" in failure.reason
    assert (registered(runtime), scheduled.left_behind(runtime, "retrain")) == ([], [])


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [("nowhere.yaml", "cannot read the recipe"), (" ", "TAGMILL_RETRAIN_RECIPE is not set")],
)
def test_a_recipe_that_cannot_be_read_is_said_once(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, recipe: str, sentence: str
) -> None:
    monkeypatch.setenv("TAGMILL_RETRAIN_RECIPE", recipe)
    runtime.settings = Settings()
    retrain(runtime, SUNDAY, never)
    retrain(runtime, SUNDAY, never)
    (summary,) = summaries(runtime)
    assert sentence in summary["error"]


def test_while_another_trains_nothing_is_begun_and_it_is_done_afterwards(due: Callable[..., Runtime]) -> None:
    runtime = due()
    with locks.turn(runtime.engine, "retrain") as lock:
        assert lock is not None
        assert lock.holds()
        retrain(runtime, SUNDAY, never)
    assert summaries(runtime) == [None]
    assert scheduled.left_behind(runtime, "retrain") == [SUNDAY]
    retrain(runtime, SUNDAY, never)
    assert registered(runtime) == [("bars@1", "candidate")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAGMILL_DATABASE_URL", "postgresql+psycopg2://a:b@127.0.0.1:1/x"),
        ("TAGMILL_S3_ENDPOINT", "http://127.0.0.1:1"),
    ],
)
def test_while_a_service_is_away_the_training_waits_for_it(
    due: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """It is away for the process that exports and trains."""
    runtime = due(bars=4)
    with monkeypatch.context() as away:
        away.setenv(name, value)
        retrain(runtime, SUNDAY, never)
    assert summaries(runtime) == [None]
    assert scheduled.left_behind(runtime, "retrain") == [SUNDAY]


def test_folders_and_columns_of_the_recipe_are_not_those_of_the_catalog(due: Callable[..., Runtime]) -> None:
    """A run's recipe.yaml, made with --photos, serves as well."""
    columns = {"image": "file", "label": "kind"}
    runtime = due(**{"data.photos": "/nowhere", "data.columns": columns})
    retrain(runtime, SUNDAY, never)
    assert registered(runtime) == [("bars@1", "candidate")]


@pytest.mark.parametrize(
    ("ends", "error", "sentence"),
    [
        ("os.kill(os.getpid(), 9)", running.Stopped, "signal 9 killed it: said last"),
        ("sys.exit(75)", running.Stopped, "a service is away: said last"),
        ("sys.exit(130)", running.Stopped, "asked to stop"),
        ("sys.exit(1)", TrainingError, "ended with code 1: said last"),
        ("sys.exit(2)", TrainingError, "ended with code 2: said last"),
    ],
)
def test_how_a_training_ends_says_whether_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str, error: type[Exception], sentence: str
) -> None:
    says = f"import os, sys; print('said last', file=sys.stderr, flush=True); {ends}"
    monkeypatch.setattr(running, "COMMAND", (sys.executable, "-c", says))
    with pytest.raises(error, match=sentence):
        running.train([], tmp_path / "log", never)


@pytest.mark.parametrize("fails", [False, True])
def test_who_lost_the_lock_while_training_leaves_the_rest_to_who_has_it(
    due: Callable[..., Runtime], finished_run: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    runtime = due(bars=0)

    def trains_while_postgres_starts_anew(*_: Any) -> dict[str, Any]:
        with runtime.engine.begin() as connection:
            others = "pid <> pg_backend_pid() AND datname = current_database()"
            connection.execute(
                sa.text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            )
        if fails:
            raise TrainingError("no luck")
        run_folder().parent.mkdir(parents=True)
        finished_run.rename(run_folder())
        return {}

    with monkeypatch.context() as patch:
        patch.setattr(retraining, "train", trains_while_postgres_starts_anew)
        retrain(runtime, SUNDAY, never)
    assert (registered(runtime), summaries(runtime)) == ([], [None])
    assert scheduled.left_behind(runtime, "retrain") == [SUNDAY]
    if not fails:
        retrain(runtime, SUNDAY, never)
        assert registered(runtime) == [("bars@1", "candidate")]
