"""One contract, every object store; and what is particular to S3."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from catalog.asset_store import AssetStore, MemoryAssetStore, S3AssetStore, image_key, mask_key, model_key
from catalog.errors import (
    BucketMissing,
    InvalidKey,
    ObjectMissing,
    ObjectTooLarge,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from workers.embedded.services import Endpoints

SHA = hashlib.sha256(b"photo").hexdigest()


def connect(at: Endpoints, bucket: str) -> S3AssetStore:
    return S3AssetStore.connect(at.s3_endpoint, at.s3_access_key, at.s3_secret_key, bucket)


@pytest.fixture(params=["memory", "s3"])
def empty_server(request: pytest.FixtureRequest) -> AssetStore:
    """A store whose bucket does not exist yet."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    if request.param == "memory":
        return MemoryAssetStore(bucket)
    return connect(request.getfixturevalue("endpoints"), bucket)


@pytest.fixture
def store(empty_server: AssetStore) -> AssetStore:
    empty_server.ensure_bucket()
    return empty_server


def test_what_is_put_can_be_got(store: AssetStore) -> None:
    key = image_key(SHA, "JPEG")
    store.put(key, b"photo", "image/jpeg")
    assert store.get(key) == b"photo"
    assert store.exists(key)


@pytest.mark.parametrize("data", [b"", b"\0", bytes(range(256)) * 4096], ids=["empty", "nul", "1 MB"])
def test_any_bytes_survive(store: AssetStore, data: bytes) -> None:
    store.put("images/x.bin", data, "application/octet-stream")
    assert store.get("images/x.bin") == data


def test_putting_again_replaces(store: AssetStore) -> None:
    store.put("a/b", b"a much longer first version", "image/png")
    store.put("a/b", b"second", "image/png")
    assert store.get("a/b") == b"second"
    assert list(store.list("a/")) == ["a/b"]


@pytest.mark.parametrize("key", ["feed/Größe 1+1|x;y.jpg", "шляпа/%41&b=c?d#e.jpg", "a 'b' \"c\".png"])
def test_people_name_their_photos_as_they_like(store: AssetStore, key: str) -> None:
    store.put(key, b"photo", "image/jpeg")
    assert list(store.list()) == [key]
    assert list(store.list(key[:3])) == [key]
    assert store.get(key) == b"photo"


@pytest.mark.parametrize("key", ["images/none.jpg", "images", "a/../b", "..", ""])
def test_what_is_not_there(store: AssetStore, key: str) -> None:
    store.put("images/x.jpg", b"x", "image/jpeg")
    with pytest.raises(ObjectMissing):
        store.get(key)
    with pytest.raises(ObjectMissing):
        store.copy_to(key, io.BytesIO())
    assert not store.exists(key)


def test_deleting_is_done_once_or_twice(store: AssetStore) -> None:
    store.put("a/b", b"x", "image/png")
    store.delete("a/b")
    store.delete("a/b")
    assert not store.exists("a/b")
    assert list(store.list()) == []


def test_listing_knows_its_prefix(store: AssetStore) -> None:
    keys = {f"images/{n % 7:02d}/{n:04d}.jpg" for n in range(50)} | {"masks/1.png"}
    for key in keys:
        store.put(key, b"x", "image/jpeg")
    assert sorted(store.list()) == sorted(keys)
    assert set(store.list("images/03/")) == {key for key in keys if key.startswith("images/03/")}
    assert list(store.list("nothing/")) == []


def test_a_limit_refuses_before_reading(store: AssetStore) -> None:
    store.put("a/b", b"12345", "image/png")
    assert store.get("a/b", limit=5) == b"12345"
    with pytest.raises(ObjectTooLarge, match="5 bytes, more than 4"):
        store.get("a/b", limit=4)
    assert store.get("a/b") == b"12345"  # the connection is still good


