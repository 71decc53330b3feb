"""A photo's bytes for a decoder whose loops are Python's: it may read in so many steps, and so much, no more."""

from __future__ import annotations

from io import BytesIO

from models.errors import TooCostly

STEPS = 500_000
"""A file of 50 MB in one-byte blocks would be read in millions, some microseconds each. Photos take 10 to 1,000."""
TIMES_OVER = 4
"""A file whose directory names the same bytes again and again would be read without end."""


class Metered(BytesIO):
    """Raises TooCostly once a decoder has read in too many steps, or the file too many times over."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._steps = STEPS
        self._bytes = TIMES_OVER * len(data) + 1_000_000

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self._steps -= 1
        self._bytes -= len(found)
        if self._steps < 0 or self._bytes < 0:
            raise TooCostly("the photo is cut into so many pieces that reading it would take too long")
        return found
