"""When something is due, and what beat sends of it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from workers.cron import coming, latest, parse
from workers.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("expression", "now", "due"),
    [
        ("0 3 * * 0", "2026-11-25 12:00", "2026-11-22 03:00"),  # Sunday
        ("0 3 * * 0", "2026-11-22 03:00", "2026-11-22 03:00"),
        ("0 3 * * 0", "2026-11-22 02:59", "2026-11-15 03:00"),
        ("0 3 * * 0", "2026-11-22 03:00:59", "2026-11-22 03:00"),
        ("*/15 * * * *", "2026-11-25 12:14", "2026-11-25 12:00"),
        ("30 22 * * mon-fri", "2026-11-23 01:00", "2026-11-20 22:30"),
        ("0 0 1 1 *", "2026-11-25 12:00", "2026-01-01 00:00"),
        ("0 0 29 2 *", "2026-11-25 12:00", "2024-02-29 00:00"),
        ("  0   3 * * 0 ", "2026-11-25 12:00", "2026-11-22 03:00"),
    ],
)
def test_it_was_due_last(expression: str, now: str, due: str) -> None:
    found = latest(expression, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC).isoformat()


def test_times_are_utc_wherever_the_clock_is() -> None:
    now = datetime(2026, 11, 22, 4, 30, tzinfo=timezone(timedelta(hours=2)))  # 2:30 UTC
    assert latest("0 3 * * 0", now) == "2026-11-15T03:00:00+00:00"


@pytest.mark.parametrize(
    "expression", ["", "3 o'clock", "0 3 * *", "99 3 * * 0", "0 3 * * 0 2026", "0 0 30 2 *"]
)
def test_what_is_no_time_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="is no time such as"):
        parse(expression)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in {
        "DATABASE_URL": "postgresql+psycopg2://nobody@localhost/none",
        "REDIS_URL": "redis://localhost:1/0",
        "S3_ENDPOINT": "http://localhost:1",
        "S3_ACCESS_KEY": "key",
        "S3_SECRET_KEY": "secret",
        "MESSAGE_KEY": "k" * 20,
        "RETRAIN_RECIPE": "shoes.yaml",
        "RETRAIN_AT": "0 3 * * 0",
    }.items():
        monkeypatch.setenv(f"TAGMILL_{name}", value)
    return monkeypatch


ASK = """
import json
from workers.celery_app import RETRAIN, app, settings, train_queue
found = {name: entry["task"] for name, entry in app.conf.beat_schedule.items()}
due = app.conf.beat_schedule.get("retrain", {}).get("kwargs", {"scheduled_for": lambda: None})["scheduled_for"]()
route, queue = app.conf.task_routes[RETRAIN]["queue"], train_queue(settings())
print(json.dumps([found, due, route == queue, queue in [one.name for one in app.conf.task_queues]]))
"""


def beat() -> list[Any]:
    """What beat sends, when the training was due, whether it goes to the trainers, whether workers hear it."""
    done = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, check=True, capture_output=True, timeout=60)
    found: list[Any] = json.loads(done.stdout)
    return found


def test_beat_sends_the_time_to_the_trainers_alone(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TAGMILL_RETRAIN_AT", "0 0 1 1 *")
    both = {"sweep": "tagmill.sweep", "retrain": "tagmill.retrain"}
    assert beat() == [both, latest("0 0 1 1 *"), True, False]


@pytest.mark.parametrize("name", ["RETRAIN_RECIPE", "RETRAIN_AT"])
def test_without_recipe_or_time_nothing_is_trained(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv(f"TAGMILL_{name}", "")
    assert beat()[:2] == [{"sweep": "tagmill.sweep"}, None]


NIGHTS = """
import json
from workers.celery_app import app
found = {name: entry for name, entry in app.conf.beat_schedule.items() if entry["task"] == "tagmill.night"}
called = {name: {key: value() if callable(value) else value for key, value in entry["kwargs"].items()}
          for name, entry in found.items()}
print(json.dumps([called, app.conf.task_routes["tagmill.night"]["queue"]]))
"""


def test_beat_sends_nights_with_the_time_they_are_due_to_workers(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TAGMILL_REPROCESS_AT", "0 0 1 1 *")
    environment.setenv("TAGMILL_COLLECT_AT", "30 4 * * 0")
    done = subprocess.run(
        [sys.executable, "-c", NIGHTS], cwd=ROOT, check=True, capture_output=True, timeout=60
    )
    called, queue = json.loads(done.stdout)
    assert called == {
        "reprocess": {"schedule": "reprocess", "scheduled_for": latest("0 0 1 1 *")},
        "collect": {"schedule": "collect", "scheduled_for": latest("30 4 * * 0")},
    }
    assert queue == "tagmill.0.sweep"


@pytest.mark.parametrize(
    ("expression", "now", "due"),
    [
        ("0 3 * * 0", "2026-11-25 12:00", "2026-11-29 03:00"),
        ("0 3 * * 0", "2026-11-22 03:00", "2026-11-29 03:00"),
        ("0 3 * * 0", "2026-11-22 02:59", "2026-11-22 03:00"),
        ("*/15 * * * *", "2026-11-25 23:50", "2026-11-26 00:00"),
        ("0 0 29 2 *", "2026-11-25 12:00", "2028-02-29 00:00"),
    ],
)
def test_it_will_be_due_next(expression: str, now: str, due: str) -> None:
    found = coming(expression, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_time_that_is_none_is_refused_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TAGMILL_RETRAIN_AT", "on Sundays")
    with pytest.raises(ValidationError, match="is no time such as '0 3"):
        Settings()
