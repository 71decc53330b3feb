"""Webhooks told: due deliveries as signed requests, as the Standard Webhooks specification has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog

from catalog import webhooks
from catalog.outward import printable
from catalog.webhooks import SECRET_PREFIX, Delivery
from workers.outward import Answer, post

log = structlog.get_logger()

THREADS = 8
TURN_SECONDS, REST_SECONDS = 2.0, 10.0
GONE = 410


def send(delivery: Delivery, inside: Collection[str]) -> Answer:
    """One request, whatever the answer. Raises AddressRefused, NoAnswer."""
    body, moment = _body(delivery), str(int(time.time()))
    headers = {
        "content-type": "application/json",
        "user-agent": "Tagmill",
        "webhook-id": delivery.message_id,
        "webhook-timestamp": moment,
        "webhook-signature": signature(delivery.secret, delivery.message_id, moment, body),
    }
    return post(delivery.url, body, headers, inside)


def _body(delivery: Delivery) -> bytes:
    moment = delivery.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    content = {"type": delivery.event, "timestamp": moment, "data": delivery.payload}
    return json.dumps(content, separators=(",", ":")).encode()


def signature(secret: str, message_id: str, moment: str, body: bytes) -> str:
    """HMAC-SHA256 in base64, behind its version; `moment` is in seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    made = hmac.digest(key, f"{message_id}.{moment}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(made).decode()}"


def complaint(answer: Answer) -> str | None:
    """Why an answer is no success; None where it is one."""
    if 200 <= answer.status < 300:
        return None
    if 300 <= answer.status < 400:
        return f"{answer}: redirects are not followed; add a webhook with the address that it leads to"
    return f"{answer}: {answer.body[:300]}" if answer.body else str(answer)


def trial(webhook: webhooks.Webhook) -> Delivery:
    """Of the event `webhook.test`, which is kept nowhere."""
    payload = {"webhook_id": webhook.id}
    return Delivery(0, webhook.id, webhook.url, webhook.secret, "webhook.test", payload, datetime.now(UTC), 1)


class Dispatcher:
    """Makes due deliveries in a few threads, one at a time for each webhook, so that a slow one holds up no other."""

    def __init__(
        self, engine: sa.Engine, inside: Collection[str], *, rest_seconds: float = REST_SECONDS
    ) -> None:
        self._engine = engine
        self._inside = inside
        self._rest_seconds = rest_seconds
        self._busy: set[int] = set()
        self._rests: dict[int, float] = {}  # those that did not take what they were told last, and until when
        self._lock = threading.Lock()

    def look(self, *over: int) -> None:
        """Begin what is due, as far as threads are free; deliveries to the webhooks `over` have ended."""
        with self._lock:
            self._busy.difference_update(over)
            if len(self._busy) == THREADS:
                return
            now = time.monotonic()
            resting = {webhook for webhook, until in self._rests.items() if until > now}
            with self._engine.begin() as connection:
                if not webhooks.may_tell(connection):
                    return
                due = webhooks.take_due(connection, THREADS - len(self._busy), busy=self._busy | resting)
            self._busy |= {delivery.webhook_id for delivery in due}
        for delivery in due:
            # A daemon: a host that ends waits for nobody; the delivery is made again.
            threading.Thread(target=self._serve, args=(delivery,), name="webhook", daemon=True).start()

    def flush(self, seconds: float) -> None:
        """Deliver all that is due, as far as `seconds` last."""
        deadline = time.monotonic() + seconds
        self.look()
        while self._at_work() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _at_work(self) -> bool:
        with self._lock:  # or it would be asked between the end of one delivery and the next
            return bool(self._busy)

    def prune(self) -> None:
        """Forget what is old."""
        with self._engine.begin() as connection:
            if webhooks.may_tell(connection):
                webhooks.prune(connection)

    def _serve(self, delivery: Delivery) -> None:
        try:
            self._deliver_all(delivery)
        except Exception as error:  # noqa: BLE001 - such as a database that is away: it is delivered again
            log.warning("delivery not recorded", webhook=delivery.webhook_id, error=str(error))
        try:
            self.look(delivery.webhook_id)
        except Exception as error:  # noqa: BLE001 - the next look is a timer's
            log.warning("no look for deliveries", error=str(error))

    def _deliver_all(self, first: Delivery) -> None:
        """And what else is due to this webhook, until its turn is over: others wait for a thread."""
        end = time.monotonic() + TURN_SECONDS
        due = [first]
        while due:
            if not self._attempt(due[0]):
                self._rests[first.webhook_id] = time.monotonic() + self._rest_seconds
                return
            if time.monotonic() > end:
                return
            with self._engine.begin() as connection:
                due = webhooks.take_due(connection, of=first.webhook_id)

    def _attempt(self, delivery: Delivery) -> bool:
        """Whether the webhook has it now."""
        gone = False
        try:
            answer = send(delivery, self._inside)
            reason, gone = complaint(answer), answer.status == GONE
        except Exception as error:  # noqa: BLE001 - whatever an endpoint does to us is its failure, and counted
            reason = printable(str(error)) or type(error).__name__
        with self._engine.begin() as connection:
            if reason is None:
                webhooks.delivered(connection, delivery)
            else:
                webhooks.failed(connection, delivery, reason, for_good=gone)
        if reason is not None:
            log.warning("webhook not told", webhook=delivery.webhook_id, told=delivery.event, reason=reason)
        return reason is None
