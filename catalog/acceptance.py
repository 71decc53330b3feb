"""Accepted means committed: one batch of rows with its products, photos, errors and work, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from catalog import events, places
from catalog.asset_store import image_key
from catalog.intake import NewPhoto, Outcome, Refused, Shown
from catalog.ledger import Ledger
from catalog.manifests import ProductRow, Row, RowError
from catalog.places import Link
from catalog.tables import IngestError


@dataclass(frozen=True, slots=True)
class Taken:
    """A manifest's row with what became of its photos, or of some of them, in their order: (reference, photo).

    Of a reference that is a URL there stands what is kept of it.
    """

    row: Row
    photos: tuple[tuple[str, Outcome], ...]

    def errors(self) -> list[RowError]:
        """One for each photo that was refused."""
        return [
            RowError(self.row.line, self.row.product.sku, reference, photo.code, photo.reason)
            for reference, photo in self.photos
            if isinstance(photo, Refused)
        ]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What one batch changed."""

    products_new: int
    products_changed: int
    photos_new: int
    photos_replaced: int
    work_new: int


def known_photos(connection: sa.Connection, hashes: Sequence[str]) -> set[str]:
    """Which of these photos (SHA-256, hex) need no upload: in the catalog, and not missed in the store."""
    return set(connection.scalars(_KNOWN, {"hashes": list(hashes)}))


def accept(
    connection: sa.Connection,
    job_id: int,
    batch: Sequence[Taken],
    version_ids: Sequence[int],
    place: Callable[[str], str],
) -> Accepted:
    """Write products, photos, their links and their work items. Running it again changes nothing.

    `place` says where exactly a reference points to, see `Sources.place`.
    """
    products, new, changed = _products(connection, [taken.row.product for taken in batch])
    photos = {
        photo.sha256: photo for taken in batch for _, photo in taken.photos if isinstance(photo, NewPhoto)
    }
    images, photos_new = _images(connection, list(photos.values()))
    replaced = places.arrange(connection, _links(batch, products, images, place))
    known = {photo.image_id for taken in batch for _, photo in taken.photos if isinstance(photo, Shown)}
    work = Ledger.plan(connection, job_id, sorted({*images.values(), *known}), version_ids)
    reopened = {"image_ids": list(images.values()), "job_id": job_id}
    work += connection.execute(_REOPEN, reopened).rowcount
    if work:
        events.reopen_jobs(connection, [job_id])  # where another ingest took this one for dead
    return Accepted(new, changed, photos_new, replaced, work)


def record_errors(connection: sa.Connection, job_id: int, manifest: str, errors: Sequence[RowError]) -> None:
    """Keep refused rows and photos where the view `failures` shows them."""
    if errors:
        rows = [
            {
                "job_id": job_id,
                "manifest": manifest,
                "line": error.line,
                "sku": error.sku,
                "source": error.source,
                "code": error.code,
                "reason": error.reason,
            }
            for error in errors
        ]
        connection.execute(sa.insert(IngestError), rows)


def forget_errors(connection: sa.Connection, job_id: int, manifest: str) -> None:
    """Drop what earlier ingests of the same manifest had refused: this one has said it anew, or it is mended.

    Only earlier ones: of two that run at once, the later keeps what it said.
    """
    old = sa.delete(IngestError).where(IngestError.manifest == manifest, IngestError.job_id < job_id)
    connection.execute(old)


def _products(connection: sa.Connection, rows: Sequence[ProductRow]) -> tuple[dict[str, int], int, int]:
    """Insert or update; returns ids by sku, how many were new and how many changed."""
    by_sku: dict[str, ProductRow] = {}
    for row in rows:  # a later row of the same product only adds photos
        by_sku.setdefault(row.sku, row)
    ordered = [by_sku[sku] for sku in sorted(by_sku)]  # one order for all: two ingests cannot deadlock
    if not ordered:
        return {}, 0, 0
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in ordered] for name in _FIELDS}
    changes = connection.execute(
        _UPSERT_PRODUCTS, {**columns, "attributes": [r.attributes for r in ordered]}
    ).all()
    ids = connection.execute(_PRODUCT_IDS, {"skus": columns["sku"]}).all()
    new = sum(change.is_new for change in changes)
    return {row.sku: row.id for row in ids}, new, len(changes) - new


