"""Training on a schedule: each time once, as a job whose failure is seen."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_sql("0003_retraining.sql"))


def downgrade() -> None:
    op.execute(
        """
        DROP VIEW failures;
        DROP VIEW job_progress;
        DROP TABLE scheduled_runs;
        DELETE FROM jobs WHERE kind = 'retrain';
        ALTER TABLE jobs DROP CONSTRAINT ck_jobs_kind;
        ALTER TABLE jobs ADD CONSTRAINT ck_jobs_kind CHECK (kind IN ('ingest', 'process'))
        """
    )
    views = _sql("0001_views.sql")
    op.execute(views[views.index("CREATE VIEW job_progress") :])  # and `failures`, the last two there


def _sql(name: str) -> str:
    return (files("migrations") / "sql" / name).read_text()
