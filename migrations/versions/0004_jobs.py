"""Jobs that can be paused and cancelled, two lanes, and what was measured of chunks."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_sql("0004_jobs.sql"))


def downgrade() -> None:
    op.execute(
        """
        DROP TABLE chunk_runs;
        DROP VIEW job_progress;
        DROP INDEX ix_work_items_due;
        DROP INDEX ix_work_items_published;
        CREATE INDEX ix_work_items_due ON work_items (next_attempt_at, image_id) WHERE state IN ('pending', 'retry');
        CREATE INDEX ix_work_items_published ON work_items (published_at, next_attempt_at, image_id)
            WHERE state IN ('pending', 'retry');
        ALTER TABLE jobs DROP COLUMN lane;
        ALTER TABLE jobs DROP COLUMN held
        """
    )
    earlier = _sql("0003_retraining.sql")
    start, end = (earlier.index(f"CREATE OR REPLACE VIEW {name}") for name in ("job_progress", "failures"))
    op.execute(earlier[start:end])


def _sql(name: str) -> str:
    return (files("migrations") / "sql" / name).read_text()
