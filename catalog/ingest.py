"""From a manifest to committed work: rows are read, photos taken and uploaded by many threads, batches committed.

Accepted means committed: a photo is uploaded first, then product, photo and work items are written in one
transaction, and only then is anything published. Killed anywhere and run again, it ends in the same place.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

import sqlalchemy as sa

from catalog import holds, jobs, locks, versions
from catalog.acceptance import accept, forget_errors, known_photos, record_errors
from catalog.asset_store import CONTENT_TYPES, AssetStore, image_key
from catalog.batches import Batch, Summary, batches, counted
from catalog.error_report import ErrorReport
from catalog.errors import JobCancelled, why
from catalog.intake import NewPhoto
from catalog.jobs import UNBOUND, Bounds
from catalog.ledger import Lane
from catalog.locks import uploading
from catalog.manifests import Manifest
from catalog.sources import Sources
from catalog.taking import Taking, Urls
from models.photo import Limits


@dataclass(frozen=True, slots=True)
class _Commit:
    """A batch on its way into the catalog: `guarded` once it holds the lock of uploads, or never will; `done` raises
    what went wrong."""

    photos: frozenset[str]
    guarded: Event
    done: Future[None]


class Ingest:
    """Takes manifests in. It is handed the layers below it; `publish` is called after each commit.

    Photos are planned for `version_ids`; None stands for those that new photos get at the time of each commit, so that
    a promotion in the midst of an ingest takes effect.
    """

    def __init__(
        self,
        engine: sa.Engine,
        store: AssetStore,
        sources: Sources,
        limits: Limits,
        version_ids: Sequence[int] | None,
        publish: Callable[[], object],
        *,
        threads: int = 8,
        lane: Lane = "backlog",
        bounds: Bounds = UNBOUND,
        urls: Urls | None = None,
        span: Callable[..., AbstractContextManager[None]] = lambda *_, **__: nullcontext(),
    ) -> None:
        """`span(name, **attributes)` is entered around the upload and commit of each batch. Without `urls` none is
        fetched."""
        self._engine = engine
        self._store = store
        self._sources = sources
        self._limits = limits
        self._version_ids = version_ids
        self._publish = publish
        self._threads = threads
        self._lane: Lane = lane
        self._bounds = bounds
        self._urls = urls
        self._span = span

    def run(
        self,
        manifest: Manifest,
        report: ErrorReport,
        *,
        dry_run: bool = False,
        on_progress: Callable[[Summary], None] = lambda _: None,
    ) -> Summary:
        """Take in everything `manifest` yields. A bad row or photo is reported; the rest goes on.

        Raises StoreUnavailable or a database error when a service stays away: run it again, nothing is doubled.
        """
        started = time.perf_counter()
        summary = Summary()
        place = _place(manifest.location)
        if not dry_run:
            with self._engine.begin() as connection:
                summary.job_id = jobs.create(connection, "ingest", place, self._lane, self._bounds)
        try:
            self._take_all(manifest, report, summary, dry_run, on_progress)
        except BaseException as error:
            if summary.job_id is not None:
                failed = {} if isinstance(error, JobCancelled) else {"error": why(error)}
                ended = {**summary.as_dict(), "interrupted": True, **failed}
                with self._engine.begin() as connection:
                    jobs.close(connection, summary.job_id, ended)
            raise
        summary.seconds = time.perf_counter() - started
        if summary.job_id is not None:
            with self._engine.begin() as connection:
                jobs.close(connection, summary.job_id, summary.as_dict())
                forget_errors(connection, summary.job_id, place)
        return summary

    def _take_all(
        self,
        manifest: Manifest,
        report: ErrorReport,
        summary: Summary,
        dry_run: bool,
        on_progress: Callable[[Summary], None],
    ) -> None:
        """Read ahead, upload and commit side by side: a batch is uploaded while the one before it is committed."""
        with (
            ThreadPoolExecutor(self._threads, "take") as takers,
            ThreadPoolExecutor(self._threads, "upload") as uploads,
            ThreadPoolExecutor(2, "commit") as committers,
        ):
            taking = Taking(self._engine, self._sources, self._limits, takers, self._threads, self._urls)
            commits: deque[_Commit] = deque()
            for batch in batches(taking.rows(counted(manifest, summary)), summary, report):
                if len(commits) == 2:
                    commits.popleft().done.result()
                earlier = commits[-1] if commits else None
                guarded = Event()
                arguments = (batch, guarded, earlier, _place(manifest.location), summary, uploads, dry_run)
                about = {"rows": len(batch.taken), "photos": len(batch.photos), "job": summary.job_id or 0}
                done = committers.submit(
                    _within, self._span("ingest", **about), partial(self._commit, *arguments)
                )
                done.add_done_callback(partial(_set, guarded))
                commits.append(_Commit(frozenset(batch.photos), guarded, done))
                on_progress(summary)
            for commit in commits:
                commit.done.result()
            on_progress(summary)

    def _commit(
        self,
        batch: Batch,
        guarded: Event,
        earlier: _Commit | None,
        location: str,
        summary: Summary,
        uploads: ThreadPoolExecutor,
        dry_run: bool,
    ) -> None:
        """Upload what is new, then commit once `earlier` is committed: photos keep their order, and are put once."""
        if earlier is not None:
            # In their order: else a collector that asks for the lock between the two would wait for the later one,
            # that one for the earlier, and the earlier behind the collector.
            earlier.guarded.wait()
            if earlier.done.done():
                earlier.done.result()  # it failed: nothing is uploaded in vain
        with uploading(self._engine) as connection:
            guarded.set()
            with connection.begin():
                known = known_photos(connection, list(batch.photos))
            if earlier is not None and not dry_run:
                known |= earlier.photos & batch.photos.keys()
            fresh = [photo for sha256, photo in batch.photos.items() if sha256 not in known]
            if not dry_run:
                list(uploads.map(self._upload, fresh))
            if earlier is not None:
                earlier.done.result()
            summary.photos_known += len(known) + batch.shown
            if dry_run:
                summary.photos_new += len(fresh)
                return
            assert summary.job_id is not None
            with connection.begin():
                holds.check_not_cancelled(connection, summary.job_id)
                locks.versions_stay(connection)
                version_ids = self._version_ids
                if version_ids is None:
                    version_ids = [version.id for version in versions.for_new_photos(connection)]
                accepted = accept(connection, summary.job_id, batch.taken, version_ids, self._sources.place)
                record_errors(connection, summary.job_id, location, batch.errors)
        summary.products_new += accepted.products_new
        summary.products_changed += accepted.products_changed
        summary.photos_new += accepted.photos_new
        summary.photos_replaced += accepted.photos_replaced
        summary.work_new += accepted.work_new
        self._publish()

    def _upload(self, photo: NewPhoto) -> None:
        key = image_key(photo.sha256, photo.info.format)
        self._store.put(key, photo.data, CONTENT_TYPES[key.rpartition(".")[2]])


def _within(block: AbstractContextManager[None], do: Callable[[], None]) -> None:
    with block:
        do()


def _set(event: Event, _: object) -> None:
    event.set()


def _place(location: str) -> str:
    """One name for a manifest, from whatever folder it is ingested; another `products.csv` has another."""
    return location if location.startswith("s3://") else str(Path(location).resolve())
