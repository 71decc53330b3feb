"""What workers do at set times beside training: reprocess, collect, refresh statistics."""

from __future__ import annotations

from workers.due import Schedule
from workers.nights import collect, reprocess, statistics

NIGHTS: dict[str, Schedule] = {
    schedule.name: schedule for schedule in (reprocess.SCHEDULE, collect.SCHEDULE, statistics.SCHEDULE)
}
