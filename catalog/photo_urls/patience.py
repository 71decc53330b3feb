"""How long is waited for whom: plain arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """Times are in seconds, `rate` in bytes a second.

    An exchange is cut off after `seconds`, and before, when it has taken longer than `grace` and its bytes at `rate`.
    A photo is asked for `attempts` times, with a pause before the next that doubles. A host that asks for a pause of
    more than `longest`, or fails with `failures` photos in a row, is not asked for any, for as long as it said or
    `alone`.
    """

    seconds: float = 120.0
    grace: float = 10.0
    rate: float = 16_384.0
    attempts: int = 4
    pause: float = 1.0
    longest: float = 60.0
    failures: int = 5
    alone: float = 60.0

    def back_off(self, attempt: int) -> float:
        """The pause after the so-manieth attempt, which counts from 1."""
        return float(self.pause * 2 ** (attempt - 1))


def retry_after(written: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a header `Retry-After`, which says so many or a date; None where it says nothing that can be read."""
    if written is None:
        return None
    text = written.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
