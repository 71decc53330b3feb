"""Every table, as SQLAlchemy classes. The migrations create them; a test holds the two together.

`docs/sql.md` describes the views that downstream SQL should read instead of these tables.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from pgvector.sqlalchemy import Vector
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

OPEN_STATES = ("pending", "leased", "retry")
JOB_KINDS = ("ingest", "process", "retrain", "collect", "statistics", "export")
STATES = (*OPEN_STATES, "done", "quarantined", "cancelled")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        str: sa.Text(),
        int: sa.BigInteger(),
        float: sa.REAL(),
        datetime: sa.DateTime(timezone=True),
        UUID: sa.Uuid(),
        Decimal: sa.Numeric(14, 4),
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(sa.Text()),
    }


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=sa.func.now())


def _image() -> Mapped[int]:
    return mapped_column(sa.ForeignKey("images.id"), primary_key=True)


def _version() -> Mapped[int]:
    return mapped_column(sa.ForeignKey("model_versions.id"), primary_key=True)


class Product(Base):
    """One thing for sale, as the shop's feed describes it."""

    __tablename__ = "products"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    sku: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str | None]
    description: Mapped[str | None]
    brand: Mapped[str | None] = mapped_column(index=True)
    category: Mapped[str | None] = mapped_column(index=True)
    price: Mapped[Decimal | None]
    currency: Mapped[str | None]
    parent_sku: Mapped[str | None] = mapped_column(index=True)
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'"))
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _now()


class Image(Base):
    """One photo, known by the SHA-256 of its bytes; several products may show it."""

    __tablename__ = "images"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    object_key: Mapped[str]
    format: Mapped[str]
    bytes: Mapped[int]
    width: Mapped[int] = mapped_column(sa.Integer, comment="pixels, after EXIF orientation")
    height: Mapped[int] = mapped_column(sa.Integer, comment="pixels, after EXIF orientation")
    created_at: Mapped[datetime] = _now()


