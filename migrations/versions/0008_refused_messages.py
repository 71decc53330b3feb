"""Messages in the queue that were refused, where people see them."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_sql("0008_refused_messages.sql"))


def downgrade() -> None:
    op.execute(_sql("0008_refused_messages.undo.sql"))


def _sql(name: str) -> str:
    return (files("migrations") / "sql" / name).read_text()
