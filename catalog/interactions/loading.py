"""Interactions in bulk: CSV, JSON Lines and Parquet files with the columns shopper, sku, kind and happened_at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from catalog.errors import InteractionsError, ManifestError
from catalog.interactions.recording import record
from catalog.interactions.rows import INTERACTIONS, Interaction
from catalog.manifests.open import open_reader
from catalog.manifests.rows import Progress, Reader, RowError, shown
from models.files import open_regular

BATCH_ROWS = 5_000


@dataclass
class Loaded:
    """What a load did. `known` rows were there before, or twice in the file."""

    rows: int = 0
    new: int = 0
    known: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "refused": dict(self.refused)}


def load(
    engine: sa.Engine,
    path: Path,
    on_error: Callable[[RowError], object],
    on_progress: Callable[[Loaded, Progress], object] = lambda _, __: None,
) -> Loaded:
    """Take a file of interactions in, batch by batch.

    A bad row goes to `on_error`, the rest goes on. Killed and run again, it ends in the same place. Raises
    InteractionsError: it is no such file, and nothing was taken.
    """
    done = Loaded()
    with closing(_open(path)) as reader:
        rows = reader.rows()
        while batch := list(islice(rows, BATCH_ROWS)):
            with engine.begin() as connection:
                told = record(connection, batch)
            done.rows += len(batch)
            done.new += told.new
            done.known += told.known
            for error in told.refused:
                done.refused[error.code] += 1
                on_error(error)
            on_progress(done, reader.progress())
    return done


def _open(path: Path) -> Reader[Interaction]:
    try:
        file = open_regular(str(path))
    except (OSError, ValueError) as error:  # a name that holds NUL is a ValueError
        reason = error.strerror if isinstance(error, OSError) else "that is no name of a file"
        raise InteractionsError(f"cannot read {shown(str(path))}: {reason}") from None
    try:
        return open_reader(str(path), file, INTERACTIONS)[1]
    except ManifestError as error:
        raise InteractionsError(f"this is no file of interactions: {error}") from None
