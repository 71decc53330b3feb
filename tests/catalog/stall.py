"""A shop of many products to search in: titles, tags, prices and vectors with structure, written as plain rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from catalog.copying import copy
from catalog.tables import EmbeddingRow
from tests.catalog.shop import add_version

LABELS = [
    "Dress",
    "Shirt",
    "Sneaker",
    "Ankle boot",
    "Bag",
    "Coat",
    "Pullover",
    "Sandal",
    "Trouser",
    "T-shirt/top",
]
NAMES = ["dress", "shirt", "sneaker", "boot", "handbag", "coat", "jumper", "sandal", "trousers", "tee"]
COLOURS = ["red", "blue", "green", "black", "white", "grey", "pink", "yellow", "brown", "orange"]
KINDS = [
    "summer",
    "winter",
    "classic",
    "slim",
    "oversized",
    "vintage",
    "sport",
    "evening",
    "office",
    "outdoor",
]
STUFFS = ["cotton", "linen", "wool", "leather", "denim", "silk", "canvas", "suede", "jersey", "velvet"]
PEOPLE = ["women", "men", "girls", "boys", "everyone"]
CLUSTERS = 500
NOISE = 1.0
"""Length of what sets a vector apart from its cluster, whose centre has length 1."""

_IMAGES = """
    INSERT INTO images (sha256, object_key, format, bytes, width, height)
    SELECT encode(sha256(n::text::bytea), 'hex'), 'images/' || n || '.jpg', 'JPEG', 60000, 800, 800
    FROM generate_series(1, :count) n
"""
_PRODUCTS = """
    INSERT INTO products (sku, title, brand, category, price, currency, description)
    SELECT 'SKU-' || lpad(n::text, 7, '0'),
           initcap(concat_ws(' ', pick(:kinds, n, 1), pick(:colours, n, 2), pick(:stuffs, n, 3), pick(:names, n, 0),
                             'for', pick(:people, n, 4), 'model', chr(97 + n % 26) || chr(97 + n / 26 % 26) || 'on')),
           'Brand ' || 1 + abs(hashint8extended(n, 5)) % 300, pick(:names, n, 0), 5 + abs(hashint8extended(n, 6)) % 200,
           'EUR', 'Made of ' || pick(:stuffs, n, 3) || ', washable at thirty degrees, shipped within two days.'
    FROM generate_series(1, :count) n
"""
_PICK = """
    CREATE FUNCTION pg_temp.pick(words text[], n bigint, seed int) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT words[1 + abs(hashint8extended(n, seed) % cardinality(words))]'
"""
_SHOWN = "INSERT INTO product_images SELECT n, n, 0, n || '.jpg' FROM generate_series(1, :count) n"
_TAGS = """
    INSERT INTO classifications
    SELECT n, :version, pick(:labels, n, rank - 1), rank,
           CASE rank WHEN 1 THEN 0.4 + 0.6 * (abs(hashint8extended(n, 7)) % 100000) / 1e5 ELSE 0.1 END
    FROM generate_series(1, :count) n, generate_series(1, 2) rank ON CONFLICT DO NOTHING
"""


_FACTS = """
    INSERT INTO photo_facts
    SELECT n, :facts, pick(:colours, n, 2), '#000000',
           jsonb_build_array(jsonb_build_object('name', pick(:colours, n, 2), 'hex', '#000000', 'share', 0.8)),
           1, 0, CASE WHEN n % 4 = 0 THEN 'lifestyle' ELSE 'packshot' END, 0.5, true, n
    FROM generate_series(1, :count) n
"""


def fill(engine: sa.Engine, count: int) -> None:
    """`count` products with a photo, its facts and two classifications; nothing is put into the queue of texts."""
    versions = {
        "version": add_version(engine, "product-type", labels=LABELS).id,
        "facts": add_version(engine, "photo-facts", task="describe", labels=[]).id,
    }
    words = {"kinds": KINDS, "colours": COLOURS, "stuffs": STUFFS, "names": NAMES, "people": PEOPLE}
    with engine.begin() as connection:
        connection.execute(
            sa.text("SET LOCAL session_replication_role = replica")
        )  # no look at each foreign key
        connection.execute(sa.text(_PICK))
        for statement in (_IMAGES, _PRODUCTS, _SHOWN, _TAGS, _FACTS):
            text = statement.replace("pick(", "pg_temp.pick(")
            connection.execute(sa.text(text), {"count": count, "labels": LABELS, **versions, **words})


def add_vectors(engine: sa.Engine, count: int, width: int) -> int:
    """A unit vector for each of the photos, in clusters; the embedder's version id."""
    version = add_version(engine, "product-embedding", task="embed", labels=[]).id
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for first in range(0, count, 5000):
            found = vectors(first, min(5000, count - first), width)
            rows = [
                {"image_id": first + 1 + n, "model_version_id": version, "embedding": vector}
                for n, vector in enumerate(found)
            ]
            copy(connection, EmbeddingRow.__table__, rows)  # type: ignore[arg-type]
    return version


def vectors(first: int, count: int, width: int) -> npt.NDArray[np.float32]:
    """Unit vectors of shape (count, width) around `CLUSTERS` centres; `first` is the seed."""
    centres = _units(np.random.default_rng(7), CLUSTERS, width)
    chance = np.random.default_rng(1000 + first)
    # As in photos' vectors, what sets them apart lies in few directions.
    own = chance.standard_normal((count, 32)).astype(np.float32) @ _units(np.random.default_rng(8), 32, width)
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    found = centres[chance.integers(0, CLUSTERS, count)] + NOISE * own
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def _units(chance: np.random.Generator, count: int, width: int) -> npt.NDArray[np.float32]:
    found = chance.standard_normal((count, width)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)
