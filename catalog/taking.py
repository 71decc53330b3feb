"""From the rows of a manifest to rows with their photos, which many threads read ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import sqlalchemy as sa

from catalog.acceptance import Taken
from catalog.intake import Outcome, fetched, look, take
from catalog.manifests import TEXT_BYTES, Row, RowError
from catalog.photo_urls import Fetcher
from catalog.references import kept
from catalog.shown_urls import shown_urls
from catalog.sources import Sources
from catalog.url_rows import UrlRows, Ways
from models.photo import Limits

MOST_ROWS = 1024  # that wait for a photo in front of them


@dataclass(frozen=True, slots=True)
class Urls:
    """That photos by URL are fetched: `again`, those too that their product shows already."""

    fetcher: Fetcher
    again: bool = False


class Taking:
    """Reads photos ahead by `takers`, a few for each of so many `threads`; photos by URL only with `urls`."""

    def __init__(
        self,
        engine: sa.Engine,
        sources: Sources,
        limits: Limits,
        takers: ThreadPoolExecutor,
        threads: int,
        urls: Urls | None,
    ) -> None:
        self._engine, self._sources, self._limits = engine, sources, limits
        self._takers, self._threads, self._urls = takers, threads, urls

    def rows(self, manifest: Iterable[Row | RowError]) -> Iterator[Taken | RowError]:
        """Entries in the manifest's order, but for rows with photos by URL, which come as their hosts answer."""
        by_path = _InOrder(2 * self._threads)
        by_url = None if self._urls is None else UrlRows(self._ways(self._urls))
        for entry in manifest:
            if by_url is not None and isinstance(entry, Row) and by_url.takes(entry):
                yield from by_path.rest()  # some may be of its sku
                by_url.add(entry)
            else:
                for part in _parts(entry, self._threads):
                    references = part.photos if isinstance(part, Row) else ()
                    by_path.add(part, [self._take(reference) for reference in references])
                    yield from by_path.come()
            if by_url is not None:
                yield from by_url.come()
        yield from by_path.rest()
        if by_url is not None:
            yield from by_url.rest()

    def _take(self, reference: str) -> Future[Outcome]:
        return self._takers.submit(take, self._sources, reference, self._limits)

    def _ways(self, urls: Urls) -> Ways:
        look_at = partial(look, limits=self._limits)

        def fetch(url: str) -> Future[Outcome]:
            return urls.fetcher.submit(url, look_at)

        return Ways(fetch, urls.fetcher.release, self._take, self._nothing if urls.again else self._shown)

    def _shown(self, asked: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        with self._engine.connect() as connection:
            return shown_urls(connection, asked)

    def _nothing(self, _: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        return {}


def _parts(entry: Row | RowError, photos: int) -> Iterator[Row | RowError]:
    """A row of many photos as several rows of its sku: else all its photos were in memory."""
    if isinstance(entry, RowError) or len(entry.photos) <= photos:
        yield entry
    else:
        for start in range(0, len(entry.photos), photos):
            yield replace(entry, photos=entry.photos[start : start + photos])


class _InOrder:
    """Entries that wait for their photos; one that comes after a slow one waits with it."""

    def __init__(self, photos: int) -> None:
        self._photos = photos
        self._waiting: deque[tuple[Row | RowError, list[Future[Outcome]], int]] = deque()
        self._under_way = self._weight = 0

    def add(self, entry: Row | RowError, photos: list[Future[Outcome]]) -> None:
        weight = entry.weight if isinstance(entry, Row) else 0
        self._waiting.append((entry, photos, weight))
        self._under_way += len(photos)
        self._weight += weight

    def come(self) -> Iterator[Taken | RowError]:
        """Those that are too many, or too heavy, to wait."""
        while self._under_way > self._photos or len(self._waiting) > MOST_ROWS or self._weight > TEXT_BYTES:
            yield self._first()

    def rest(self) -> Iterator[Taken | RowError]:
        while self._waiting:
            yield self._first()

    def _first(self) -> Taken | RowError:
        entry, photos, weight = self._waiting.popleft()
        self._under_way -= len(photos)
        self._weight -= weight
        if isinstance(entry, RowError):
            return entry
        return Taken(entry, tuple(zip(map(kept, entry.photos), map(fetched, photos), strict=True)))
