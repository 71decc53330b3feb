"""A catalog of millions of products, one photo each, written as plain rows: what downstream SQL is measured on."""

from __future__ import annotations

import sqlalchemy as sa

from tests.catalog.shop import add_version

RARE, COMMON, BRAND = "Rare", "Dress", "Acme"
LABELS = [COMMON, *(f"Label {n:02}" for n in range(1, 40))]
_HASH = "encode(sha256(n::text::bytea), 'hex')"

# Each has a hash of its own, which stands for chance: the same rows every time.
_PHOTOS = f"""
    INSERT INTO images (sha256, object_key, format, bytes, width, height)
    SELECT {_HASH}, 'images/' || n || '.jpg', 'JPEG', 60000, 1200, 1200 FROM generate_series(1, :photos) n
"""
_PRODUCTS = f"""
    INSERT INTO products (sku, title, brand, category, price, currency, created_at)
    SELECT 'SKU-' || lpad(n::text, 7, '0'), 'Product ' || n,
           CASE abs(hashint8(n)) % 5000 WHEN 0 THEN '{BRAND}' ELSE 'Brand ' || abs(hashint8(n)) % 5000 END,
           'Category ' || 1 + abs(hashint8(-n)) % 200, n % 100, 'EUR', now() - n * interval '10 seconds'
    FROM generate_series(1, :photos) n
"""
_PRODUCT_IMAGES = """
    INSERT INTO product_images SELECT n, n, 0, n || '.jpg' FROM generate_series(1, :photos) n
"""
# Four of forty labels a photo, as a softmax scores them: most of the first are above a half, none of the others.
_CLASSIFICATIONS = f"""
    INSERT INTO classifications
    SELECT n, :tags, CASE WHEN rank = 1 AND n % 10000 = 0 THEN '{RARE}'
                          ELSE (CAST(:labels AS text[]))[1 + (first + 9 * rank) % 40] END,
           rank, CASE rank WHEN 1 THEN 0.4 + 0.6 * chance ELSE (0.5 - 0.1 * rank) * (1 - chance) END
    FROM (SELECT n, floor(40 * power(abs(hashint8extended(n, 1) % 1000000) / 1e6, 2))::int AS first,
                 abs(hashint8extended(n, 2) % 1000000) / 1e6 AS chance FROM generate_series(1, :photos) n) photo,
         generate_series(1, 4) rank
"""
_DETECTIONS = """
    INSERT INTO detections
    SELECT n, :boxes, ordinal, (CAST(:labels AS text[]))[1 + abs(hashint8(n + ordinal)) % 40],
           0.9 - 0.2 * ordinal, 10, 20, 300, 400
    FROM generate_series(1, :photos * 2 / 5) n, generate_series(0, 1) ordinal
"""
_SEGMENTS = """
    INSERT INTO segments
    SELECT n, :masks, label, 0.9, CASE label WHEN 'product' THEN 0.3 ELSE 0.7 END, 10, 20, 300, 400, 'masks/' || n
    FROM generate_series(1, :photos * 2 / 5) n, unnest(ARRAY['product', 'background']) label
"""
_EMBEDDINGS = """
    INSERT INTO embeddings
    SELECT n, :vectors, l2_normalize(array_agg(hashint8extended(n, d) / 1e19)::vector)
    FROM generate_series(1, :photos * 2 / 25) n, generate_series(1, 64) d GROUP BY n
"""
_JOBS = """
    INSERT INTO jobs (kind, subject, created_at, closed_at)
    SELECT 'ingest', 'part-' || n || '.csv', now() - n * interval '1 hour', now() FROM generate_series(1, 250) n
"""
# Ten thousand photos a job, one photo of a thousand in quarantine.
_ITEMS = """
    INSERT INTO work_items (image_id, model_version_id, job_id, state, attempts, error_code, error_reason, finished_at)
    SELECT n, :tags, 1 + n * 249 / :photos, CASE WHEN n % 1000 = 0 THEN 'quarantined' ELSE 'done' END, 1,
           CASE WHEN n % 1000 = 0 THEN 'corrupt' END, CASE WHEN n % 1000 = 0 THEN 'It ends too early.' END,
           now() - (:photos - n) * interval '1 second'
    FROM generate_series(1, :photos) n
"""
_OVERRIDES = f"""
    INSERT INTO overrides
    SELECT n * 25, CASE WHEN n % 1000 = 0 THEN '{RARE}' ELSE 'Label 11' END, n % 4 > 0, 'anna', now()
    FROM generate_series(1, :photos / 25) n
"""
_THRESHOLDS = f"""
    INSERT INTO thresholds (model_name, label, threshold)
    VALUES ('product-type', '', 0.6), ('product-type', '{COMMON}', 0.7)
"""


def fill(engine: sa.Engine, photos: int) -> None:
    """Four classifications a photo, 0.8 detections, 0.8 segments, 0.08 embeddings of width 64, 1 work item."""
    versions = {
        "tags": add_version(engine, "product-type").id,
        "boxes": add_version(engine, "boxes", task="detect").id,
        "masks": add_version(engine, "masks", task="segment").id,
        "vectors": add_version(engine, "vectors", task="embed").id,
    }
    with engine.begin() as connection:
        # Rows that are right by construction need no look at each foreign key.
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for statement in (
            *(_PHOTOS, _PRODUCTS, _PRODUCT_IMAGES, _JOBS, _ITEMS, _OVERRIDES, _THRESHOLDS),
            *(_CLASSIFICATIONS, _DETECTIONS, _SEGMENTS, _EMBEDDINGS),
        ):
            connection.execute(sa.text(statement), {"photos": photos, "labels": LABELS, **versions})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
