"""What words mean, thought of on one core while Postgres looks for the words on another."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from catalog.search.meaning import Meaning, literal

_THREADS = ThreadPoolExecutor(thread_name_prefix="thought")


class Thought:
    """Begun at once, waited for where it is asked."""

    def __init__(self, meaning: Meaning, words: Sequence[str]) -> None:
        self.model = meaning.name
        """The text embedder's name."""
        self._vector = _THREADS.submit(lambda: literal(meaning.embed([" ".join(words)])[0]))

    @property
    def vector(self) -> str:
        """As Postgres reads it."""
        return self._vector.result()
