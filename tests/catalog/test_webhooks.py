"""The registry of webhooks, which deliveries are due, and what becomes of them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from catalog import webhooks
from catalog.errors import UnknownLabel, UnknownWebhook
from catalog.events import Event
from catalog.webhooks import DELAYS, Delivery, Webhook
from tests.catalog.shop import add_version, execute, rows

URL = "https://shop.example/hooks"


def add(engine: sa.Engine, url: str = URL) -> Webhook:
    with engine.begin() as connection:
        return webhooks.add(connection, url, [Event.JOB_DONE])


def owe(engine: sa.Engine, webhook: Webhook, *keys: str) -> None:
    for key in keys:
        execute(
            engine,
            "INSERT INTO webhook_deliveries (webhook_id, event, key, payload) VALUES (:id, 'job.done', :key, '{}')",
            id=webhook.id,
            key=key,
        )


def take(engine: sa.Engine, *busy: int, of: int | None = None) -> list[Delivery]:
    with engine.begin() as connection:
        return webhooks.take_due(connection, 9, busy=busy, of=of)


def due_again(engine: sa.Engine) -> None:
    execute(engine, "UPDATE webhook_deliveries SET next_attempt_at = now()")


def standing(engine: sa.Engine) -> tuple[int, int, str | None]:
    with engine.connect() as connection:
        (found,) = webhooks.every(connection)
    return found.pending, found.failed, found.last_error


def test_a_secret_is_32_random_bytes_in_the_form_of_the_specification(engine: sa.Engine) -> None:
    first, second = add(engine), add(engine)
    assert first.secret != second.secret
    assert first.secret.startswith("whsec_")
    assert len(base64.b64decode(first.secret.removeprefix("whsec_"), validate=True)) == 32
    assert first.secret not in repr(first)


def test_only_labels_that_some_model_gives_can_be_watched(engine: sa.Engine) -> None:
    add_version(engine)
    with engine.begin() as connection:
        made = webhooks.add(connection, URL, [Event.LABEL_SEEN], ["Shirt", "Shirt", "Coat"])
        assert made.labels == ["Shirt", "Coat"]
        with pytest.raises(UnknownLabel, match="'Dress'"):
            webhooks.add(connection, URL, [Event.LABEL_SEEN], ["Shirt", "Dress"])


@pytest.mark.parametrize("act", [webhooks.find, webhooks.remove, webhooks.retry])
def test_a_webhook_that_is_not_there(engine: sa.Engine, act: Callable[[sa.Connection, int], object]) -> None:
    with engine.begin() as connection, pytest.raises(UnknownWebhook, match="no webhook 7"):
        act(connection, 7)


def test_one_delivery_a_webhook_the_oldest_first_and_none_of_the_busy(engine: sa.Engine) -> None:
    first, second, third = add(engine), add(engine), add(engine)
    owe(engine, first, "a", "b")
    owe(engine, second, "a")
    owe(engine, third, "a")
    taken = take(engine, third.id)
    assert {(d.webhook_id, d.attempts, d.secret) for d in taken} == {
        (first.id, 1, first.secret),
        (second.id, 1, second.secret),
    }
    assert [d.webhook_id for d in take(engine, third.id)] == [first.id]
    assert [d.webhook_id for d in take(engine)] == [third.id]
    assert take(engine) == []


def test_more_of_one_webhook(engine: sa.Engine) -> None:
    first, second = add(engine), add(engine)
    for webhook in (first, second):
        owe(engine, webhook, "a", "b")
    assert [[d.webhook_id for d in take(engine, of=second.id)] for _ in range(3)] == [
        [second.id],
        [second.id],
        [],
    ]


def test_of_two_hosts_that_look_at_once_one_takes_it(engine: sa.Engine) -> None:
    owe(engine, add(engine), "a")
    with engine.begin() as connection:
        assert len(webhooks.take_due(connection)) == 1
        assert take(engine) == []  # not yet committed by the other


def test_whose_sender_died_is_due_again_with_the_same_message_id(engine: sa.Engine) -> None:
    owe(engine, add(engine), "a")
    (first,) = take(engine)
    assert take(engine) == []
    execute(
        engine, "UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at - :held", held=webhooks.HELD
    )
    (second,) = take(engine)
    assert (second.message_id, second.attempts) == (first.message_id, 2)


def test_back_off_ten_attempts_and_then_it_has_failed(engine: sa.Engine) -> None:
    owe(engine, add(engine), "a")
    waits = []
    for _ in range(10):
        (delivery,) = take(engine)
        with engine.begin() as connection:
            webhooks.failed(connection, delivery, "500 Internal Server Error")
            wait = connection.scalar(sa.text("SELECT next_attempt_at - now() FROM webhook_deliveries"))
        waits.append(wait)
        due_again(engine)
    assert waits == [*DELAYS, timedelta()]
    assert sum(DELAYS, timedelta()) == timedelta(hours=37, minutes=36, seconds=10)
    assert take(engine) == []
    assert standing(engine) == (0, 1, "500 Internal Server Error")


def test_failed_for_good_until_it_is_retried_with_all_its_attempts(engine: sa.Engine) -> None:
    webhook = add(engine)
    owe(engine, webhook, "a")
    (delivery,) = take(engine)
    with engine.begin() as connection:
        webhooks.failed(connection, delivery, "410 Gone", for_good=True)
    assert standing(engine) == (0, 1, "410 Gone")
    with engine.begin() as connection:
        assert webhooks.retry(connection, webhook.id) == 1
    (again,) = take(engine)
    assert again.attempts == 1
    with engine.begin() as connection:
        webhooks.delivered(connection, again)
        webhooks.failed(connection, delivery, "late")  # of an attempt that was taken for dead
    assert standing(engine) == (0, 0, None)


def test_what_is_older_than_thirty_days_is_forgotten(engine: sa.Engine) -> None:
    owe(engine, add(engine), "old", "new")
    execute(engine, "UPDATE webhook_deliveries SET created_at = now() - interval '31 days' WHERE key = 'old'")
    with engine.begin() as connection:
        assert webhooks.prune(connection) == 1
    assert rows(engine, "SELECT key FROM webhook_deliveries") == [("new",)]


def test_a_webhook_that_is_removed_takes_its_deliveries_with_it(engine: sa.Engine) -> None:
    webhook = add(engine)
    owe(engine, webhook, "a")
    with engine.begin() as connection:
        assert webhooks.remove(connection, webhook.id) == webhook
    assert rows(engine, "SELECT count(*) FROM webhook_deliveries") == [(0,)]
