"""Jobs with a time window and a pace, versions that know when they were retired, and webhooks."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_sql("0005_nights.sql"))


def downgrade() -> None:
    op.execute(
        """
        DROP TABLE webhook_deliveries;
        DROP TABLE webhooks;
        ALTER TABLE model_versions DROP COLUMN retired_at;
        ALTER TABLE model_versions DROP COLUMN collected_at;
        DELETE FROM scheduled_runs WHERE schedule <> 'retrain';
        DELETE FROM jobs WHERE kind IN ('collect', 'statistics', 'export');
        ALTER TABLE jobs DROP CONSTRAINT ck_jobs_kind;
        ALTER TABLE jobs ADD CONSTRAINT ck_jobs_kind CHECK (kind IN ('ingest', 'process', 'retrain'));
        ALTER TABLE jobs DROP COLUMN pause_at;
        ALTER TABLE jobs DROP COLUMN pace;
        ALTER TABLE jobs DROP COLUMN paced_at;
        ALTER TABLE jobs DROP COLUMN ended_at
        """
    )
    jobs, failures = _sql("0004_jobs.sql"), _sql("0003_retraining.sql")
    op.execute(jobs[jobs.index("CREATE OR REPLACE VIEW job_progress") :])
    op.execute(failures[failures.index("CREATE OR REPLACE VIEW failures") :])


def _sql(name: str) -> str:
    return (files("migrations") / "sql" / name).read_text()
