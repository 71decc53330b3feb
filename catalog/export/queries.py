"""What the views `product_*` show, of chosen model versions and of a range of ids. A test holds them to the views.

The views follow whatever serves; an export of hours must not change its models half-way, so it has queries of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from catalog import thresholds
from catalog.export.state import Of, Range, What
from catalog.filters import Filter

Kind = Literal["text", "bigint", "smallint", "integer", "real", "vector"]

THRESHOLDS, COUNTS = thresholds.joined("r"), thresholds.counts("r")


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns with their types, in order, and a query for ids of photos, one perhaps for ids of products."""

    columns: Mapping[str, Kind]
    queries: Mapping[Of, str]

    def query(
        self, ranged: Range, version_ids: Sequence[int], products: Filter
    ) -> tuple[str, dict[str, object]]:
        """The rows of a range, as SQL and its parameters."""
        meant, parameters = products.of_product()
        query = self.queries[ranged.of].format(meant=meant)
        return query, {**parameters, **ranged.parameters, "versions": list(version_ids)}


def _of_photos(table: str, columns: str, *, joined: str = THRESHOLDS, counts: str = COUNTS) -> str:
    """Both ids are bounded: from one of them Postgres would not conclude on the other."""
    return f"""
        SELECT p.sku, p.id AS product_id, pi.image_id, {columns}, m.name AS model, m.version AS model_version
        FROM {table} r
        JOIN model_versions m ON m.id = r.model_version_id
        JOIN product_images pi ON pi.image_id = r.image_id
        JOIN products p ON p.id = pi.product_id
        {joined}
        WHERE r.model_version_id = ANY(CAST(:versions AS bigint[])) AND {counts}
          AND r.image_id >= :first AND r.image_id < :end AND pi.image_id >= :first AND pi.image_id < :end
          AND {{meant}}
    """


_TAGS = f"""
    SELECT r.*, 'model' AS origin, p.brand, p.category
    FROM ({_of_photos("classifications", "r.label, r.score")}) r JOIN products p ON p.id = r.product_id
    WHERE NOT EXISTS (SELECT FROM overrides o WHERE o.product_id = r.product_id AND o.label = r.label)
"""
_PEOPLES_TAGS = """
    SELECT p.sku, p.id AS product_id, NULL AS image_id, o.label, 1.0::real AS score, NULL AS model,
           NULL AS model_version, 'person' AS origin, p.brand, p.category
    FROM overrides o JOIN products p ON p.id = o.product_id
    WHERE o.accepted AND o.product_id >= :first AND o.product_id < :end AND {meant}
"""
_BOX: dict[str, Kind] = {"left": "real", "top": "real", "right": "real", "bottom": "real"}
_EDGES = 'r."left", r.top, r."right", r.bottom'
_PHOTO: dict[str, Kind] = {"sku": "text", "product_id": "bigint", "image_id": "bigint"}
_MODEL: dict[str, Kind] = {"model": "text", "model_version": "integer"}

ROWS: dict[What, Rows] = {
    "tags": Rows(
        {
            **_PHOTO,
            "label": "text",
            "score": "real",
            **_MODEL,
            "origin": "text",
            "brand": "text",
            "category": "text",
        },
        {"image": _TAGS, "product": _PEOPLES_TAGS},
    ),
    "detections": Rows(
        {**_PHOTO, "ordinal": "smallint", "label": "text", "score": "real", **_BOX, **_MODEL},
        {"image": _of_photos("detections", f"r.ordinal, r.label, r.score, {_EDGES}")},
    ),
    "segments": Rows(
        {**_PHOTO, "label": "text", "score": "real", "area": "real", **_BOX, "mask_key": "text", **_MODEL},
        {"image": _of_photos("segments", f"r.label, r.score, r.area, {_EDGES}, r.mask_key")},
    ),
    "embeddings": Rows(
        {**_PHOTO, "embedding": "vector", "width": "integer", **_MODEL},
        {
            "image": _of_photos(
                "embeddings",
                "r.embedding, vector_dims(r.embedding) AS width",
                joined="",
                counts="true",
            )
        },
    ),
}
