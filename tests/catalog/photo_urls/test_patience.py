"""How long is waited for whom."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from catalog.outward import Bounds
from catalog.photo_urls import Patience
from catalog.photo_urls.patience import retry_after

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        *((None, None), ("", None), ("soon", None), ("-5", None), ("1.5", None), ("²", None), ("9" * 99, 999_999_999)),
        *(("0", 0.0), (" 120 ", 120.0), ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0), ("Thu, 01 Jan 2026 12:00:30", 30.0)),
        *(("Thu, 01 Jan 2026 11:00:00 GMT", 0.0), ("Thu, 99 Jan 2026 12:00:30 GMT", None)),
    ],
)  # fmt: skip
def test_a_pause_that_a_host_asks_for(written: str | None, seconds: float | None) -> None:
    assert retry_after(written, NOW) == seconds


def test_pauses_double() -> None:
    assert [Patience().back_off(attempt) for attempt in (1, 2, 3)] == [1, 2, 4]


@pytest.mark.parametrize(
    ("spent", "received", "left"),
    [(0, 0, 10), (9, 0, 1), (11, 0, -1), (11, 16_384 * 5, 4), (100, 16_384 * 1000, 20), (121, 10**9, -1)],
)
def test_what_drips_has_less_time(spent: float, received: int, left: float) -> None:
    assert Bounds(120, 0, 16_384, 10).left(spent, received) == left
    assert Bounds(15, 0).left(3, 0) == 12
