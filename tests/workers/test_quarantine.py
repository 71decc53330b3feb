"""Which command takes up again what failed."""

from __future__ import annotations

import pytest

from catalog.failures import Group, Selection
from workers.quarantine import commands


@pytest.mark.parametrize(
    ("code", "stages", "by_url", "expected"),
    [
        ("truncated", ("process",), False, ["tagmill ingest 'my feed.csv'"]),
        ("truncated", ("process",), True, ["tagmill ingest 'my feed.csv' --allow-urls"]),
        ("url_gone", ("ingest",), True, ["tagmill ingest 'my feed.csv' --allow-urls"]),
        ("bad_price", ("ingest",), False, ["tagmill ingest 'my feed.csv'"]),
        ("out_of_memory", ("process",), False, ["tagmill jobs retry --code out_of_memory"]),
        ("ingest_failed", ("ingest",), False, ["tagmill ingest 'my feed.csv'"]),
    ],
)
def test_commands(code: str, stages: tuple[str, ...], by_url: bool, expected: list[str]) -> None:
    group = Group(code, 1, stages, (), ("my feed.csv",), "", None, by_url)
    assert commands(group, Selection()) == expected
