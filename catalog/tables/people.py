"""People's word and the thresholds they set."""

from __future__ import annotations

from datetime import datetime

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


class Override(Base):
    """A person's word on a product's label: it beats every model and survives reprocessing."""

    __tablename__ = "overrides"
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True, index=True)
    accepted: Mapped[bool]
    author: Mapped[str]
    created_at: Mapped[datetime] = now()
