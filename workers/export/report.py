"""Photos and masks that could not be used, told as they come."""

from __future__ import annotations

from typing import Protocol


class Report(Protocol):
    """`count` is how many were told."""

    count: int

    def failed(self, key: str, reason: Exception) -> None: ...
