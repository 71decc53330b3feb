"""Webhooks: who is told of what, which deliveries are due, and what became of them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from catalog.errors import UnknownLabel, UnknownWebhook
from catalog.events import Event
from catalog.tables import Webhook as Row

SECRET_PREFIX, SECRET_BYTES = "whsec_", 32  # as the Standard Webhooks specification writes them

DELAYS = (
    *(timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=2), timedelta(hours=5), *3 * [timedelta(hours=10)]),
)
"""The wait after each attempt but the last."""

HELD = timedelta(minutes=2)
"""Whose attempt was not recorded by then has died: longer than any request takes."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address, what it is told of, and the secret that its requests are signed with."""

    id: int
    url: str
    secret: str = field(repr=False)
    events: list[str]
    labels: list[str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A webhook without its secret; deliveries that wait, those given up, and the latest trouble with either."""

    id: int
    url: str
    events: list[str]
    labels: list[str]
    created_at: datetime
    pending: int
    failed: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that happened, on its way to a webhook; `attempts` counts this one."""

    id: int
    webhook_id: int
    url: str
    secret: str = field(repr=False)
    event: str
    payload: dict[str, Any]
    created_at: datetime
    attempts: int

    @property
    def message_id(self) -> str:
        """The same at each attempt. Ids alone come again in a database out of a backup."""
        return f"msg_{self.id}_{self.created_at.timestamp() * 1_000_000:.0f}"


def add(connection: sa.Connection, url: str, events: Sequence[Event], labels: Sequence[str] = ()) -> Webhook:
    """Register a webhook with a new secret. Raises UnknownLabel."""
    known = set(connection.scalars(_KNOWN_LABELS, {"labels": list(labels)}))
    if unknown := [label for label in labels if label not in known]:
        raise UnknownLabel(f"no registered model gives the label {unknown[0]!r}; see `tagmill models show`")
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    values = {"url": url, "secret": secret, "events": _once(events), "labels": _once(labels)}
    return Webhook(*connection.execute(sa.insert(Row).values(values).returning(*_COLUMNS)).one())


def find(connection: sa.Connection, webhook_id: int) -> Webhook:
    """Raises UnknownWebhook."""
    found = connection.execute(sa.select(*_COLUMNS).where(Row.id == webhook_id)).one_or_none()
    if found is None:
        raise UnknownWebhook(f"there is no webhook {webhook_id}; see `tagmill webhooks list`")
    return Webhook(*found)


def every(connection: sa.Connection) -> list[Standing]:
    """All webhooks, the oldest first."""
    return [Standing(**row._mapping) for row in connection.execute(_EVERY)]


def remove(connection: sa.Connection, webhook_id: int) -> Webhook:
    """Forget a webhook and its deliveries. Raises UnknownWebhook."""
    found = find(connection, webhook_id)
    connection.execute(sa.delete(Row).where(Row.id == webhook_id))
    return found


def retry(connection: sa.Connection, webhook_id: int) -> int:
    """Let failed deliveries be made again, with all their attempts; returns how many. Raises UnknownWebhook."""
    find(connection, webhook_id)
    return connection.execute(_RETRY, {"webhook_id": webhook_id}).rowcount


def may_tell(connection: sa.Connection) -> bool:
    """Whether this process's role may read what requests are signed with; else the keeper sends them."""
    return bool(connection.scalar(_MAY_TELL))


def take_due(
    connection: sa.Connection, limit: int = 1, *, busy: Collection[int] = (), of: int | None = None
) -> list[Delivery]:
    """Begin an attempt at up to `limit` due deliveries, one a webhook, none of those that are `busy`; or `of` one.

    The attempt is counted here, before the request. A delivery whose sender dies is due again after `HELD`.
    """
    parameters = {"busy": list(busy), "of": of, "limit": limit, "held": HELD}
    return [Delivery(**row._mapping) for row in connection.execute(_TAKE, parameters)]


def delivered(connection: sa.Connection, delivery: Delivery) -> None:
    """The webhook has it."""
    connection.execute(_DELIVERED, {"id": delivery.id})


def failed(connection: sa.Connection, delivery: Delivery, reason: str, *, for_good: bool = False) -> None:
    """The webhook did not take it: again after a back-off, until the attempts are used up, unless `for_good`."""
    last = for_good or delivery.attempts > len(DELAYS)
    delay = timedelta() if last else DELAYS[delivery.attempts - 1]
    state = "failed" if last else "pending"
    connection.execute(_FAILED, {"id": delivery.id, "state": state, "delay": delay, "reason": reason})


def prune(connection: sa.Connection) -> int:
    """Forget deliveries older than 30 days, whatever became of them; returns how many."""
    return connection.execute(_PRUNE).rowcount


def _once(values: Sequence[str]) -> list[str]:
    return [str(value) for value in dict.fromkeys(values)]


_MAY_TELL = sa.text("SELECT has_column_privilege('webhooks', 'secret', 'SELECT')")

_COLUMNS = (Row.id, Row.url, Row.secret, Row.events, Row.labels, Row.created_at)

_KNOWN_LABELS = sa.text(
    "SELECT l FROM unnest(CAST(:labels AS text[])) l WHERE EXISTS (SELECT FROM model_versions WHERE l = ANY(labels))"
)

_EVERY = sa.text(
    """
    SELECT w.id, w.url, w.events, w.labels, w.created_at, d.pending, d.failed,
           (SELECT l.last_error FROM webhook_deliveries l WHERE l.webhook_id = w.id AND l.last_error IS NOT NULL
            ORDER BY l.id DESC LIMIT 1) AS last_error
    FROM webhooks w CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'failed') AS failed
        FROM webhook_deliveries WHERE webhook_id = w.id
    ) d ORDER BY w.id
    """
)

_RETRY = sa.text(
    """
    UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_attempt_at = now()
    WHERE webhook_id = :webhook_id AND state = 'failed'
    """
)

# In random order: a few that answer slowly are not always the first.
_TAKE = sa.text(
    """
    WITH due AS (
        SELECT d.id FROM webhooks w CROSS JOIN LATERAL (
            SELECT id FROM webhook_deliveries
            WHERE webhook_id = w.id AND state = 'pending' AND next_attempt_at <= now()
            ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED
        ) d
        WHERE w.id <> ALL(CAST(:busy AS bigint[])) AND w.id = coalesce(:of, w.id) ORDER BY random() LIMIT :limit
    )
    UPDATE webhook_deliveries d SET attempts = d.attempts + 1, next_attempt_at = now() + :held
    FROM due, webhooks w WHERE d.id = due.id AND w.id = d.webhook_id
    RETURNING d.id, d.webhook_id, w.url, w.secret, d.event, d.payload, d.created_at, d.attempts
    """
)

_DELIVERED = sa.text(
    "UPDATE webhook_deliveries SET state = 'delivered', delivered_at = now(), last_error = NULL WHERE id = :id"
)

# Another may have delivered it meanwhile, where this attempt was taken for dead.
_FAILED = sa.text(
    """
    UPDATE webhook_deliveries SET state = :state, next_attempt_at = now() + :delay, last_error = :reason
    WHERE id = :id AND state = 'pending'
    """
)

_PRUNE = sa.text("DELETE FROM webhook_deliveries WHERE created_at < now() - interval '30 days'")
