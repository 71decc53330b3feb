"""What shoppers did."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base, one_of


class Interaction(Base):
    """What a shopper did with a product."""

    __tablename__ = "interactions"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    shopper: Mapped[str]
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), index=True)
    kind: Mapped[str]
    happened_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint(one_of("kind", ("view", "cart", "purchase")), name="kind"),
        sa.Index(None, "shopper", "happened_at"),
    )
