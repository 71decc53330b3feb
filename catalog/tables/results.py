"""What models said: raw scores, as they gave them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from pgvector.sqlalchemy import Vector
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base, image, one_of, version


class ClassificationRow(Base):
    """A label of a photo with its raw score; `rank` 1 is the best."""

    __tablename__ = "classifications"
    image_id: Mapped[int] = image()
    model_version_id: Mapped[int] = version()
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
    image_id: Mapped[int] = image()
    model_version_id: Mapped[int] = version()
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
    image_id: Mapped[int] = image()
    model_version_id: Mapped[int] = version()
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
    image_id: Mapped[int] = image()
    model_version_id: Mapped[int] = version()
    embedding: Mapped[Any] = mapped_column(Vector())


class PhotoFactsRow(Base):
    """Facts of a photo that shops filter by: its product's colours, and how good the photo is."""

    __tablename__ = "photo_facts"
    image_id: Mapped[int] = image()
    model_version_id: Mapped[int] = version()
    colour: Mapped[str] = mapped_column(index=True)
    colour_hex: Mapped[str]
    colours: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    sharpness: Mapped[float]
    exposure: Mapped[float]
    background: Mapped[str]
    product_share: Mapped[float]
    masked: Mapped[bool]
    perceptual_hash: Mapped[int]

    __table_args__ = (sa.CheckConstraint(one_of("background", ("packshot", "lifestyle")), name="background"),)
