"""A database out of a backup: what was under way in it then is under way no more."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import sqlalchemy as sa
from alembic.script import ScriptDirectory


@dataclass(frozen=True, slots=True)
class Mended:
    """Items that were leased and are tried again, and ingests that were interrupted."""

    released: int
    interrupted: int


def revisions() -> list[str]:
    """Every revision of the schema that this release knows, oldest first."""
    scripts = ScriptDirectory(str(files("migrations")))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def has_catalog(connection: sa.Connection) -> bool:
    """Whether there are products or photos; a database that was only migrated has none."""
    tables = [name for name in ("products", "images") if connection.scalar(_TABLE, {"name": name})]
    return any(connection.scalar(sa.text(f"SELECT EXISTS (SELECT FROM {name})")) for name in tables)


def mend(connection: sa.Connection) -> Mended:
    """Give back what was leased when the backup was taken, the attempt not counted, and forget what was published.

    Waiting for the leases to run out would count attempts that this database's workers never made. Messages
    that are still in Redis from before are harmless: they carry ids, and a claim takes only what is due.
    """
    released = connection.execute(_RELEASE).rowcount
    connection.execute(_FORGET_PUBLISHED)
    return Mended(released, connection.execute(_INTERRUPT).rowcount)


_TABLE = sa.text("SELECT to_regclass(:name)")

_RELEASE = sa.text(
    """
    UPDATE work_items
    SET state = 'retry', attempts = attempts - 1, next_attempt_at = now(), published_at = NULL,
        lease_token = NULL, lease_expires_at = NULL
    WHERE state = 'leased'
    """
)

_FORGET_PUBLISHED = sa.text(
    "UPDATE work_items SET published_at = NULL WHERE state IN ('pending', 'retry') AND published_at IS NOT NULL"
)

# Their processes do not go on here; run again, they take in what is missing.
_INTERRUPT = sa.text(
    """
    UPDATE jobs SET closed_at = now(), summary = summary || '{"interrupted": true}' WHERE closed_at IS NULL
    """
)
