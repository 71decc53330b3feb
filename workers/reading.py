"""Search's texts, read with the text embedder of this machine, and the indexes of vectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from catalog.search import indexing
from catalog.search.meaning import Meaning, Vector
from workers.runtime import Runtime
from workers.settings import Settings

if TYPE_CHECKING:
    from models.text import TextEmbedder

REMEMBERED = 512
"""Searches whose vectors are kept: pages and facets ask for the same again."""


class Remembering:
    """A text embedder that remembers what single texts mean."""

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self._one: Callable[[str], Vector] = lru_cache(REMEMBERED)(lambda text: embedder.embed([text]))

    @property
    def name(self) -> str:
        return self._embedder.name

    def embed(self, texts: Sequence[str]) -> Vector:
        """As `catalog.search.Meaning` has it."""
        return np.array(self._one(texts[0])) if len(texts) == 1 else self._embedder.embed(texts)


def meaning(config: Settings) -> Meaning | None:
    """The text embedder of the settings, else that of `tagmill[meaning]`; None where there is neither.

    Raises WeightsError: its folder cannot be read.
    """
    import torch  # it takes a second, and words need none

    from models.text import TextEmbedder, bundled
    from workers.device import worker_shape

    folder = config.text_model or bundled()
    if folder is None:
        return None
    torch.set_num_threads(worker_shape(config).threads)  # with more, those of other processes are waited for
    return Remembering(TextEmbedder(folder))


def read(
    runtime: Runtime,
    embedder: Meaning | None,
    *,
    seconds: float = float("inf"),
    again: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> bool:
    """Read what is to be read, for about `seconds`; False where a host with a text embedder is to do it."""
    with runtime.engine.begin() as connection:
        if not indexing.begin(connection, embedder, again=again):
            return False
    until = time.monotonic() + seconds
    while time.monotonic() < until and (count := indexing.read_batch(runtime.engine, embedder)):
        on_progress(count)
    return True
