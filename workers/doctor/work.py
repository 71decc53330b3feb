"""The work itself: leases nobody takes back, work nobody takes, interrupted ingests, quarantine, lost objects."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from catalog import holds
from catalog.ledger_sql import HAS_LEASED, OLDEST
from catalog.places import is_shown
from workers.doctor.finding import Finding, judge
from workers.runtime import Runtime

SAMPLE = 20
LONG = 120.0  # seconds that due work may wait


def check(runtime: Runtime) -> Iterator[Finding]:
    with runtime.engine.connect() as connection:
        connection.execute(sa.text("SET statement_timeout = '10s'"))
        yield _stuck_leases(connection, 3 * runtime.settings.sweep_seconds)
        yield _waiting(connection)
        yield _interrupted(connection)
        yield _on_hold(connection)
        yield from _quarantine(connection)


def _stuck_leases(connection: sa.Connection, seconds: float) -> Finding:
    count = connection.scalar(_STUCK, {"seconds": seconds}) or 0
    return judge(
        "stuck_leases",
        not count,
        f"{count:,} items are held by leases that ran out more than {seconds:g} s ago",
        "Nobody sweeps: start `tagmill worker`, or `celery -A workers.celery_app beat` beside one.",
        "fail",
    )


def _waiting(connection: sa.Connection) -> Finding:
    waits = any(row.seconds > LONG for row in connection.execute(OLDEST))
    idle = waits and not connection.scalar(HAS_LEASED)
    return judge(
        "work_waits",
        not idle,
        "work is due and no worker holds any" if idle else "no work waits in vain",
        "Start `tagmill worker`; if one runs, look at its log.",
    )


def _interrupted(connection: sa.Connection) -> Finding:
    jobs = list(connection.scalars(_INTERRUPTED))
    return judge(
        "ingest_interrupted",
        not jobs,
        f"jobs {', '.join(map(str, jobs))} have been 'adding' for over an hour"
        if jobs
        else "no ingest hangs",
        "Their ingest was killed, or is very long: ingest the same manifest again, nothing is doubled.",
    )


def _on_hold(connection: sa.Connection) -> Finding:
    paused = holds.paused(connection)
    return judge(
        "jobs_paused",
        not paused,
        f"jobs {', '.join(map(str, paused))} are paused" if paused else "no job is on hold",
        "Their photos wait until `tagmill jobs resume JOB`, or until the schedule that paused them is due again.",
    )


def _quarantine(connection: sa.Connection) -> Iterator[Finding]:
    rows = connection.execute(_QUARANTINE).all()
    if not rows:
        yield Finding("quarantine", "ok", "nothing is in quarantine")
    for row in rows:
        sentence = f"{row.items:,} items are in quarantine as {row.error_code}"
        remedy = f"`tagmill failures --code {row.error_code}` says what to do."
        yield Finding("quarantine", "warn", sentence, remedy)


def check_objects(runtime: Runtime) -> Iterator[Finding]:
    """Of the newest photos and some others: are they in the store?"""
    with runtime.engine.connect() as connection:
        keys = list(connection.scalars(_SOME_OBJECTS, {"sample": SAMPLE}))
    missing = [key for key in keys if not runtime.store.exists(key)]
    yield judge(
        "objects_missing",
        not missing,
        f"{len(missing)} of {len(keys)} photos looked at are not in the store",
        "Restore the bucket from its backup, or ingest the photos again.",
        "fail",
    )


_STUCK = sa.text(
    """
    SELECT count(*) FROM work_items
    WHERE state = 'leased' AND lease_expires_at < now() - :seconds * interval '1 second'
    """
)

_INTERRUPTED = sa.text(
    """
    SELECT id FROM jobs
    WHERE kind = 'ingest' AND closed_at IS NULL AND created_at < now() - interval '1 hour' ORDER BY id LIMIT 10
    """
)

_QUARANTINE = sa.text(
    f"""
    SELECT error_code, count(*) AS items FROM work_items w WHERE state = 'quarantined' AND {is_shown("w.image_id")}
    GROUP BY error_code ORDER BY items DESC LIMIT 10
    """
)

_SOME_OBJECTS = sa.text(
    """
    (SELECT object_key FROM images ORDER BY id DESC LIMIT :sample)
    UNION (SELECT object_key FROM images WHERE id >= (SELECT max(id) / 2 FROM images) ORDER BY id LIMIT :sample)
    """
)