class ProductImage(Base):
    """A photo of a product; `source` is where the manifest found it."""

    __tablename__ = "product_images"
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("images.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(sa.Integer, comment="0 is the product's main photo")
    source: Mapped[str]


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
    created_at: Mapped[datetime] = _now()
    retired_at: Mapped[datetime | None] = mapped_column(
        comment="when another took its place; its results are kept for a while"
    )
    collected_at: Mapped[datetime | None] = mapped_column(
        comment="since when its results are being removed, or are gone"
    )

    __table_args__ = (
        sa.UniqueConstraint("name", "version"),
        sa.CheckConstraint(_one_of("task", ("classify", "detect", "segment", "embed")), name="task"),
        sa.CheckConstraint(_one_of("state", ("candidate", "serving", "retired")), name="state"),
        sa.Index("ix_model_versions_serving", "name", unique=True, postgresql_where="state = 'serving'"),
    )


class Job(Base):
    """A piece of work someone asked for: an ingest, a model run over photos that are there, a training, an export, …"""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(comment="the manifest's location, or the model version")
    summary: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'"))
    created_at: Mapped[datetime] = _now()
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
        sa.CheckConstraint(_one_of("kind", JOB_KINDS), name="kind"),
        sa.CheckConstraint(_one_of("lane", ("fresh", "backlog")), name="lane"),
        sa.CheckConstraint(_one_of("held", ("paused", "cancelled")), name="held"),
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
    created_at: Mapped[datetime] = _now()

    __table_args__ = (sa.Index("ix_ingest_errors_created_at", "created_at"),)


class WorkItem(Base):
    """One photo to be seen by one model version: the ledger. The row is also the outbox of the queue."""

    __tablename__ = "work_items"
    image_id: Mapped[int] = _image()
    model_version_id: Mapped[int] = _version()
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
    next_attempt_at: Mapped[datetime] = _now()
    published_at: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error_reason: Mapped[str | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(_one_of("state", STATES), name="state"),
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
    finished_at: Mapped[datetime] = _now()

    __table_args__ = (sa.Index("ix_chunk_runs_finished_at", "finished_at"),)


class ClassificationRow(Base):
    """A label of a photo with its raw score; `rank` 1 is the best."""

    __tablename__ = "classifications"
    image_id: Mapped[int] = _image()
    model_version_id: Mapped[int] = _version()
    label: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(sa.SmallInteger)
    score: Mapped[float]

    __table_args__ = (
        sa.Index(
            "ix_classifications_label",
            "label",
            sa.text("score DESC"),
            postgresql_include=["model_version_id", "image_id"],
        ),
    )


class DetectionRow(Base):
    """An object in a photo; the box is in pixels of the original photo."""

    __tablename__ = "detections"
    image_id: Mapped[int] = _image()
    model_version_id: Mapped[int] = _version()
    ordinal: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True)
    label: Mapped[str]
    score: Mapped[float]
    left: Mapped[float]
    top: Mapped[float]
    right: Mapped[float]
    bottom: Mapped[float]

    __table_args__ = (sa.Index("ix_detections_label", "label", sa.text("score DESC")),)


class SegmentRow(Base):
    """A label's share of a photo's mask; the mask itself is the PNG at `mask_key`."""

    __tablename__ = "segments"
    image_id: Mapped[int] = _image()
    model_version_id: Mapped[int] = _version()
    label: Mapped[str] = mapped_column(primary_key=True)
    score: Mapped[float]
    area: Mapped[float] = mapped_column(comment="share of the photo's pixels, 0 to 1")
    left: Mapped[float]
    top: Mapped[float]
    right: Mapped[float]
    bottom: Mapped[float]
    mask_key: Mapped[str]

    __table_args__ = (sa.Index("ix_segments_label", "label", sa.text("score DESC")),)


class EmbeddingRow(Base):
    """A photo as a unit vector; widths differ between model versions."""

    __tablename__ = "embeddings"
    image_id: Mapped[int] = _image()
    model_version_id: Mapped[int] = _version()
    embedding: Mapped[Any] = mapped_column(Vector())


class Interaction(Base):
    """What a shopper did with a product."""

    __tablename__ = "interactions"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    shopper: Mapped[str]
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), index=True)
    kind: Mapped[str]
    happened_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint(_one_of("kind", ("view", "cart", "purchase")), name="kind"),
        sa.Index(None, "shopper", "happened_at"),
    )


class Threshold(Base):
    """The score from which a label counts. An empty label is the model's default; without a row it is 0.5."""

    __tablename__ = "thresholds"
    model_name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True, server_default="")
    threshold: Mapped[float]
    updated_at: Mapped[datetime] = _now()


class Override(Base):
    """A person's word on a product's label: it beats every model and survives reprocessing."""

    __tablename__ = "overrides"
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True, index=True)
    accepted: Mapped[bool]
    author: Mapped[str]
    created_at: Mapped[datetime] = _now()


class Webhook(Base):
    """An address that is told what happens, in requests signed with `secret`."""

    __tablename__ = "webhooks"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    url: Mapped[str]
    secret: Mapped[str]
    events: Mapped[list[str]]
    labels: Mapped[list[str]] = mapped_column(
        server_default=sa.text("'{}'"), comment="those that label.seen tells of"
    )
    created_at: Mapped[datetime] = _now()


class WebhookDelivery(Base):
    """Something that happened, to be told to a webhook: the row is the outbox."""

    __tablename__ = "webhook_deliveries"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    webhook_id: Mapped[int] = mapped_column(sa.ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str]
    key: Mapped[str] = mapped_column(comment="names what happened, so that it is told once")
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, server_default="0")
    next_attempt_at: Mapped[datetime] = _now()
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = _now()
    delivered_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("webhook_id", "key"),
        sa.CheckConstraint(_one_of("state", ("pending", "delivered", "failed")), name="state"),
        sa.Index(
            "ix_webhook_deliveries_due", "webhook_id", "next_attempt_at", postgresql_where="state = 'pending'"
        ),
    )
