"""Photos that look the same, and what people said of them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base, now, one_of

BANDS, BAND_BITS = 4, 16
"""Pieces of a perceptual hash that are indexed: photos whose hashes differ in few bits share one, or nearly do."""


def band(number: int) -> str:
    """SQL of a piece of a `perceptual_hash`, 0 to 65,535."""
    return f"((perceptual_hash >> {BAND_BITS * number}) & {(1 << BAND_BITS) - 1})"


class ComparedPhoto(Base):
    """A photo whose near-duplicates were looked for, by the perceptual hash that this version gave it."""

    __tablename__ = "compared_photos"
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    model_version_id: Mapped[int] = mapped_column(sa.ForeignKey("model_versions.id"))
    perceptual_hash: Mapped[int]

    __table_args__ = tuple(
        sa.Index(f"ix_compared_photos_band_{number}", sa.text(band(number)), "image_id")
        for number in range(BANDS)
    )


class NearDuplicate(Base):
    """Two photos that look the same. `group_id` is the first photo of all that hang together so."""

    __tablename__ = "near_duplicates"
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    other_id: Mapped[int] = mapped_column(
        sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    group_id: Mapped[int] = mapped_column(index=True)
    distance: Mapped[int] = mapped_column(sa.SmallInteger)
    similarity: Mapped[float]
    verdict: Mapped[str | None]
    author: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    found_at: Mapped[datetime] = now()

    __table_args__ = (
        sa.CheckConstraint("image_id < other_id", name="order"),
        sa.CheckConstraint(one_of("verdict", ("accepted", "rejected")), name="verdict"),
        sa.Index("ix_near_duplicates_verdict", "verdict", "group_id"),
    )
