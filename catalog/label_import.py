"""People's word on products' labels, the table `overrides`: from files, and into files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import IO, Any

import sqlalchemy as sa

from catalog import label_file
from catalog.label_file import Told
from catalog.manifests import RowError

BATCH_ROWS = 1_000


@dataclass
class Imported:
    """What an import did. `same` rows said what was known before; `new_labels` no model gives and nobody had used."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    new_labels: set[str] = field(default_factory=set)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "refused": dict(self.refused), "new_labels": sorted(self.new_labels)}


@dataclass(frozen=True, slots=True)
class Word:
    """A row of `overrides`."""

    sku: str
    label: str
    accepted: bool
    author: str
    created_at: datetime


def import_labels(
    engine: sa.Engine, file: IO[bytes], author: str, on_error: Callable[[RowError], object]
) -> Imported:
    """Take a file of labels in, as `author`'s word; of rows about the same sku and label the last counts.

    A bad row goes to `on_error`, the rest goes on. Killed and run again, it ends in the same place. Raises LabelsError.
    """
    done = Imported()
    rows = label_file.read(file)
    while batch := list(islice(rows, BATCH_ROWS)):
        done.rows += len(batch)
        for error in _take(engine, batch, author, done):
            done.refused[error.code] += 1
            on_error(error)
    return done


def every_word(connection: sa.Connection) -> Iterator[Word]:
    """All that people said, by sku and label, streamed."""
    for row in connection.execute(_EVERY.execution_options(yield_per=BATCH_ROWS)):
        yield Word(*row)


def _take(engine: sa.Engine, batch: Sequence[Told | RowError], author: str, done: Imported) -> list[RowError]:
    """Commit the good rows of a batch; returns the others, in order."""
    told = [row for row in batch if isinstance(row, Told)]
    with engine.begin() as connection:
        known = set(connection.scalars(_KNOWN, {"skus": [row.sku for row in told]}))
        good = [row for row in told if row.sku in known]
        labels = {row.label for row in good}
        done.new_labels |= labels - known_labels(connection, labels)
        fresh = upsert(connection, {(row.sku, row.label): row.accepted for row in good}, author)
    done.new += sum(fresh)
    done.changed += len(fresh) - sum(fresh)
    done.same += len(good) - len(fresh)
    errors = (_error(row, known) for row in batch)
    return [error for error in errors if error]


def _error(row: Told | RowError, known: Collection[str]) -> RowError | None:
    if isinstance(row, RowError):
        return row
    return None if row.sku in known else _unknown(row)


def upsert(connection: sa.Connection, words: Mapping[tuple[str, str], bool], author: str) -> list[bool]:
    """Write words by (sku, label) on products that exist. For each that was not known: whether nothing at all was."""
    columns = {
        "skus": [sku for sku, _ in words],
        "labels": [label for _, label in words],
        "accepted": [*words.values()],
    }
    return list(connection.scalars(_UPSERT, {**columns, "author": author}))


def known_labels(connection: sa.Connection, labels: Iterable[str]) -> set[str]:
    """Those of `labels` that a model gives or a person has used."""
    return set(connection.scalars(_LABELS, {"labels": list(labels)}))


def _unknown(row: Told) -> RowError:
    reason = f"there is no product {row.sku}; ingest it first, or correct the sku"
    return RowError(row.line, row.sku, None, "unknown_sku", reason)


_LABELS = sa.text(
    """
    SELECT wanted.label FROM unnest(CAST(:labels AS text[])) wanted (label)
    WHERE EXISTS (SELECT FROM model_versions m WHERE wanted.label = ANY(m.labels))
       OR EXISTS (SELECT FROM overrides o WHERE o.label = wanted.label)
    """
)

_KNOWN = sa.text("SELECT sku FROM products WHERE sku = ANY(:skus)")

# In one order, so that two imports at once do not wait for each other. Who said it first keeps the credit.
_UPSERT = sa.text(
    """
    INSERT INTO overrides (product_id, label, accepted, author)
    SELECT p.id, told.label, told.accepted, :author
    FROM unnest(CAST(:skus AS text[]), CAST(:labels AS text[]), CAST(:accepted AS boolean[]))
         AS told (sku, label, accepted)
    JOIN products p ON p.sku = told.sku
    ORDER BY p.id, told.label
    ON CONFLICT (product_id, label)
        DO UPDATE SET accepted = excluded.accepted, author = excluded.author, created_at = now()
        WHERE overrides.accepted <> excluded.accepted
    RETURNING xmax = 0 AS new
    """
)

_EVERY = sa.text(
    """
    SELECT p.sku, o.label, o.accepted, o.author, o.created_at FROM overrides o JOIN products p ON p.id = o.product_id
    ORDER BY p.sku COLLATE "C", o.label COLLATE "C"
    """
)
