"""An ingest that was stopped is a failure until its manifest is taken in."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_sql("0009_stopped_ingests.sql"))


def downgrade() -> None:
    op.execute(_sql("0009_stopped_ingests.undo.sql"))


def _sql(name: str) -> str:
    return (files("migrations") / "sql" / name).read_text()
