"""Remove what nobody will want back: results of retired versions, and objects that no row names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from catalog import orphans, retired
from catalog.orphans import NoPhotosKnown
from workers.due import Schedule, Turn

SUBJECT = "retired results and orphans"


def _collect(turn: Turn) -> tuple[str, dict[str, Any]]:
    config, engine, store = turn.runtime.settings, turn.runtime.engine, turn.runtime.store
    gone = retired.collect(
        engine, store, grace=timedelta(days=config.keep_retired_days), on_progress=lambda _: turn.check()
    )
    summary: dict[str, Any] = {"versions": gone.versions, "items": gone.items, "masks": gone.masks}
    try:
        found = orphans.collect(
            engine,
            store,
            older_than=timedelta(days=config.keep_orphans_days),
            delete=True,
            on_progress=lambda _: turn.check(),
        )
    except NoPhotosKnown:  # a catalog that is still empty has nothing to collect
        return SUBJECT, summary
    return SUBJECT, {**summary, "objects": found.looked_at, "orphans": found.deleted}


SCHEDULE = Schedule("collect", "collect", lambda _: SUBJECT, _collect)
