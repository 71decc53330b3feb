"""Run what new photos get over photos that lack it, within a time window and at a pace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from catalog import holds, stale, versions
from catalog.jobs import Bounds
from workers.due import Schedule, Turn
from workers.intake import ingest_manifest, publish_due
from workers.runtime import Runtime


def _subject(runtime: Runtime) -> str:
    with runtime.engine.connect() as connection:
        return ", ".join(version.key for version in versions.for_new_photos(connection)) or "no model"


def _reprocess(turn: Turn) -> tuple[str, dict[str, Any]]:
    """What earlier nights left over goes on; photos that lack a version are added; then the manifest is taken in."""
    config = turn.runtime.settings
    pause_at = turn.scheduled_for + timedelta(hours=config.reprocess_hours)
    if pause_at <= datetime.now(UTC):
        return _subject(turn.runtime), {"items": 0, "skipped": "its time window was over"}
    turn.check()
    bounds = Bounds(pause_at, config.reprocess_pace)
    with turn.runtime.engine.begin() as connection:
        resumed = holds.reopen_windows(connection, pause_at)
        if not holds.bound(
            connection, turn.job_id, bounds
        ):  # begun before, and a person said otherwise since
            return _subject(turn.runtime), {"items": 0, "skipped": "it was paused or cancelled"}
        wanted = [version.id for version in versions.for_new_photos(connection)]
        items = stale.add(connection, turn.job_id, wanted)
    publish_due(turn.runtime)
    summary: dict[str, Any] = {"until": pause_at.isoformat(), "resumed": resumed, "items": items}
    if config.reprocess_manifest:
        taken, report = ingest_manifest(turn.runtime, config.reprocess_manifest, bounds=bounds)
        summary |= {"ingest_job": taken.job_id, "photos_new": taken.photos_new, "refused": report.count}
    return _subject(turn.runtime), summary


SCHEDULE = Schedule("reprocess", "process", _subject, _reprocess)
