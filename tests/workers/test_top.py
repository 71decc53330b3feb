"""What `tagmill top` gathers, and how it draws it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog import rates
from catalog.activity import BUCKET_SECONDS, FailedCode, Lease
from catalog.ledger import Lane
from tests.catalog.shop import add_images, add_version, execute, make_ledger, plan
from tests.workers.test_job_table import NOW, drawn, progress
from workers.cli.top_view import LEVELS, draw, sparkline
from workers.health import ServiceHealth
from workers.runtime import Runtime
from workers.watching import Frame, Ledger, Watch
from workers.watching.seldom import Seldom

LEDGER = Ledger(
    photos=[0] * 54 + [640, 640, 640, 640, 640, 320],
    leases=[Lease(96, (12, 14), -3.0), Lease(128, (12,), 21.5)],
    oldest_due={"backlog": 4000.0},
    jobs=[
        progress(pending=60_000, leased=896, done=38_000, quarantined=4),
        progress(job_id=14, state="paused", subject="product-cutout@1", pending=9, lane="fresh"),
        progress(job_id=15, pending=9, workers_busy=False, last_finished_at=None, first_finished_at=None),
    ],
    open_jobs=7,
    failures=[FailedCode("truncated", 1204, 12), FailedCode("not_an_image", 2, 11)],
    serving=["product-mask@1", "product-type@2"],
)
UP = [ServiceHealth(name, True, "here") for name in ("postgres", "redis", "s3")]
FRAME = Frame(NOW, UP, {"fresh": 0, "backlog": 200}, LEDGER, lease_seconds=30.0)


# --- drawing


@pytest.mark.parametrize("width", [80, 140])
def test_a_frame_fits_the_terminal_and_says_everything(width: int) -> None:
    lines = drawn(draw(FRAME, width), width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "postgres up" in lines[0]
    assert "32.0 in 10 s, 58.7 in a minute" in text
    assert "2 processes hold 224 photos" in text
    assert "96 12, 14 33 s" in " ".join(text.split())
    assert "1:06:40" in text
    assert "tagmill jobs show 12" in text
    assert "and 4 more" in text
    assert "job 15: nothing was finished for 60 min" in text
    assert "product-type@2" in text
    (row,) = [line.split() for line in lines if line.split()[:1] == ["12"]]
    assert row[1].startswith("prod")
    assert row[2] == "running"
    assert row[4:] == ["38,000", "4", "60,896", "11", "1:36:08"]


@pytest.mark.parametrize(("width", "seconds_shown"), [(40, 0), (50, 0), (60, 120)])
def test_throughput_is_drawn_as_far_as_there_is_room(width: int, seconds_shown: int) -> None:
    lines = drawn(draw(FRAME, width), width)
    assert sum(line.count(level) for line in lines for level in LEVELS) * BUCKET_SECONDS == seconds_shown
    assert "58.7 in a minute" in " ".join(line.strip() for line in lines)


def test_a_frame_that_no_newer_one_follows_is_marked() -> None:
    assert "nothing new has come since" in drawn(draw(FRAME, 80, late=True), 80)[0]
    assert "nothing new" not in "".join(drawn(draw(FRAME, 80), 80))


def test_what_is_small_stands_side_by_side_where_there_is_room() -> None:
    (heads,) = [line for line in drawn(draw(FRAME, 140), 140) if "processes hold" in line]
    assert "oldest due for" in heads
    assert "failed in a day" in heads
    assert len(drawn(draw(FRAME, 80), 80)) > len(drawn(draw(FRAME, 140), 140))


def test_services_that_are_away_are_named_and_the_rest_is_shown() -> None:
    down = [ServiceHealth("postgres", False, "at 5432: connection refused"), *UP[1:]]
    lines = drawn(draw(replace(FRAME, services=down, ledger=None), 80), 80)
    assert "postgres down" in lines[0]
    assert "postgres: at 5432: connection refused" in lines
    assert any(line.split() == ["backlog", "200", "–"] for line in lines)
    without_redis = drawn(draw(replace(FRAME, messages=None), 80), 80)
    assert any(line.split() == ["backlog", "–", "1:06:40"] for line in without_redis)


def test_a_sparkline_shows_the_smallest_and_the_largest() -> None:
    assert sparkline([0, 1, 500, 1000]) == LEVELS[0] + LEVELS[1] + LEVELS[4] + LEVELS[-1]
    assert sparkline([0, 0]) == LEVELS[0] * 2


# --- gathering


class Queue:
    def depth(self, lane: Lane) -> int:
        return {"fresh": 1, "backlog": 7}[lane]


def watch(runtime: Runtime) -> Watch:
    return Watch(runtime, Queue())  # type: ignore[arg-type]


def test_a_frame_tells_how_the_system_stands(runtime: Runtime) -> None:
    engine = runtime.engine
    images, version = add_images(engine, 9), add_version(engine, "shoes").id
    first, paused, over = (plan(engine, some, version) for some in (images[:4], images[4:8], images[8:]))
    execute(engine, "UPDATE jobs SET closed_at = now(), held = CASE id WHEN :id THEN 'paused' END", id=paused)
    execute(engine, "UPDATE work_items SET state = 'done', finished_at = now() WHERE job_id = :id", id=over)
    execute(
        engine,
        "UPDATE work_items SET state = 'quarantined', error_code = 'truncated', error_reason = 'x', "
        "finished_at = now() - :days * interval '1 day' WHERE image_id = :image",
        days=0.5,
        image=images[0],
    )
    make_ledger(engine).claim(images[1:3], uuid4())
    with engine.begin() as connection:
        rates.record(connection, 128, 2.0, [version])
    execute(
        engine,
        "INSERT INTO chunk_runs (photos, seconds, version_ids, finished_at) "
        "VALUES (60, 2, '{1}', now() - interval '35 s'), (9, 2, '{1}', now() - interval '1 h')",
    )
    frame = watch(runtime).look()
    assert frame.healthy
    assert frame.messages == {"fresh": 1, "backlog": 7}
    ledger = frame.ledger
    assert ledger is not None
    assert (ledger.per_second, ledger.per_second_of_minute) == (12.8, (128 + 60) / 60)
    (lease,) = ledger.leases
    assert (lease.photos, lease.job_ids) == (2, (first,))
    assert 25 < lease.expires_in <= 30
    assert [(job.job_id, job.state) for job in ledger.jobs] == [(first, "running"), (paused, "paused")]
    assert ledger.open_jobs == 2
    assert ledger.failures == [FailedCode("truncated", 1, first)]
    assert ledger.serving == ["shoes@1"]
    execute(
        engine, "UPDATE work_items SET finished_at = now() - interval '2 days' WHERE state = 'quarantined'"
    )
    assert (told := watch(runtime).look().ledger) is not None
    assert told.failures == []


def test_a_database_that_goes_away_is_shown_and_seen_again_when_it_is_back(
    runtime: Runtime, server: sa.Engine
) -> None:
    looking, name = watch(runtime), runtime.engine.url.database
    assert looking.look().ledger is not None
    with closed(server, str(name)):
        frame = looking.look()
        assert frame.ledger is None
        assert [service.name for service in frame.services if not service.ok] == ["postgres"]
        assert frame.messages is not None
    assert looking.look().ledger is not None


@contextmanager
def closed(server: sa.Engine, database: str) -> Iterator[None]:
    """Nobody gets into the database, and who was in is thrown out."""
    with server.connect() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false"))
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": database},
        )
        yield
        connection.execute(sa.text(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true"))


def test_what_is_slow_to_read_is_read_seldom(engine: sa.Engine) -> None:
    asked: list[float] = []

    def slow(connection: sa.Connection) -> int:
        asked.append(time.monotonic())
        time.sleep(0.02)
        return len(asked)

    read = Seldom(slow)
    with engine.connect() as connection:
        while len(asked) < 2:
            assert read(connection) == len(asked)
            time.sleep(0.01)
    assert asked[1] - asked[0] >= 20 * 0.02


# --- the command


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workers.cli", "top", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **settings},
    )


def test_where_nobody_looks_it_looks_once(tagmill_environment: dict[str, str]) -> None:
    done = run("--json")
    assert done.returncode == 0, done.stderr
    assert '"open_jobs": 0' in done.stdout
    away = run(TAGMILL_REDIS_URL="redis://127.0.0.1:1/0")
    assert away.returncode == 1
    assert "redis down" in away.stdout


def test_on_a_terminal_it_stays_until_q(tagmill_environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "workers.cli", "top", "--interval", "0.5"]
    ends: dict[str, Any] = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with subprocess.Popen(command, **ends, env={**os.environ, "TERM": "xterm", "COLUMNS": "80"}) as top:
        os.close(theirs)
        try:
            seen = b""
            while b"no job is open" not in seen:
                seen += os.read(ours, 65536)
            assert b"\x1b[?1049h" in seen  # on a screen of its own
            assert top.poll() is None
            os.write(ours, b"xq")
            assert top.wait(10) == 0
        finally:
            top.kill()
    os.close(ours)
