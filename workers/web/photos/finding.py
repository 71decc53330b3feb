"""Which objects a photo has."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from fastapi import HTTPException


@dataclass(frozen=True, slots=True)
class Stored:
    """A photo in the store; `mask_key` is None where it was not asked for."""

    sha256: str
    object_key: str
    mask_key: str | None = None


def photo(connection: sa.Connection, image_id: int) -> Stored:
    """Raises 404."""
    row = connection.execute(_PHOTO, {"image": image_id}).one_or_none()
    if row is None:
        raise HTTPException(404, f"there is no photo {image_id}")
    return Stored(*row)


def masked(connection: sa.Connection, image_id: int, model: str | None) -> Stored:
    """With the mask of `model`, NAME@VERSION or the one that serves under NAME, or of any that serves. Raises 404."""
    name, _, number = (model or "").partition("@")
    asked = {"image": image_id, "name": name or None, "version": number or None}
    row = connection.execute(_MASKED, asked).first()
    if row is None:
        raise HTTPException(404, f"there is no mask of photo {image_id}" + (f" by {model}" if model else ""))
    return Stored(*row)


_PHOTO = sa.text("SELECT sha256, object_key FROM images WHERE id = :image")

_MASKED = sa.text(
    """
    SELECT i.sha256, i.object_key, s.mask_key
    FROM segments s JOIN images i ON i.id = s.image_id JOIN model_versions m ON m.id = s.model_version_id
    WHERE s.image_id = :image AND (CAST(:name AS text) IS NULL OR m.name = :name)
      AND CASE WHEN CAST(:version AS text) IS NULL THEN m.state = 'serving' ELSE m.version::text = :version END
    ORDER BY m.name LIMIT 1
    """
)
