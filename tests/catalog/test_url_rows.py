"""Rows that wait for photos by URL: how many may."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from catalog.intake import Outcome, Refused
from catalog.manifests import TEXT_BYTES, ProductRow, Row
from catalog.url_rows import UrlRows, Ways

MEGABYTE = 1_000_000


@pytest.fixture
def fetch() -> Iterator[Callable[[str], Future[Outcome]]]:
    """By a host that takes its time."""

    def answer() -> Outcome:
        time.sleep(0.005)
        return Refused("url_gone", "it is gone")

    with ThreadPoolExecutor(1) as host:
        yield lambda url: host.submit(answer)


def row(number: int, photos: int = 1) -> Row:
    product = ProductRow(f"S{number}", None, "x" * MEGABYTE, None, None, None, None, None, {})
    return Row(number, product, tuple(f"http://a.example/{number}/{n}.jpg" for n in range(photos)))


@pytest.mark.parametrize("photos", [1, 3])
def test_heavy_rows_wait_in_small_numbers(fetch: Callable[[str], Future[Outcome]], photos: int) -> None:
    by_url = UrlRows(Ways(fetch, lambda _: None, fetch, lambda _: {}))
    waiting, most, come = 0, 0, 0
    for number in range(60):
        by_url.add(row(number, photos))
        waiting += photos
        most = max(most, waiting)
        here = len(list(by_url.come()))
        waiting, come = waiting - here, come + here
    assert most * MEGABYTE <= photos * (TEXT_BYTES + 2 * MEGABYTE)
    assert come + len(list(by_url.rest())) == 60 * photos
