"""Objects that no row names: found, deleted, and never one that a row names or is about to."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog import orphans
from catalog.asset_store import S3AssetStore, image_key, mask_key, thumbnail_key
from catalog.locks import uploading
from catalog.orphans import NoPhotosKnown, Orphans, collect
from tests.catalog.shop import add_images, add_version, execute, make_ledger, plan, rows, stored

NOW = timedelta()


def find(
    engine: sa.Engine, store: S3AssetStore, *, delete: bool = True, older_than: timedelta = NOW
) -> Orphans:
    return collect(engine, store, older_than=older_than, delete=delete)


@pytest.fixture
def photo(engine: sa.Engine, store: S3AssetStore) -> tuple[int, str]:
    """A photo as the catalog keeps it: id and SHA-256."""
    (image_id,) = add_images(engine, 1)
    ((sha256,),) = rows(engine, "SELECT sha256 FROM images")
    execute(engine, "UPDATE images SET object_key = :key", key=image_key(sha256, "PNG"))
    store.put(image_key(sha256, "PNG"), b"photo", "image/png")
    return image_id, sha256


def test_only_what_no_row_names_is_deleted(
    engine: sa.Engine, store: S3AssetStore, photo: tuple[int, str]
) -> None:
    lost = image_key("ab" * 32, "JPEG")
    store.put(lost, b"never committed", "image/jpeg")
    store.put("models/gone/1/weights.safetensors", b"never registered", "application/octet-stream")
    assert find(engine, store, delete=False).deleted == 0
    found = find(engine, store)
    assert (dict(found.found), found.deleted) == ({"images": 1, "models": 1}, 2)
    assert list(store.list()) == [image_key(photo[1], "PNG")]


def test_thumbnails_go_with_their_photo(
    engine: sa.Engine, store: S3AssetStore, photo: tuple[int, str]
) -> None:
    for sha256 in (photo[1], "ab" * 32):
        store.put(thumbnail_key(sha256, 320), b"small", "image/webp")
    assert find(engine, store).found == {"thumbnails": 1}
    assert set(store.list("thumbnails/")) == {thumbnail_key(photo[1], 320)}


def test_nothing_is_deleted_for_a_database_that_knows_no_photo(
    engine: sa.Engine, store: S3AssetStore
) -> None:
    store.put(image_key("ab" * 32, "JPEG"), b"of another database", "image/jpeg")
    with pytest.raises(NoPhotosKnown):
        find(engine, store)
    assert find(engine, store, delete=False).found["images"] == 1
    assert store.exists(image_key("ab" * 32, "JPEG"))


def test_while_an_ingest_holds_the_lock_orphans_stay(
    engine: sa.Engine, store: S3AssetStore, photo: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "WAIT", "200ms")
    store.put(image_key("ab" * 32, "JPEG"), b"never committed", "image/jpeg")
    with uploading(engine):
        assert (find(engine, store).found["images"], find(engine, store).deleted) == (1, 0)
    assert find(engine, store).deleted == 1


def test_young_objects_are_left_alone(engine: sa.Engine, store: S3AssetStore) -> None:
    store.put(image_key("ab" * 32, "JPEG"), b"just uploaded", "image/jpeg")
    assert find(engine, store, delete=False, older_than=timedelta(hours=1)).found.total() == 0


@pytest.mark.parametrize(
    ("state", "orphan"),
    [("open", False), ("leased", False), ("stored", True), ("quarantined", True), ("unplanned", False)],
)
def test_a_mask_is_an_orphan_once_its_work_is_over_and_does_not_name_it(
    engine: sa.Engine, store: S3AssetStore, photo: tuple[int, str], state: str, orphan: bool
) -> None:
    version = add_version(engine, "cutout")
    key = mask_key("cutout@1", photo[1])
    store.put(key, b"mask", "image/png")
    ledger = make_ledger(engine)
    if state != "unplanned":
        plan(engine, [photo[0]], version.id)
    if state in ("leased", "stored"):
        ledger.claim([photo[0]], token := uuid4())
    if state == "stored":
        ledger.settle(token, [stored(photo[0], version.id)])
    if state == "quarantined":
        execute(engine, "UPDATE work_items SET state = 'quarantined', error_code = 'x', error_reason = 'x'")
    assert find(engine, store).deleted == orphan
    assert store.exists(key) is not orphan


def test_a_mask_that_a_segment_names_stays(
    engine: sa.Engine, store: S3AssetStore, photo: tuple[int, str]
) -> None:
    version = add_version(engine, "cutout")
    key = mask_key("cutout@1", photo[1])
    store.put(key, b"mask", "image/png")
    plan(engine, [photo[0]], version.id)
    execute(engine, "UPDATE work_items SET state = 'done'")
    execute(
        engine,
        "INSERT INTO segments VALUES (:image, :version, 'product', 1, 1, 0, 0, 1, 1, :key)",
        image=photo[0],
        version=version.id,
        key=key,
    )
    assert find(engine, store).found.total() == 0


def test_a_photo_that_is_being_accepted_again_is_not_deleted(
    engine: sa.Engine, store: S3AssetStore, photo: tuple[int, str]
) -> None:
    """The collector has seen the orphan; then an ingest uploads it anew, and commits while the collector waits."""
    sha256 = "cd" * 32
    key = image_key(sha256, "PNG")
    store.put(key, b"of a killed ingest", "image/png")
    uploaded, collecting = threading.Event(), threading.Event()

    def ingest() -> None:
        with uploading(engine) as connection:
            store.put(key, b"of a killed ingest", "image/png")
            uploaded.set()
            collecting.wait(10)
            with connection.begin():
                add_image(connection, sha256, key)

    thread = threading.Thread(target=ingest)
    thread.start()
    uploaded.wait(10)
    with_delay = threading.Timer(1.0, collecting.set)
    with_delay.start()
    found = find(engine, store)
    thread.join(10)
    assert (found.found["images"], found.deleted) == (1, 0)
    assert store.exists(key)


def add_image(connection: sa.Connection, sha256: str, key: str) -> None:
    connection.execute(
        sa.text(
            "INSERT INTO images (sha256, object_key, format, bytes, width, height) "
            "VALUES (:sha256, :key, 'PNG', 1, 1, 1)"
        ),
        {"sha256": sha256, "key": key},
    )