def test_a_large_object_is_copied_to_a_file(store: AssetStore) -> None:
    data = bytes(range(251)) * 20_000
    store.put("models/big", data, "application/octet-stream")
    file = io.BytesIO()
    store.copy_to("models/big", file)
    assert file.getvalue() == data


def test_a_missing_bucket_has_its_own_error(empty_server: AssetStore) -> None:
    with pytest.raises(BucketMissing):
        empty_server.get("a/b")
    with pytest.raises(BucketMissing):
        empty_server.put("a/b", b"x", "image/png")
    with pytest.raises(BucketMissing):
        list(empty_server.list())
    empty_server.ensure_bucket()
    empty_server.ensure_bucket()
    empty_server.put("a/b", b"x", "image/png")


def test_buckets_are_apart(store: AssetStore) -> None:
    other = store.in_bucket(f"{store.bucket}-other")
    other.ensure_bucket()
    other.put("a/b", b"other", "image/png")
    assert not store.exists("a/b")
    assert other.in_bucket(other.bucket).get("a/b") == b"other"


@pytest.mark.parametrize(
    "key", ["", "/a", "a//b", "a/", "a/../b", "./a", "a\0b", "a\nb", "a\u202eb", "k" * 1001]
)
def test_no_strange_key_is_stored(store: AssetStore, key: str) -> None:
    with pytest.raises(InvalidKey):
        store.put(key, b"x", "image/png")


def test_many_threads_at_once(store: AssetStore) -> None:
    blobs = {f"images/{n:03d}.jpg": n.to_bytes(2, "big") * 500 for n in range(200)}
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda item: store.put(item[0], item[1], "image/jpeg"), blobs.items()))
        assert list(threads.map(store.get, blobs)) == list(blobs.values())


def test_a_link_needs_no_keys(endpoints: Endpoints) -> None:
    import urllib3

    store = connect(endpoints, "links")
    store.ensure_bucket()
    store.put("a/b.jpg", b"photo", "image/jpeg")
    with urllib3.PoolManager() as http:
        assert http.request("GET", store.url("a/b.jpg")).data == b"photo"


def test_wrong_keys_are_refused_and_not_called_missing(endpoints: Endpoints) -> None:
    store = S3AssetStore.connect(endpoints.s3_endpoint, endpoints.s3_access_key, "not-the-secret", "tagmill")
    for attempt in (store.ensure_bucket, lambda: store.get("a/b"), lambda: store.exists("a/b")):
        with pytest.raises(StoreRefused):
            attempt()
    with pytest.raises(StoreRefused):
        list(store.list())


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://host", "http://", "http://host/path"])
def test_an_endpoint_is_a_url(endpoint: str) -> None:
    with pytest.raises(StoreError, match="endpoint"):
        S3AssetStore.connect(endpoint, "access-key", "secret-key", "tagmill")


@pytest.mark.parametrize("bucket", ["", "ab", "Upper", "under_score", "a/b", "-a-", "a" * 64])
def test_a_bucket_has_a_proper_name(bucket: str) -> None:
    with pytest.raises(StoreError, match="bucket"):
        S3AssetStore.connect("http://127.0.0.1:1", "access-key", "secret-key", bucket)


