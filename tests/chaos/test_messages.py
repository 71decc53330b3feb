"""Messages that come more than once."""

from __future__ import annotations

import pytest

from tests.chaos.arena import Arena
from tests.chaos.fault import Fault
from tests.chaos.shop import MASK, TYPE


@pytest.mark.chaos
def test_every_message_is_delivered_three_times_at_once(arena: Arena) -> None:
    arena.order(2000, TYPE)
    arena.order(200, MASK)
    triple = Fault("send-triple", "send", "triple", always=True)
    arena.start(triple)
    arena.start(triple)
    verdict = arena.finish()
    assert not verdict.quarantined
    assert arena.value("SELECT max(attempts) FROM work_items") == 1
