"""What the shop has: products and their photos."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base, now


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
    created_at: Mapped[datetime] = now()
    updated_at: Mapped[datetime] = now()


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
    created_at: Mapped[datetime] = now()


class ProductImage(Base):
    """A photo of a product; `source` is where the manifest found it last."""

    __tablename__ = "product_images"
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("images.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(sa.Integer, comment="0 is the product's main photo")
    source: Mapped[str]
    place: Mapped[str | None] = mapped_column(
        comment="the whole path or URL of source, by which a replaced file is told; null where it was taken in "
        "before this was noted"
    )
