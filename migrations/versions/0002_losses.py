"""Why an item comes back, counted apart; and what the ledger never writes is refused."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CHECKS = {
    "expiry": "(lease_token IS NULL) = (lease_expires_at IS NULL)",
    "reason": "state <> 'quarantined' OR (error_code IS NOT NULL AND error_reason IS NOT NULL)",
    "counts": "attempts >= 0 AND losses >= 0 AND deferrals >= 0",
}


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE work_items
            ADD COLUMN losses SMALLINT DEFAULT '0' NOT NULL, ADD COLUMN deferrals SMALLINT DEFAULT '0' NOT NULL;
        COMMENT ON COLUMN work_items.losses IS 'workers that died or fell silent while they held it';
        COMMENT ON COLUMN work_items.deferrals IS 'times the store would not give its photo while it gave others';
        UPDATE work_items SET losses = attempts WHERE state IN ('pending', 'retry') AND error_code = 'worker_lost'
        """
    )
    for name, condition in CHECKS.items():
        op.execute(f"ALTER TABLE work_items ADD CONSTRAINT ck_work_items_{name} CHECK ({condition})")


def downgrade() -> None:
    for name in CHECKS:
        op.execute(f"ALTER TABLE work_items DROP CONSTRAINT ck_work_items_{name}")
    op.execute("ALTER TABLE work_items DROP COLUMN losses, DROP COLUMN deferrals")
