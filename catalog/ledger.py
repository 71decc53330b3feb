"""The ledger of work: who may work on what, and what became of it. Postgres decides, by its own clock.

States: `pending → leased → done`, or `leased → retry → leased …`, or `quarantined`. A claim takes a lease with a
random token; everything written later is fenced by that token, so a worker that lost its lease writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal, get_args
from uuid import UUID

import sqlalchemy as sa

from catalog import events, results
from catalog.ledger_sql import (
    ALLOW,
    CANCEL,
    CANDIDATES,
    CLOSE_WINDOWS,
    EXPIRE,
    FENCE,
    FINISH,
    FORGET_AHEAD,
    FORGET_PUBLISHED,
    HAS_LEASED,
    HEARTBEAT,
    JOBS,
    LEASE,
    ON_HOLD,
    PLAN,
    POSTPONE,
    PUBLISH,
    PUBLISH_PHOTOS,
    RELEASE,
    SHORTEN_DELAYS,
    SHORTEN_LEASES,
    TOP_UP,
    UNPUBLISH,
)
from catalog.locks import try_sweep
from catalog.outcomes import ItemKey, Outcome, Quarantined, Retry, Stored

WORKER_LOST = "worker_lost"

Lane = Literal["fresh", "backlog"]
LANES: tuple[Lane, ...] = get_args(Lane)
"""Lanes by rank: what somebody waits for, and the rest. Each has a queue of its own."""

CANCEL_PORTION = 20_000

# A message can be under way, popped and not yet claimed, for this long.
IN_TRANSIT = timedelta(seconds=10)
# No lease and no back-off reaches further ahead than this; what does was written before the clock was set back.
LONGEST_LEASES, LONGEST_DELAY = 4, timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ClaimedImage:
    """A photo that this claim's token may work on, and the model versions it still lacks. Sides are in pixels."""

    image_id: int
    sha256: str
    object_key: str
    versions: frozenset[int]
    attempts: int
    deferrals: int = 0
    width: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one queue message carries: ids, and the time (Postgres' own) at which they were published."""

    job_id: int
    image_ids: list[int]
    published_at: datetime
    lane: Lane = "backlog"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did with leases that had run out, and with what was left of cancelled jobs."""

    retried: int = 0
    quarantined: int = 0
    cancelled: int = 0


def suspect_chunk(chunk_size: int, suspicion: int, max_attempts: int) -> int:
    """Images a message may carry after so many workers died holding them: 128, 16, 2, 1, 1 …

    Whichever photo kills its worker soon stands alone, and its neighbours are stored. At its last attempt a
    photo is alone whatever the sizes, so that none is quarantined for its neighbour.
    """
    if suspicion and suspicion >= max_attempts - 1:
        return 1
    return max(1, chunk_size >> 3 * suspicion)


class Ledger:
    """Claims, fenced completion and the sweep, over `work_items`."""

    def __init__(self, engine: sa.Engine, *, lease: timedelta, max_attempts: int, chunk_size: int) -> None:
        self._engine = engine
        self._lease = lease
        self._max_attempts = max_attempts
        self._chunk_size = chunk_size
        self._last = {"max_attempts": max_attempts}

    @staticmethod
    def plan(
        connection: sa.Connection, job_id: int, image_ids: Sequence[int], version_ids: Sequence[int]
    ) -> int:
        """Add the work items that do not exist yet, inside the caller's transaction; returns how many."""
        parameters = {"job_id": job_id, "image_ids": list(image_ids), "version_ids": list(version_ids)}
        return connection.execute(PLAN, parameters).rowcount

    def publishable(self, limit: int, max_chunks: int | None = None, lane: Lane = "backlog") -> list[Chunk]:
        """Mark up to `limit` due items of a lane that no message carries as published, and return them as chunks.

        Older jobs come first, those that are held to a pace last, with as much as is their due. What would need more
        than `max_chunks` is left for the next time. A message lost after this is found again by `forget_published`.
        """
        with self._engine.begin() as connection:
            running = self._running(connection, lane)
            free = _ids(running, paced=False)
            due = list(connection.execute(PUBLISH, {"limit": limit, "jobs": free, **self._last}))
            for job in (row.id for row in running if row.pace is not None):
                due += self._paced(connection, job, limit - len(due))
            chunks = self._chunks(due, lane)
            taken = chunks if max_chunks is None else chunks[:max_chunks]
            if left := [image_id for chunk in chunks[len(taken) :] for image_id in chunk.image_ids]:
                connection.execute(UNPUBLISH, {"image_ids": left})
        return taken

    def _paced(self, connection: sa.Connection, job: int, most: int) -> list[sa.Row[Any]]:
        """Photos of a job that is held to a pace, as many as are its due since it had some last."""
        photos = connection.scalar(ALLOW, {"job": job, "most": most})
        if not photos:
            return []
        return list(connection.execute(PUBLISH_PHOTOS, {"job": job, "photos": photos, **self._last}))

    def _chunks(self, due: Sequence[sa.Row[Any]], lane: Lane) -> list[Chunk]:
        chunks = []
        for (suspicion, job_id), group in groupby(due, key=lambda row: (row.suspicion, row.job_id)):
            ids = [row.image_id for row in group]
            size = suspect_chunk(self._chunk_size, suspicion, self._max_attempts)
            chunks += [
                Chunk(job_id, ids[i : i + size], due[0].published_at, lane) for i in range(0, len(ids), size)
            ]
        return chunks

    @staticmethod
    def _running(connection: sa.Connection, *lanes: Lane) -> list[sa.Row[Any]]:
        """Jobs with open items that are not on hold, lane by lane, the oldest first."""
        found = connection.execute(JOBS).all()
        return [row for lane in lanes for row in found if row.lane == lane]

    def forget_published(
        self, waiting_since: datetime | None, in_transit: timedelta = IN_TRANSIT, lane: Lane = "backlog"
    ) -> int:
        """Let items of a lane whose message must be gone be published again; returns how many.

        The queue is first in, first out: what was published before the oldest message that waits
        (`waiting_since`, None where none does) has been popped, and should have been claimed by now.
        """
        with self._engine.begin() as connection:
            jobs = _ids(self._running(connection, lane))
            parameters = {"in_transit": in_transit, "jobs": jobs}
            lost = connection.execute(FORGET_PUBLISHED, {**parameters, "waiting_since": waiting_since})
            return lost.rowcount + connection.execute(FORGET_AHEAD, parameters).rowcount

    def claim(
        self, image_ids: Sequence[int], token: UUID, *, top_up_to: int = 0, lane: Lane = "backlog"
    ) -> list[ClaimedImage]:
        """Lease the due items of `image_ids`, and of other images of their lane until `top_up_to` images are held.

        The attempt is counted here, before any byte is read. Images that lost a worker before, or are at their last
        attempt, are kept apart from the rest, in chunks of `suspect_chunk` at most; what is left over is published
        again.
        """
        with self._engine.begin() as connection:
            found = connection.execute(CANDIDATES, {"image_ids": list(image_ids), **self._last}).all()
            suspicion = {row.image_id: row.suspicion for row in found}
            taken = self._trusted(suspicion)
            if left := [image_id for image_id in suspicion if image_id not in taken]:
                connection.execute(UNPUBLISH, {"image_ids": left})
            if len(taken) < top_up_to and not any(suspicion[image_id] for image_id in taken):
                jobs = _ids(self._running(connection, lane), paced=False)
                wanted = {"images": top_up_to - len(taken), "taken": list(taken), "jobs": jobs}
                taken |= set(connection.scalars(TOP_UP, wanted))
            parameters = {"image_ids": list(taken), "token": token, "lease": self._lease}
            leased = connection.execute(LEASE, parameters).all()
        return [
            ClaimedImage(
                row.image_id,
                row.sha256,
                row.object_key,
                frozenset(row.versions),
                row.attempts,
                row.deferrals,
                row.width,
                row.height,
            )
            for row in leased
        ]

    def _trusted(self, suspicion: dict[int, int]) -> set[int]:
        """The images one worker may hold together: those above suspicion, else a few of the others."""
        healthy = {image_id for image_id, suspected in suspicion.items() if not suspected}
        if healthy or not suspicion:
            return healthy
        size = suspect_chunk(self._chunk_size, max(suspicion.values()), self._max_attempts)
        return set(sorted(suspicion, key=lambda image_id: -suspicion[image_id])[:size])

    def heartbeat(self, token: UUID) -> int:
        """Prolong the lease; returns how many items the token still holds."""
        with self._engine.begin() as connection:
            return connection.execute(HEARTBEAT, {"token": token, "lease": self._lease}).rowcount

    def on_hold(self, token: UUID) -> bool:
        """Whether the token still holds anything of a job that was paused or cancelled."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(ON_HOLD, {"token": token}))

    def settle(self, token: UUID, outcomes: Sequence[Outcome]) -> int:
        """Write results and outcomes in one transaction, for the items that `token` still holds.

        Returns how many outcomes were refused because the lease was lost meanwhile.
        """
        image_ids = list({outcome.key.image_id for outcome in outcomes})
        with self._engine.begin() as connection:
            held = {
                ItemKey(*row) for row in connection.execute(FENCE, {"token": token, "image_ids": image_ids})
            }
            mine = [outcome for outcome in outcomes if outcome.key in held]
            stored = [outcome for outcome in mine if isinstance(outcome, Stored)]
            results.write(connection, stored)
            _finish(connection, stored, "done")
            _finish(connection, [o for o in mine if isinstance(o, Quarantined)], "quarantined")
            _postpone(connection, [o for o in mine if isinstance(o, Retry)])
            events.labels_seen(connection, stored)
        return len(outcomes) - len(mine)

    def release(self, token: UUID, delay: timedelta = timedelta()) -> int:
        """Give back what a worker that stops in an orderly way could not do; the attempt is not counted."""
        with self._engine.begin() as connection:
            return connection.execute(RELEASE, {"token": token, "delay": delay}).rowcount

    def sweep(self) -> Swept:
        """Take back the items of leases that ran out; quarantine those that have used up their attempts.

        One sweep runs at a time; a second one returns at once.
        """
        with self._engine.begin() as connection:
            if not try_sweep(connection):
                return Swept()
            connection.execute(
                SHORTEN_LEASES, {"longest": LONGEST_LEASES * self._lease, "lease": self._lease}
            )
            connection.execute(CLOSE_WINDOWS)
            jobs = _ids(self._running(connection, *LANES))
            connection.execute(SHORTEN_DELAYS, {"longest": LONGEST_DELAY, "jobs": jobs})
            parameters = {"code": WORKER_LOST, "max_attempts": self._max_attempts}
            states = connection.scalars(EXPIRE, parameters).all()
        cancelled = self.cancel()
        return Swept(states.count("retry"), states.count("quarantined"), cancelled)

    def cancel(self) -> int:
        """Give up what no worker holds of jobs that were cancelled; returns how many items."""
        given_up = 0
        while True:
            with self._engine.begin() as connection:
                portion = connection.execute(CANCEL, {"limit": CANCEL_PORTION}).rowcount
            given_up += portion
            if portion < CANCEL_PORTION:
                return given_up

    def end_jobs(self) -> int:
        """Mark jobs that are over as ended, and let webhooks be told; returns how many."""
        with self._engine.begin() as connection:
            return events.end_jobs(connection)

    def has_open_items(self) -> bool:
        """Whether anything is leased, or is pending or to be tried again in a job that is not on hold."""
        with self._engine.connect() as connection:
            return bool(self._running(connection, *LANES) or connection.scalar(HAS_LEASED))


def _ids(jobs: Sequence[sa.Row[Any]], *, paced: bool = True) -> list[int]:
    """Of these jobs; without those that are held to a pace where not `paced`."""
    return [row.id for row in jobs if paced or row.pace is None]


def _finish(connection: sa.Connection, outcomes: Sequence[Stored | Quarantined], state: str) -> None:
    if outcomes:
        failed = [o if isinstance(o, Quarantined) else None for o in outcomes]
        parameters = {
            **_keys(outcomes),
            "state": state,
            "codes": [o and o.code for o in failed],
            "reasons": [o and o.reason for o in failed],
        }
        connection.execute(FINISH, parameters)


def _postpone(connection: sa.Connection, outcomes: Sequence[Retry]) -> None:
    if outcomes:
        parameters = {
            **_keys(outcomes),
            "codes": [o.code for o in outcomes],
            "reasons": [o.reason for o in outcomes],
            "delays": [o.delay.total_seconds() for o in outcomes],
            "refunds": [0 if o.counted else 1 for o in outcomes],
            "deferrals": [1 if o.deferred else 0 for o in outcomes],
        }
        connection.execute(POSTPONE, parameters)


def _keys(outcomes: Iterable[Outcome]) -> dict[str, list[int]]:
    keys = [outcome.key for outcome in outcomes]
    return {
        "image_ids": [key.image_id for key in keys],
        "version_ids": [key.model_version_id for key in keys],
    }
