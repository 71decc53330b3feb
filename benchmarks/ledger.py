"""The ledger at scale: planning and publishing a million photos, and its statements over ten million work items.

`python -m benchmarks.ledger [--quick]`; quick takes a tenth of the rows and fewer rounds. Services and benchmark share
the cores they are given. Percentiles include the commit, with `fsync`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from benchmarks.rows import Row, run
from benchmarks.scratch import Scratch, scratch
from catalog.arrays import as_literals
from catalog.ledger import Ledger
from tests.catalog.shop import add_version, stored

MILLION = 1_000_000
CHUNK, TOP_UP = 128, 32  # the defaults of TAGMILL_CHUNK_SIZE and TAGMILL_STORE_BATCH
LEASE = timedelta(hours=1)  # none runs out while it is measured, unless it is made to
WAITING = 25_600  # photos of the 200 messages that may wait in Redis

IMAGES = """
    INSERT INTO images (sha256, object_key, format, bytes, width, height)
    SELECT h, 'images/' || left(h, 2) || '/' || substr(h, 3, 2) || '/' || h || '.jpg', 'JPEG', 60000, 1200, 1200
    FROM (SELECT encode(sha256(n::text::bytea), 'hex') AS h FROM generate_series(1, :count) n) hashed
"""
# Two models see each photo: 80 % is done, 19 % pending, the rest in all other states. Photos came in 256 at a time.
ITEMS = """
    WITH photo AS (
        SELECT images.id, version_id, images.id::float8 / :photos AS part, md5((images.id / 128)::text)::uuid AS token,
               now() - interval '2 days' + (images.id / 256) * interval '2 seconds' AS came
        FROM images, unnest(CAST(:version_ids AS bigint[])) version_id ORDER BY images.id
    ), told AS (
        SELECT *, CASE WHEN part <= 0.8 THEN 'done' WHEN part <= 0.99 THEN 'pending' WHEN part <= 0.996 THEN 'retry'
                       WHEN part <= 0.998 THEN 'leased' ELSE 'quarantined' END AS state
        FROM photo
    )
    INSERT INTO work_items (image_id, model_version_id, job_id, state, attempts, next_attempt_at, published_at,
                            lease_token, lease_expires_at, error_code, error_reason, finished_at)
    SELECT id, version_id, :job_id, CASE WHEN part BETWEEN 0.76 AND 0.8 THEN 'pending' ELSE state END,
           CASE WHEN state = 'pending' THEN 0 ELSE 1 END,
           CASE WHEN state <> 'retry' THEN came WHEN part <= 0.993 THEN now() - interval '1 hour'
                ELSE now() + interval '10 minutes' END,
           CASE WHEN state IN ('done', 'leased', 'quarantined') THEN now() - interval '1 hour'
                WHEN state = 'pending' AND id <= 0.8 * :photos + :waiting THEN now() END,
           CASE WHEN state = 'leased' THEN token END, CASE WHEN state = 'leased' THEN now() + interval '1 hour' END,
           CASE WHEN state IN ('retry', 'quarantined') THEN 'failed' END,
           CASE WHEN state IN ('retry', 'quarantined') THEN 'The model failed on this photo.' END,
           CASE WHEN state IN ('done', 'quarantined') THEN now() - interval '1 hour' END
    FROM told
"""
# What was done last has left its dead entries at the head of the indexes, as it does between two vacuums.
DONE_LAST = "UPDATE work_items SET state = 'done' WHERE state = 'pending' AND image_id <= 0.8 * :photos"
DIE = """
    UPDATE work_items SET lease_expires_at = now() - interval '1 second'
    WHERE lease_token = ANY(CAST(:tokens AS uuid[]))
"""

# What `tagmill process` does, with its own peak of memory at the end.
PROCESS = """
import sys
from pathlib import Path
from workers.cli import main
try:
    main()
finally:
    print(Path("/proc/self/status").read_text(), file=sys.stderr)
