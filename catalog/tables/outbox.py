"""Webhooks and what is to be told them; messages that were refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base, now, one_of


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
    created_at: Mapped[datetime] = now()


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
    next_attempt_at: Mapped[datetime] = now()
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = now()
    delivered_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("webhook_id", "key"),
        sa.CheckConstraint(one_of("state", ("pending", "delivered", "failed")), name="state"),
        sa.Index(
            "ix_webhook_deliveries_due", "webhook_id", "next_attempt_at", postgresql_where="state = 'pending'"
        ),
    )


class RefusedMessage(Base):
    """A message in the queue that no worker would run. The newest are kept."""

    __tablename__ = "refused_messages"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(comment="not_sealed, too_long, unknown_task or malformed")
    queue: Mapped[str]
    bytes: Mapped[int]
    beginning: Mapped[str] = mapped_column(comment="what is no printable ASCII is escaped")
    reason: Mapped[str]
    refused_at: Mapped[datetime] = now()
