"""People's word and the thresholds they set."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base, now


class Threshold(Base):
    """The score from which a label counts. An empty label is the model's default; without a row it is 0.5."""

    __tablename__ = "thresholds"
    model_name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True, server_default="")
    threshold: Mapped[float]
    updated_at: Mapped[datetime] = now()
    target_precision: Mapped[float | None] = mapped_column(comment="what it was fitted for, 0 to 1")
    reviews: Mapped[int | None] = mapped_column(sa.Integer, comment="people's words it was fitted on")
    fitted_at: Mapped[datetime | None] = mapped_column(
        comment="fitted while this is updated_at; else it was set since"
    )


class Override(Base):
    """A person's word on a product's label: it beats every model and survives reprocessing."""

    __tablename__ = "overrides"
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True, index=True)
    accepted: Mapped[bool]
    author: Mapped[str]
    created_at: Mapped[datetime] = now()


class TaxonomyRule(Base):
    """What the shop calls a model's label."""

    __tablename__ = "taxonomy"
    model_name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str]
    names: Mapped[dict[str, Any]] = mapped_column(
        server_default=sa.text("'{}'"), comment="the category's name by locale"
    )


class DismissedMismatch(Base):
    """A mismatch between feed and photos that a person looked at and let stand."""

    __tablename__ = "dismissed_mismatches"
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), primary_key=True)
    model_name: Mapped[str] = mapped_column(primary_key=True)
    feed: Mapped[str] = mapped_column(comment="what the feed said then; dismissed while it says so")
    photo: Mapped[str] = mapped_column(comment="what the photos showed then; dismissed while they do")
    author: Mapped[str]
    created_at: Mapped[datetime] = now()