"""


def measure(quick: bool) -> list[Row]:
    """All figures; a few minutes, or one if `quick`."""
    with scratch() as place:
        return [*of_a_million(place, quick), *of_ten_million(place, quick)]


def of_a_million(place: Scratch, quick: bool) -> list[Row]:
    """Seconds and memory of `tagmill process` for a million photos, and of handing all of them out."""
    photos = MILLION // 10 if quick else MILLION
    url = place.database()
    engine = as_literals(sa.create_engine(url))
    with engine.begin() as connection:
        connection.execute(sa.text(IMAGES), {"count": photos})
    _analyze(engine)
    model = add_version(engine).key
    engine.dispose()
    environment = {
        **os.environ,
        **place.environment,
        "TAGMILL_DATABASE_URL": url,
        "TAGMILL_LOG_LEVEL": "ERROR",
    }
    started = time.perf_counter()
    child = _python(PROCESS, environment, "process", model, "--json")
    seconds = time.perf_counter() - started
    assert json.loads(child.stdout)["work_new"] == photos
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", child.stderr)[0]) / 1024
    handed = json.loads(_python("from benchmarks.ledger import hand_out; hand_out()", environment).stdout)
    name = f"{photos:,} photos"
    full = not quick
    return [
        Row(
            f"{name}: plan and publish",
            seconds,
            "s",
            30.0 if full else None,
            False,
            "`tagmill process`, whole",
        ),
        Row(f"{name}: peak memory", peak, "MB", 300.0, False, "RSS of that process"),
        Row(f"{name}: hand all out", handed["seconds"], "s", None, False, f"{handed['messages']:,} messages"),
    ]


def hand_out() -> None:
    """Publish all that is due, with a queue that is emptied as soon as it is full. Run in a process of its own."""
    from redis import Redis

    from workers.celery_app import lane_queue, publisher
    from workers.runtime import Runtime
    from workers.settings import settings

    runtime, messages = Runtime(settings()), 0
    queue = lane_queue(settings(), "backlog")
    with Redis.from_url(settings().redis_url.get_secret_value()) as redis:
        messages += redis.llen(queue)
        started = time.perf_counter()
        redis.delete(queue)
        while sent := publisher(runtime).publish_due():
            messages += sent
            redis.delete(queue)
        print(json.dumps({"seconds": time.perf_counter() - started, "messages": messages}))


def of_ten_million(place: Scratch, quick: bool) -> list[Row]:
    """95th percentiles of the ledger's statements, where most of the work is done."""
    photos, rounds = (MILLION // 2, 60) if quick else (5 * MILLION, 240)
    url = place.database()
    engine = place.runtime(database_url=url).engine
    started = time.perf_counter()
    versions = fill(engine, photos)
    built = time.perf_counter() - started
    ledger = Ledger(engine, lease=LEASE, max_attempts=4, chunk_size=CHUNK)
    rows = [Row("work items", 2.0 * photos, "rows", None, True, f"built in {built:.0f} s")]
    rows += list(statements(engine, ledger, versions, rounds))
    engine.dispose()
    return rows


def fill(engine: sa.Engine, photos: int) -> list[int]:
    """`photos` photos, each with a work item for two models; the models."""
    versions = [add_version(engine, name).id for name in ("tags", "boxes")]
    with engine.begin() as connection:
        # Rows that are right by construction need no look at each foreign key.
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text(IMAGES), {"count": photos})
        job_id = connection.execute(
            sa.text(
                "INSERT INTO jobs (kind, subject, closed_at) VALUES ('ingest', 'shop.csv', now()) RETURNING id"
            )
        ).scalar_one()
        connection.execute(
            sa.text(ITEMS),
            {"photos": photos, "version_ids": versions, "job_id": job_id, "waiting": WAITING},
        )
    with engine.begin() as connection:
        connection.execute(sa.text(DONE_LAST), {"photos": photos})
    _analyze(engine)
    return versions


def statements(engine: sa.Engine, ledger: Ledger, versions: Sequence[int], rounds: int) -> Iterator[Row]:
    """Claims of 256 items first; then what becomes of them."""
    chunks = [chunk.image_ids for chunk in ledger.publishable(2 * CHUNK * 2 * rounds)]
    claims = Timed(lambda ids: ledger.claim(ids, uuid4()))
    for chunk in chunks[:rounds]:
        assert len(claims(chunk)) == CHUNK
    yield claims.row("claim", "128 photos x 2 models = 256 items", 20.0)
    topped = Timed(lambda ids: ledger.claim(ids, uuid4(), top_up_to=CHUNK))
    for chunk in chunks[rounds : 2 * rounds]:
        assert len(topped(chunk[:1])) == CHUNK
    yield topped.row("claim, topped up", "1 photo of the message, 127 others: 256 items", 20.0)
    small = Timed(lambda ids: ledger.claim(ids, tokens[-1], top_up_to=TOP_UP))
    settle = Timed(lambda ids: ledger.settle(tokens[-1], [stored(i, versions[0]) for i in ids]))
    beat = Timed(lambda token: ledger.heartbeat(token))
    tokens = []
    for chunk in chunks[rounds : 2 * rounds]:
        tokens.append(uuid4())
        held = small(chunk[1:2])
        beat(tokens[-1])
        assert settle([image.image_id for image in held]) == 0
    yield small.row("claim, topped up to 32", "as a worker does: 32 photos, 64 items", 20.0)
    yield settle.row("settle", "32 photos x 1 model")
    yield beat.row("heartbeat", "64 items")
    yield from _sweeps(engine, ledger, tokens, rounds // 6)


def _sweeps(engine: sa.Engine, ledger: Ledger, tokens: Sequence[Any], rounds: int) -> Iterator[Row]:
    idle, dead = Timed(ledger.sweep), Timed(ledger.sweep)
    for n in range(rounds):
        idle()
        with engine.begin() as connection:
            connection.execute(sa.text(DIE), {"tokens": [str(t) for t in tokens[4 * n : 4 * n + 4]]})
        assert dead().retried
    yield idle.row("sweep", "nothing to take back")
    yield dead.row("sweep, 4 dead workers", "32 items each")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    forget = Timed(lambda: ledger.forget_published(yesterday))
    publish = Timed(lambda: ledger.publishable(64 * CHUNK, 200))
    opened = Timed(ledger.has_open_items)
    for _ in range(rounds):
        assert forget() == 0
        assert publish()
        assert opened()
    yield forget.row("forget_published", "nothing was lost")
    yield publish.row("publishable", "8,192 items, 32 messages")
    yield opened.row("has_open_items", "")
    flushed = Timed(lambda: ledger.forget_published(None, timedelta()))
    lost = flushed()
    yield flushed.row("forget_published, queue flushed", f"{lost:,} items are to be published again")


class Timed:
    """A call whose durations are kept."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self._seconds: list[float] = []

    def __call__(self, *arguments: Any) -> Any:
        started = time.perf_counter()
        result = self._call(*arguments)
        self._seconds.append(time.perf_counter() - started)
        return result

    def row(self, name: str, note: str, target: float | None = None) -> Row:
        """The 95th percentile in milliseconds."""
        found = sorted(1000 * seconds for seconds in self._seconds)
        p95, median = found[ceil(0.95 * len(found)) - 1], found[len(found) // 2]
        told = f"median {median:.1f}, worst {found[-1]:.1f}, {len(found)} times"
        return Row(f"{name}, p95", p95, "ms", target, False, f"{note}; {told}" if note else told)


def _analyze(engine: sa.Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))


def _python(code: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    run(__doc__, measure)
