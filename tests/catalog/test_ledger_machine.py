"""The ledger against a model of itself: any order of claims, crashes, late settlements, sweeps and lost messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle as HypothesisBundle
from hypothesis.stateful import (
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from catalog.ledger import WORKER_LOST, Chunk, ClaimedImage, Ledger, Swept, suspect_chunk
from catalog.outcomes import ItemKey, Outcome, Quarantined, Retry, Stored
from models.predictions import Classification
from tests.catalog.shop import SHIRT, add_images, add_version, execute, make_ledger, plan, rows

MAX_ATTEMPTS, CHUNK = 3, 16
OPEN = ("pending", "retry")
NOTHING = Classification(())

Kind = Literal["found", "nothing", "retry", "later", "uncounted", "deferred", "quarantine"]


@dataclass
class Item:
    """What a work item should be."""

    state: str = "pending"
    attempts: int = 0
    token: UUID | None = None
    expired: bool = False
    due: bool = True
    code: str | None = None
    found: bool = False
    losses: int = 0
    deferrals: int = 0
    ahead: bool = field(default=False, compare=False)
    company: int = field(default=0, compare=False)

    @property
    def suspicion(self) -> int:
        """Lost its worker, or is at its last attempt."""
        last = self.attempts if self.attempts >= MAX_ATTEMPTS - 1 else 0
        return max(self.losses, last)

    def end(self, state: str, code: str | None = None) -> None:
        self.state, self.code, self.token, self.expired = state, code, None, False


class LedgerMachine(RuleBasedStateMachine):
    """Every rule does something to the ledger and to the model; after each, they must say the same."""

    tokens: HypothesisBundle[UUID] = HypothesisBundle("tokens")
    messages: HypothesisBundle[Chunk] = HypothesisBundle("messages")

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__()
        self.engine = engine
        self.ledger: Ledger = make_ledger(engine, max_attempts=MAX_ATTEMPTS, chunk_size=CHUNK)
        self.items: dict[ItemKey, Item] = {}

    @initialize(target=tokens)
    def two_workers(self) -> MultipleResults[UUID]:
        for table in ("classifications", "work_items", "images", "model_versions", "jobs"):
            execute(self.engine, f"DELETE FROM {table}")
        self.versions = [add_version(self.engine, name).id for name in "ab"]
        self.images = add_images(self.engine, 6)
        self.plan(first=0, count=5, both=False)
        return multiple(self.claim(self.images[:2], 0), self.claim(self.images[2:3], 0))

    @rule(first=st.integers(0, 5), count=st.integers(1, 6), both=st.booleans())
    def plan(self, first: int, count: int, both: bool) -> None:
        images, versions = self.images[first : first + count], self.versions[: 1 + both]
        plan(self.engine, images, *versions)
        for key in (ItemKey(image, version) for image in images for version in versions):
            self.items.setdefault(key, Item())

    @rule(target=messages, limit=st.integers(1, 20))
    def publish(self, limit: int) -> MultipleResults[Chunk]:
        chunks = self.ledger.publishable(limit)
        for chunk in chunks:
            suspicion = max(self.suspicion_of(image) for image in chunk.image_ids)
            assert len(chunk.image_ids) <= suspect_chunk(CHUNK, suspicion, MAX_ATTEMPTS)
        return multiple(*chunks)

    @rule()
    def forget_published(self) -> None:
        self.ledger.forget_published(None, timedelta())

    @rule(target=tokens, message=messages, top_up=st.sampled_from([0, 4]))
    def deliver(self, message: Chunk, top_up: int) -> UUID:
        """A message may be delivered any number of times, early or late."""
        return self.claim(message.image_ids, top_up)

    @rule(target=tokens, first=st.integers(0, 5), count=st.integers(0, 6), top_up=st.sampled_from([0, 4]))
    def claim_any(self, first: int, count: int, top_up: int) -> UUID:
        """As by a message of long ago."""
        return self.claim(self.images[first : first + count], top_up)

    @rule(message=consumes(messages))
    def lose_message(self, message: Chunk) -> None:
        del message

    @rule(
        token=tokens,
        kinds=st.lists(
            st.sampled_from(get_args(Kind)),
            min_size=12,
            max_size=12,
        ),
        part=st.integers(1, 12),
    )
    def settle(self, token: UUID, kinds: list[Kind], part: int) -> None:
        """By whoever once held the token, for any items: what is not held any more must be refused."""
        chosen = [(key, kinds[n % len(kinds)]) for n, key in enumerate(sorted(self.items)) if n % part == 0]
        outcomes = [self.outcome(key, kind) for key, kind in chosen]
        mine = [outcome for outcome in outcomes if self.items[outcome.key].token == token]
        assert self.ledger.settle(token, outcomes) == len(outcomes) - len(mine)
        for outcome in mine:
            self.apply(outcome)

    @rule(token=tokens)
    def expire(self, token: UUID) -> None:
        execute(
            self.engine,
            "UPDATE work_items SET lease_expires_at = now() - interval '1 second' WHERE lease_token = :token",
            token=token,
        )
        for item in self.held_by(token):
            item.expired = True

    @rule(token=tokens)
    def crash(self, token: UUID) -> None:
        """The holder is never heard of again, until it settles late after all."""
        self.expire(token)
        self.sweep()

    @rule(token=tokens)
    def heartbeat(self, token: UUID) -> None:
        held = self.held_by(token)
        assert self.ledger.heartbeat(token) == len(held)
        for item in held:
            item.expired = False

    @rule(token=tokens)
    def release(self, token: UUID) -> None:
        held = self.held_by(token)
        assert self.ledger.release(token) == len(held)
        for item in held:
            item.attempts -= 1
            item.end("retry", item.code)

    @rule()
    def sweep(self) -> None:
        for item in self.items.values():
            if item.ahead and item.state in OPEN:
                item.due = True
            item.ahead = False
        lost = [item for item in self.items.values() if item.expired]
        for item in lost:
            assert item.attempts < MAX_ATTEMPTS or item.company == 1, "quarantined for its neighbour"
            item.losses += 1
            item.end("quarantined" if item.attempts >= MAX_ATTEMPTS else "retry", WORKER_LOST)
        ended = Counter(item.state for item in lost)
        assert self.ledger.sweep() == Swept(ended["retry"], ended["quarantined"])

    @rule()
    def the_clock_is_set_back(self) -> None:
        """By an hour: all that was written before lies so much further ahead, until a sweep."""
        execute(
            self.engine,
            """
            UPDATE work_items SET lease_expires_at = lease_expires_at + interval '1 hour',
                   published_at = published_at + interval '1 hour',
                   next_attempt_at = next_attempt_at
                                     + CASE WHEN state IN ('pending', 'retry') THEN interval '1 hour' ELSE '0' END
            """,
        )
        for item in self.items.values():
            item.ahead, item.expired = True, False
            item.due = item.due and item.state not in OPEN

    @rule()
    def time_passes(self) -> None:
        execute(self.engine, "UPDATE work_items SET next_attempt_at = now() WHERE next_attempt_at > now()")
        for item in self.items.values():
            item.due = True

    @invariant()
    def the_ledger_is_what_the_model_says(self) -> None:
        found = {
            ItemKey(image, version): Item(
                state, attempts, token, bool(expired), due, code, results, losses, deferrals
            )
            for image, version, state, attempts, token, expired, due, code, results, losses, deferrals in rows(
                self.engine,
                """
                SELECT image_id, model_version_id, state, attempts, lease_token, lease_expires_at < now(),
                       next_attempt_at <= now(), error_code,
                       EXISTS (SELECT FROM classifications c
                               WHERE (c.image_id, c.model_version_id) = (w.image_id, w.model_version_id)),
                       losses, deferrals
                FROM work_items w
                """,
            )
        }
        assert found == self.items
        assert all(item.attempts <= MAX_ATTEMPTS for item in found.values())

    def teardown(self) -> None:
        """Whatever happened: healthy workers now bring every item to its end."""
        if not self.items:
            return
        execute(
            self.engine,
            "UPDATE work_items SET lease_expires_at = now() - interval '1 s' WHERE state = 'leased'",
        )
        for item in self.items.values():
            item.expired = item.token is not None
        self.sweep()
        self.time_passes()
        self.forget_published()
        while chunks := self.ledger.publishable(100):
            for chunk in chunks:
                token = self.claim(chunk.image_ids, 4)
                held = [key for key, item in self.items.items() if item.token == token]
                outcomes = [Stored(key, NOTHING) for key in held]
                assert self.ledger.settle(token, outcomes) == 0
                for outcome in outcomes:
                    self.apply(outcome)
        self.the_ledger_is_what_the_model_says()
        assert {item.state for item in self.items.values()} <= {"done", "quarantined"}
        assert not self.ledger.has_open_items()

    def claim(self, image_ids: list[int], top_up: int) -> UUID:
        token = uuid4()
        suspicion = {image: self.suspicion_of(image) for image in self.images}
        claimed = self.ledger.claim(image_ids, token, top_up_to=top_up)
        taken = [image.image_id for image in claimed]
        assert len(taken) == len(set(taken))
        assert len(taken) <= max(top_up, len(image_ids))
        assert not any(suspicion[image] for image in set(taken) - set(image_ids)), (
            "a suspect came by a top-up"
        )
        suspects = [suspicion[image] for image in taken if suspicion[image]]
        if suspects:
            assert len(suspects) == len(taken) <= suspect_chunk(CHUNK, max(suspects), MAX_ATTEMPTS)
        for image in claimed:
            self.hold(image, token, len(claimed))
        return token

    def hold(self, image: ClaimedImage, token: UUID, company: int) -> None:
        due = self.due_of(image.image_id)
        assert image.versions == {key.model_version_id for key in due}
        for item in due.values():
            item.state, item.token, item.company = "leased", token, company
            item.attempts += 1
        assert image.attempts == max(item.attempts for item in due.values())
        assert image.deferrals == max(item.deferrals for item in due.values())

    def suspicion_of(self, image_id: int) -> int:
        return max((item.suspicion for item in self.due_of(image_id).values()), default=0)

    def outcome(self, key: ItemKey, kind: Kind) -> Outcome:
        """As the retry policy decides: at the last attempt a failure that counts is the end."""
        if kind in ("found", "nothing"):
            return Stored(key, SHIRT if kind == "found" else NOTHING)
        if kind == "quarantine" or (kind in ("retry", "later") and self.items[key].attempts >= MAX_ATTEMPTS):
            return Quarantined(key, "broken", "It is broken.")
        delay = timedelta(minutes=10) if kind == "later" else timedelta()
        return Retry(key, "busy", "Later.", delay, kind in ("retry", "later"), kind == "deferred")

    def apply(self, outcome: Outcome) -> None:
        item = self.items[outcome.key]
        match outcome:
            case Stored(prediction=prediction):
                item.end("done")
                item.found = prediction is SHIRT
            case Quarantined(code=code):
                item.end("quarantined", code)
            case Retry(code=code):
                item.end("retry", code)
                item.attempts -= not outcome.counted
                item.deferrals += outcome.deferred
                item.due = not outcome.delay

    def due_of(self, image_id: int) -> dict[ItemKey, Item]:
        return {k: i for k, i in self.items.items() if k.image_id == image_id and i.state in OPEN and i.due}

    def held_by(self, token: UUID) -> list[Item]:
        return [item for item in self.items.values() if item.token == token]


@pytest.fixture
def quick_engine(database_url: str) -> Iterator[sa.Engine]:
    """One database for all examples, which need not outlive a power cut."""
    engine = sa.create_engine(database_url, connect_args={"options": "-c synchronous_commit=off"})
    yield engine
    engine.dispose()


def test_the_ledger_keeps_its_promises_in_any_order_of_events(quick_engine: sa.Engine) -> None:
    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(quick_engine)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
