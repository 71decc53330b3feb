"""What a terminal would obey, or show in another place than where it stands, is shown as an escape.

Names of files, titles and labels come from strangers: `\\x1b]0;…` in one renames a window, U+202E turns a line around.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from structlog.typing import EventDict

# Control characters but the line feed, marks that override the writing direction, and halves of characters.
_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """The text with `\\uXXXX` for each such character; within JSON, the same value."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class PlainConsole(Console):
    """Obeys its own styles, and nothing that a text says."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)


def plain_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A processor of structlog, for logs that people read."""
    return {name: plain(value) if isinstance(value, str) else value for name, value in event.items()}
