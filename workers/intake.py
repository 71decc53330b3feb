"""Ingest as a whole: a manifest's location in, a summary out. The command line and the demo both call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from catalog import versions
from catalog.batches import Summary
from catalog.error_report import ErrorReport, report_path
from catalog.ingest import Ingest
from catalog.jobs import UNBOUND, Bounds
from catalog.ledger import Lane
from catalog.manifests import Manifest, open_manifest
from catalog.photo_urls import Fetcher, Rules
from catalog.sources import Sources
from catalog.taking import Urls
from workers import tracing
from workers.runtime import Runtime

log = structlog.get_logger()


def ingest_manifest(
    runtime: Runtime,
    location: str,
    *,
    roots: Sequence[str] = (),
    models: Sequence[str] = (),
    dry_run: bool = False,
    threads: int = 8,
    lane: Lane = "backlog",
    bounds: Bounds = UNBOUND,
    urls: Rules | None = None,
    again: bool = False,
    on_progress: Callable[[Manifest, Summary], None] = lambda _manifest, _summary: None,
) -> tuple[Summary, ErrorReport]:
    """Take the manifest at `location` in, for `models` (NAME or NAME@VERSION), or for those that new photos get.

    Photos by URL are fetched by the rules `urls`, if there are any; `again`, those too that are shown already.

    The report is closed: `count` rows or photos were refused, `path` lists them.

    Raises:
        UnknownModel, ManifestError: nothing was read.
        StoreUnavailable or a database error: run it again, nothing is doubled.
    """
    tracing.start(runtime.settings)
    with runtime.engine.connect() as connection:
        wanted = [versions.find(connection, model).id for model in models]
    with (
        open_manifest(location, store=runtime.store) as manifest,
        _fetching(runtime, urls, threads, again) as by,
    ):
        intake = Ingest(
            runtime.engine,
            runtime.store,
            Sources(manifest.base, roots=roots, store=runtime.store, max_bytes=runtime.settings.max_bytes),
            runtime.limits,
            wanted or None,
            lambda: publish_due(runtime),
            threads=threads,
            lane=lane,
            bounds=bounds,
            urls=by,
            span=tracing.span,
        )
        with ErrorReport(report_path(location)) as report:
            summary = intake.run(
                manifest, report, dry_run=dry_run, on_progress=lambda state: on_progress(manifest, state)
            )
    return summary, report


@contextmanager
def _fetching(runtime: Runtime, rules: Rules | None, threads: int, again: bool) -> Iterator[Urls | None]:
    if rules is None:
        yield None
        return
    config = runtime.settings
    # Twice as many as read files: they wait for others most of the time.
    with Fetcher(rules, config.max_bytes, threads=2 * threads, per_host=config.url_connections) as fetcher:
        yield Urls(fetcher, again)


def publish_due(runtime: Runtime) -> int:
    """Publish what is due; returns how many messages were sent.

    A queue that does not answer is no error: the work is committed, and the next sweep publishes it.
    """
    from workers.celery_app import publisher  # reads the settings when imported

    try:
        return publisher(runtime).publish_due()
    except (RedisError, OperationalError) as error:
        log.warning("queue away; workers publish this work when it is back", error=str(error))
        return 0