def _images(connection: sa.Connection, photos: Sequence[NewPhoto]) -> tuple[dict[str, int], int]:
    """Insert what is new; returns ids by SHA-256 and how many were new."""
    ordered = sorted(photos, key=lambda photo: photo.sha256)
    if not ordered:
        return {}, 0
    hashes = [photo.sha256 for photo in ordered]
    parameters = {
        "hashes": hashes,
        "keys": [image_key(photo.sha256, photo.info.format) for photo in ordered],
        "formats": [photo.info.format for photo in ordered],
        "sizes": [len(photo.data) for photo in ordered],
        "widths": [photo.info.width for photo in ordered],
        "heights": [photo.info.height for photo in ordered],
    }
    new = connection.execute(_INSERT_IMAGES, parameters).rowcount
    ids = connection.execute(_IMAGE_IDS, {"hashes": hashes}).all()
    return {row.sha256: row.id for row in ids}, new


def _links(
    batch: Sequence[Taken],
    products: Mapping[str, int],
    images: Mapping[str, int],
    place: Callable[[str], str],
) -> dict[int, list[Link]]:
    """The photos that the batch names, by the ids of their products."""
    links: dict[int, list[Link]] = {}
    for taken in batch:
        for reference, photo in taken.photos:
            if isinstance(photo, NewPhoto):
                link = Link(images[photo.sha256], reference, place(reference))
                links.setdefault(products[taken.row.product.sku], []).append(link)
    return links


_FIELDS = ("sku", "title", "description", "brand", "category", "price", "currency", "parent_sku")
_NAMES = ", ".join((*_FIELDS, "attributes"))

# A blank field of a manifest says nothing, so it takes nothing away.
_UPSERT_PRODUCTS = sa.text(
    f"""
    INSERT INTO products AS p ({_NAMES})
    SELECT sku, title, description, brand, category, price, currency, parent_sku, attributes
    FROM unnest(CAST(:sku AS text[]), CAST(:title AS text[]), CAST(:description AS text[]), CAST(:brand AS text[]),
                CAST(:category AS text[]), CAST(:price AS numeric[]), CAST(:currency AS text[]),
                CAST(:parent_sku AS text[])) WITH ORDINALITY AS f ({", ".join(_FIELDS)}, n)
    JOIN jsonb_array_elements(:attributes) WITH ORDINALITY AS a (attributes, n) USING (n)
    ORDER BY n
    ON CONFLICT (sku) DO UPDATE SET
        {", ".join(f"{name} = coalesce(excluded.{name}, p.{name})" for name in _FIELDS[1:])},
        attributes = p.attributes || excluded.attributes, updated_at = now()
    WHERE ({", ".join(f"coalesce(excluded.{name}, p.{name})" for name in _FIELDS[1:])},
           p.attributes || excluded.attributes)
          IS DISTINCT FROM ({", ".join(f"p.{name}" for name in _FIELDS[1:])}, p.attributes)
    RETURNING xmax = 0 AS is_new
    """
).bindparams(sa.bindparam("attributes", type_=JSONB))

_PRODUCT_IDS = sa.text("SELECT sku, id FROM products WHERE sku = ANY(CAST(:skus AS text[]))")

_INSERT_IMAGES = sa.text(
    """
    INSERT INTO images (sha256, object_key, format, bytes, width, height)
    SELECT * FROM unnest(CAST(:hashes AS text[]), CAST(:keys AS text[]), CAST(:formats AS text[]),
                         CAST(:sizes AS bigint[]), CAST(:widths AS int[]), CAST(:heights AS int[]))
    ON CONFLICT DO NOTHING
    """
)

_KNOWN = sa.text(
    """
    SELECT sha256 FROM images i WHERE sha256 = ANY(CAST(:hashes AS text[])) AND NOT EXISTS (
        SELECT FROM work_items w WHERE w.image_id = i.id AND w.error_code IN ('object_missing', 'object_failed'))
    """
)

# Photos that the store had lost, or could not read, have just been uploaded again.
_REOPEN = sa.text(
    """
    UPDATE work_items SET job_id = :job_id, state = 'pending', attempts = 0, losses = 0, deferrals = 0,
           next_attempt_at = now(), published_at = NULL, error_code = NULL, error_reason = NULL, finished_at = NULL
    WHERE image_id = ANY(CAST(:image_ids AS bigint[])) AND error_code IN ('object_missing', 'object_failed')
      AND state IN ('quarantined', 'retry')
    """
)

_IMAGE_IDS = sa.text("SELECT sha256, id FROM images WHERE sha256 = ANY(CAST(:hashes AS text[]))")
