"""Models, jobs and the ledger of work."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base, image, now, one_of, version

OPEN_STATES = ("pending", "leased", "retry")
JOB_KINDS = ("ingest", "process", "retrain", "collect", "statistics", "export")
STATES = (*OPEN_STATES, "done", "quarantined", "cancelled")


class ModelVersion(Base):
    """A network's weights and all that is needed to run them. Views read the versions that serve."""

    __tablename__ = "model_versions"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    task: Mapped[str]
    state: Mapped[str]
    on_ingest: Mapped[bool] = mapped_column(comment="new photos get this model without being asked for")
    labels: Mapped[list[str]]
    weights_sha256: Mapped[str]
    spec: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'"))
    created_at: Mapped[datetime] = now()
    retired_at: Mapped[datetime | None] = mapped_column(
        comment="when another took its place; its results are kept for a while"
    )
    collected_at: Mapped[datetime | None] = mapped_column(
        comment="since when its results are being removed, or are gone"
    )

    __table_args__ = (
        sa.UniqueConstraint("name", "version"),
        sa.CheckConstraint(
            one_of("task", ("classify", "detect", "segment", "embed", "describe")), name="task"
        ),
        sa.CheckConstraint(one_of("state", ("candidate", "serving", "retired")), name="state"),
        sa.Index("ix_model_versions_serving", "name", unique=True, postgresql_where="state = 'serving'"),
    )


class Job(Base):
    """A piece of work someone asked for: an ingest, a model run over photos that are there, a training, an export, …"""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(comment="the manifest's location, or the model version")
    summary: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'"))
    created_at: Mapped[datetime] = now()
    closed_at: Mapped[datetime | None] = mapped_column(comment="no more work will be added after this")
    lane: Mapped[str] = mapped_column(
        server_default="backlog",
        comment="fresh: uploads that somebody waits for, taken first; backlog: all else",
    )
    held: Mapped[str | None] = mapped_column(
        comment="paused or cancelled: no worker begins anything more of it"
    )
    pause_at: Mapped[datetime | None] = mapped_column(
        comment="end of its time window: paused from then on, until its schedule is due again"
    )
    pace: Mapped[float | None] = mapped_column(comment="photos a second at most")
    paced_at: Mapped[datetime | None] = mapped_column(comment="until when its pace is used up")
    ended_at: Mapped[datetime | None] = mapped_column(
        comment="when all of it was seen to be over, and told to webhooks"
    )

    __table_args__ = (
        sa.CheckConstraint(one_of("kind", JOB_KINDS), name="kind"),
        sa.CheckConstraint(one_of("lane", ("fresh", "backlog")), name="lane"),
        sa.CheckConstraint(one_of("held", ("paused", "cancelled")), name="held"),
        sa.CheckConstraint("pace > 0", name="pace"),
        sa.Index("ix_jobs_unended", "id", postgresql_where="ended_at IS NULL"),
    )


class ScheduledRun(Base):
    """A time at which something was due, such as a training: whoever inserts the row does it."""

    __tablename__ = "scheduled_runs"
    schedule: Mapped[str] = mapped_column(primary_key=True)
    scheduled_for: Mapped[datetime] = mapped_column(primary_key=True)
    job_id: Mapped[int | None] = mapped_column(sa.ForeignKey("jobs.id"))
    attempts: Mapped[int] = mapped_column(
        sa.SmallInteger,
        server_default="1",
        comment="processes that began it; one that died is followed by another",
    )


class IngestError(Base):
    """A row of a manifest, or a photo of it, that could not be taken in."""

    __tablename__ = "ingest_errors"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    job_id: Mapped[int] = mapped_column(sa.ForeignKey("jobs.id"), index=True)
    manifest: Mapped[str] = mapped_column(index=True)
    line: Mapped[int]
    sku: Mapped[str | None]
    source: Mapped[str | None]
    code: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime] = now()

    __table_args__ = (sa.Index("ix_ingest_errors_created_at", "created_at"),)


class WorkItem(Base):
    """One photo to be seen by one model version: the ledger. The row is also the outbox of the queue."""

    __tablename__ = "work_items"
    image_id: Mapped[int] = image()
    model_version_id: Mapped[int] = version()
    job_id: Mapped[int] = mapped_column(sa.ForeignKey("jobs.id"))
    state: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, server_default="0")
    losses: Mapped[int] = mapped_column(
        sa.SmallInteger, server_default="0", comment="workers that died or fell silent while they held it"
    )
    deferrals: Mapped[int] = mapped_column(
        sa.SmallInteger,
        server_default="0",
        comment="times the store would not give its photo while it gave others",
    )
    next_attempt_at: Mapped[datetime] = now()
    published_at: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error_reason: Mapped[str | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(one_of("state", STATES), name="state"),
        sa.CheckConstraint("(state = 'leased') = (lease_token IS NOT NULL)", name="lease"),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_expires_at IS NULL)", name="expiry"),
        sa.CheckConstraint(
            "state <> 'quarantined' OR (error_code IS NOT NULL AND error_reason IS NOT NULL)", name="reason"
        ),
        sa.CheckConstraint("attempts >= 0 AND losses >= 0 AND deferrals >= 0", name="counts"),
        sa.Index("ix_work_items_job", "job_id", "state"),
        sa.Index(
            "ix_work_items_due",
            "job_id",
            "next_attempt_at",
            "image_id",
            postgresql_where="state IN ('pending', 'retry')",
        ),
        sa.Index(
            "ix_work_items_published",
            "job_id",
            "published_at",
            "next_attempt_at",
            "image_id",
            postgresql_where="state IN ('pending', 'retry')",
        ),
        sa.Index("ix_work_items_lease", "lease_token", postgresql_where="state = 'leased'"),
        sa.Index("ix_work_items_expiry", "lease_expires_at", postgresql_where="state = 'leased'"),
        sa.Index("ix_work_items_quarantine", "error_code", postgresql_where="state = 'quarantined'"),
        sa.Index("ix_work_items_finished", "finished_at", postgresql_where="state = 'done'"),
        sa.Index("ix_work_items_failed", "finished_at", postgresql_where="state = 'quarantined'"),
    )


class ChunkRun(Base):
    """What one process did of one chunk: the measure that forecasts go by. Kept for some days."""

    __tablename__ = "chunk_runs"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    photos: Mapped[int] = mapped_column(sa.Integer)
    seconds: Mapped[float] = mapped_column(sa.REAL, comment="of one process, loading of networks left out")
    version_ids: Mapped[list[int]] = mapped_column(ARRAY(sa.BigInteger), comment="ascending")
    finished_at: Mapped[datetime] = now()

    __table_args__ = (sa.Index("ix_chunk_runs_finished_at", "finished_at"),)
