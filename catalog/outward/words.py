"""What the other side said, made fit for terminals, logs and Postgres."""

from __future__ import annotations

from typing import Final

SENTENCE: Final = 300
"""Characters of an error that the other side may have written."""


def printable(text: str) -> str:
    """`text` in one line, whatever it holds."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def sentence(error: Exception) -> str:
    """What an error says, at most `SENTENCE` characters of it."""
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return printable(text)[:SENTENCE] or type(error).__name__
