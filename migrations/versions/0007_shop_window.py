"""What people do with results: facts of photos, search, people's reviews and taxonomy, shoppers' behaviour."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PARTS = ("shoppers", "jobs", "facts", "search", "review")
"""Each is `0007_PART.sql`, and `0007_PART.undo.sql` takes it back. What takes long comes before what locks much."""


def upgrade() -> None:
    for part in PARTS:
        op.execute(_sql(part))


def downgrade() -> None:
    for part in reversed(PARTS):
        op.execute(_sql(f"{part}.undo"))


def _sql(part: str) -> str:
    return (files("migrations") / "sql" / f"0007_{part}.sql").read_text()