def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    store = S3AssetStore.connect(endpoint, "access-key", "secret-key", "tagmill", retries=0)
    for attempt in (store.ensure_bucket, lambda: store.get("a/b"), lambda: store.exists("a/b")):
        with pytest.raises(StoreUnavailable):
            attempt()


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, list[int]]]:
    """A server that gives each connection the next of `answers` (the last for ever) and hangs up."""
    served = [0]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answers[min(served[0], len(answers) - 1)])
                    served[0] += 1

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", served
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def answer(status: str, body: bytes = b"", kind: str = "text/xml", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer("500 Oops", b"<html>"), StoreUnavailable),
        (answer("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>"), StoreUnavailable),
        (answer("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>"), ObjectMissing),
        (answer("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>", "application/xml"), ObjectMissing),
        (answer("404 Not Found", b"<Error><Code>NoSuchBucket</Code></Error>"), BucketMissing),
        (answer("403 Forbidden", b"no"), StoreRefused),
        (answer("400 Bad", b"<Error><Code>InvalidArgument</Code></Error>"), StoreError),
        (answer("500 Oops", b"this is not XML <<<", "application/xml"), StoreUnavailable),
        (b"this is not HTTP\r\n\r\n", StoreUnavailable),
        (b"", StoreUnavailable),
        (answer("200 OK", b"half", "image/jpeg", length=8), StoreUnavailable),
    ],
)
def test_answers_of_a_broken_server_are_translated(reply: bytes, error: type[StoreError]) -> None:
    with answering(reply) as (endpoint, _):
        store = S3AssetStore.connect(endpoint, "access-key", "secret-key", "tagmill", retries=0)
        with pytest.raises(error):
            store.get("a/b")


def test_a_server_that_recovers_is_asked_again() -> None:
    good = answer("200 OK", b"photo", "image/jpeg")
    half = answer("200 OK", b"ph", "image/jpeg", length=5)
    with answering(answer("503 Slow Down"), half, good) as (endpoint, served):
        store = S3AssetStore.connect(endpoint, "access-key", "secret-key", "tagmill", retries=1)
        assert store.get("a/b") == b"photo"
    assert served == [3]


def test_a_server_that_asks_for_a_minute_is_not_given_it() -> None:
    """MinIO does, with each 503. A thread that sleeps so long looks hung; the ledger can wait."""
    busy = answer("503 Slow Down").replace(b"Connection:", b"Retry-After: 60\r\nConnection:")
    with answering(busy) as (endpoint, served):
        store = S3AssetStore.connect(endpoint, "access-key", "secret-key", "tagmill", retries=2)
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.get("a/b")
        assert time.monotonic() - started < 20
    assert served == [3]


def test_keys_are_hashes() -> None:
    assert image_key(SHA, "jpeg") == f"images/{SHA[:2]}/{SHA[2:4]}/{SHA}.jpg"
    assert image_key(SHA, "TIFF").endswith(".tif")
    assert mask_key("product-mask@1", SHA) == f"masks/product-mask@1/{SHA[:2]}/{SHA[2:4]}/{SHA}.png"
    assert (
        model_key("product-type", "1", "weights.safetensors") == "models/product-type/1/weights.safetensors"
    )


@pytest.mark.parametrize(
    "sha256", ["", "../../etc/passwd", SHA.upper(), SHA[:-1], SHA + "0", SHA[:-1] + "\n"]
)
def test_no_key_without_a_hash(sha256: str) -> None:
    with pytest.raises(InvalidKey):
        image_key(sha256, "JPEG")
    with pytest.raises(InvalidKey):
        mask_key("product-mask@1", sha256)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a@b", "a\n", ".hidden", "a" * 101])
def test_no_key_from_a_strange_name(name: str) -> None:
    with pytest.raises(InvalidKey):
        model_key(name, "1", "weights")
    with pytest.raises(InvalidKey):
        model_key("product-type", name, "weights")
    with pytest.raises(InvalidKey):
        mask_key(f"{name}@1", SHA)


def test_no_key_for_other_files_and_formats() -> None:
    with pytest.raises(InvalidKey):
        model_key("product-type", "1", "../weights")
    with pytest.raises(InvalidKey):
        image_key(SHA, "SVG")


def test_an_object_tells_when_it_was_stored(store: AssetStore) -> None:
    assert store.modified("images/none") is None
    store.put("images/one", b"1", "image/png")
    modified = store.modified("images/one")
    assert modified is not None
    assert abs(datetime.now(UTC) - modified) < timedelta(minutes=1)


def test_the_size_of_an_object_is_told_without_reading_it(store: AssetStore) -> None:
    store.put("images/one", b"12345", "image/png")
    assert (store.size("images/one"), store.size("images/none")) == (5, None)
