"""What shoppers did, and what was made of it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base, one_of

KINDS = ("view", "cart", "purchase")


class Interaction(Base):
    """What a shopper did with a product. The whole row is its key: an act that is told again adds nothing."""

    __tablename__ = "interactions"
    shopper: Mapped[str] = mapped_column(primary_key=True)
    happened_at: Mapped[datetime] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(primary_key=True)

    __table_args__ = (sa.CheckConstraint(one_of("kind", KINDS), name="kind"),)


class ProductPair(Base):
    """Two products that the same shoppers dealt with. Made anew by `catalog.recommend.refresh`, as are those below."""

    __tablename__ = "product_pairs"
    product_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(
        primary_key=True,
        comment="seen: shoppers did anything with both; basket: they put both in the cart or bought them",
    )
    other_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    score: Mapped[float] = mapped_column(
        comment="cosine of the two sets of shoppers, drawn towards 0 where few share both"
    )
    shoppers: Mapped[int] = mapped_column(sa.Integer)

    __table_args__ = (sa.CheckConstraint(one_of("kind", ("seen", "basket")), name="kind"),)


class ProductPopularity(Base):
    """How much is done with a product these days, and its category."""

    __tablename__ = "product_popularity"
    product_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    category: Mapped[str | None]
    score: Mapped[float] = mapped_column(
        comment="shoppers, each counted once, by what they did and how long ago"
    )

    __table_args__ = (
        sa.Index("ix_product_popularity_category", "category", sa.text("score DESC")),
        sa.Index("ix_product_popularity_score", sa.text("score DESC")),
    )


class CategoryPair(Base):
    """Two categories from which the same shoppers put products in the cart, or bought them."""

    __tablename__ = "category_pairs"
    category: Mapped[str] = mapped_column(primary_key=True)
    other: Mapped[str] = mapped_column(primary_key=True)
    score: Mapped[float]
    shoppers: Mapped[int] = mapped_column(sa.Integer)
