"""Rows whose photos come by URL: many are fetched side by side, and whichever is there is handed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from catalog.acceptance import Taken
from catalog.intake import Outcome, Shown, fetched
from catalog.manifests import TEXT_BYTES, Row
from catalog.references import is_web, kept

MOST_WAITING = 1024  # photos; of one whose turn has not come only the URL is held
_LOOKED_UP = 256  # rows at once


@dataclass(frozen=True, slots=True)
class Ways:
    """How photos come: `fetch` those by URL, whose results are to be released, `take` others.

    `shown` finds what need not be fetched: image ids by (sku, place).
    """

    fetch: Callable[[str], Future[Outcome]]
    release: Callable[[Future[Outcome]], None]
    take: Callable[[str], Future[Outcome]]
    shown: Callable[[Collection[tuple[str, str]]], Mapping[tuple[str, str], int]]


@dataclass(frozen=True, slots=True)
class _Photo:
    row: Row
    reference: str | None  # none of a row without photos
    image_id: int | None  # of one that is shown already


class UrlRows:
    """Takes such rows, and hands them on photo after photo, each as a row of its own.

    A product's photos come one after another, in their order. So whatever is there can be handed on at once, and
    nothing waits in memory for a slow neighbour.
    """

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._new: list[Row] = []
        self._lines: dict[str, deque[_Photo]] = {}  # by sku; the first photo is on its way
        self._ready: SimpleQueue[tuple[str, Future[Outcome] | None]] = SimpleQueue()
        self._waiting = self._weight = 0

    def takes(self, row: Row) -> bool:
        """Whether a row has photos by URL, or comes behind one of its sku that has."""
        if any(is_web(reference) for reference in row.photos):
            return True
        sku = row.product.sku
        return sku in self._lines or any(new.product.sku == sku for new in self._new)

    def add(self, row: Row) -> None:
        self._new.append(row)
        self._weight += row.weight
        if len(self._new) == _LOOKED_UP or self._weight > TEXT_BYTES:
            self._line_up()

    def come(self) -> Iterator[Taken]:
        """Those that are there; as long as too many wait, or too heavy ones, it waits for one."""
        while self._waiting:
            much = self._waiting > MOST_WAITING or self._weight > TEXT_BYTES
            try:
                sku, future = self._ready.get(block=much)
            except Empty:
                return
            yield self._taken(sku, future)

    def rest(self) -> Iterator[Taken]:
        """All that wait, once there are."""
        self._line_up()
        while self._waiting:
            yield self._taken(*self._ready.get())

    def _line_up(self) -> None:
        rows, self._new = self._new, []
        asked = {(row.product.sku, kept(r)) for row in rows for r in row.photos if is_web(r)}
        known = self._ways.shown(asked)
        for row in rows:
            sku = row.product.sku
            line = self._lines.setdefault(sku, deque())
            idle = not line
            line += [_Photo(row, r, known.get((sku, kept(r)))) for r in row.photos] or [
                _Photo(row, None, None)
            ]
            self._waiting += max(len(row.photos), 1)
            if idle:
                self._begin(sku, line[0])

    def _begin(self, sku: str, photo: _Photo) -> None:
        if photo.reference is None:
            self._ready.put((sku, None))
            return
        if photo.image_id is not None:
            future: Future[Outcome] = Future()
            future.set_result(Shown(photo.image_id))
        elif is_web(photo.reference):
            future = self._ways.fetch(photo.reference)
        else:
            future = self._ways.take(photo.reference)
        future.add_done_callback(lambda done: self._ready.put((sku, done)))

    def _taken(self, sku: str, future: Future[Outcome] | None) -> Taken:
        line = self._lines[sku]
        photo = line.popleft()
        self._waiting -= 1
        if not line or line[0].row is not photo.row:
            self._weight -= photo.row.weight
        if line:
            self._begin(sku, line[0])
        else:
            del self._lines[sku]
        if future is None or photo.reference is None:
            return Taken(photo.row, ())
        outcome = fetched(future)
        self._ways.release(future)
        return Taken(photo.row, ((kept(photo.reference), outcome),))
