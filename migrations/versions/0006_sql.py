"""Downstream SQL over millions of rows: indexes, views of products, results and people's word, comments."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_sql("0006_sql.sql"))


def downgrade() -> None:
    op.execute(
        """
        DROP VIEW product_overrides;
        DROP VIEW product_results;
        DROP VIEW product_details;
        DROP VIEW product_tags;
        DROP INDEX ix_ingest_errors_created_at;
        DROP INDEX ix_work_items_failed;
        DROP INDEX ix_work_items_finished;
        DROP INDEX ix_products_brand;
        DROP INDEX ix_overrides_label;
        DROP INDEX ix_segments_label;
        DROP INDEX ix_detections_label;
        DROP INDEX ix_classifications_label
        """
    )
    views = _sql("0001_views.sql")
    start, end = (views.index(f"CREATE VIEW {name}") for name in ("product_tags", "product_detections"))
    op.execute(views[start:end])


def _sql(name: str) -> str:
    return (files("migrations") / "sql" / name).read_text()
