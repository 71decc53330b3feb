"""Texts as words: the same on both sides, where products are read and where somebody types."""

from __future__ import annotations

import re
import unicodedata

from catalog.errors import BadQuery
from catalog.filters import is_text

LONGEST_QUERY = 500
"""Characters."""
MOST_WORDS = 24
LONGEST_WORD = 64
_WORD = re.compile(r"[^\W_]+")


def split(text: str | None) -> list[str]:
    """Words of letters and digits, in lower case, without accents, in order."""
    plain = unicodedata.normalize("NFKD", text or "").casefold()
    bare = "".join(c for c in plain if not unicodedata.category(c).startswith("M"))
    return [word[:LONGEST_WORD] for word in _WORD.findall(bare)]


def query(words: str) -> list[str]:
    """The words that are searched for, the first `MOST_WORDS`. Raises BadQuery."""
    check(words, "the words")
    return split(words)[:MOST_WORDS]


def check(text: str, what: str) -> None:
    """Raises BadQuery where Postgres could not take it, or nobody would type it."""
    if len(text) > LONGEST_QUERY:
        raise BadQuery(f"{what} have {len(text):,} characters; write at most {LONGEST_QUERY}")
    if not is_text(text):
        raise BadQuery(f"{what} hold a character that is no text (NUL or half a character); leave it out")
