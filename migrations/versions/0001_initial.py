"""Tables and views of the first release."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

VIEWS = (
    "failures",
    "job_progress",
    "product_embeddings",
    "product_segments",
    "product_detections",
    "product_tags",
    "serving_versions",
)
TABLES = (
    "overrides",
    "thresholds",
    "interactions",
    "embeddings",
    "segments",
    "detections",
    "classifications",
    "work_items",
    "ingest_errors",
    "jobs",
    "model_versions",
    "product_images",
    "images",
    "products",
)


def upgrade() -> None:
    for name in ("0001_tables.sql", "0001_views.sql"):
        op.execute((files("migrations") / "sql" / name).read_text())


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"DROP VIEW {view}")
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
