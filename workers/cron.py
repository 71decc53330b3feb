"""Times written as cron writes them, in UTC. Weekday and day of the month must both fit, as Celery reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from celery.schedules import ParseException, crontab

_DAYS = 8 * 366  # the 29th of February may be eight years away


def parse(expression: str) -> crontab:
    """Such as `0 3 * * 0`: minute, hour, day of the month, month, weekday (0 is Sunday). Raises ValueError."""
    try:
        return crontab.from_string(" ".join(expression.split()))
    except (ParseException, ValueError) as error:
        raise ValueError(
            f"{expression!r} is no time such as '0 3 * * 0', Sunday at 3:00 UTC ({error})"
        ) from None


def latest(expression: str, now: datetime | None = None) -> str:
    """When it was due last, as ISO 8601: the same for all who ask until it is due again."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    found = next((one for one in _times(parse(expression), moment, -1) if one <= moment), None)
    if found is None:
        raise ValueError(f"{expression!r} was never due")
    return found.isoformat()


def coming(expression: str, now: datetime | None = None) -> datetime:
    """When it will be due next, in UTC."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    found = next((one for one in _times(parse(expression), moment, 1) if one > moment), None)
    if found is None:
        raise ValueError(f"{expression!r} will never be due")
    return found


def _times(cron: crontab, moment: datetime, step: int) -> Iterator[datetime]:
    """All times it is due, from the day of `moment` on, or back where `step` is -1."""
    times = [time(hour, minute, tzinfo=UTC) for hour in cron.hour for minute in cron.minute]
    for days in range(_DAYS):
        day = moment.date() + timedelta(days=step * days)
        if _fits(cron, day):
            yield from (datetime.combine(day, one) for one in sorted(times, reverse=step < 0))


def _fits(cron: crontab, day: date) -> bool:
    return (
        day.month in cron.month_of_year
        and day.day in cron.day_of_month
        and day.isoweekday() % 7 in cron.day_of_week
    )
