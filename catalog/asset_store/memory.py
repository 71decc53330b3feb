"""The object store as a dictionary: for trials and tests without a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import IO
from urllib.parse import quote

from catalog.asset_store.contract import AN_HOUR
from catalog.asset_store.keys import check_key
from catalog.errors import BucketMissing, ObjectMissing, ObjectTooLarge


class MemoryAssetStore:
    """Keeps objects in this process; they are gone when it ends."""

    def __init__(self, bucket: str = "tagmill", *, _server: _Server | None = None) -> None:
        self._bucket = bucket
        self._server = _server or _Server()

    @property
    def bucket(self) -> str:
        return self._bucket

    def in_bucket(self, bucket: str) -> MemoryAssetStore:
        return MemoryAssetStore(bucket, _server=self._server)

    def ensure_bucket(self) -> None:
        with self._server.lock:
            self._server.buckets.setdefault(self._bucket, {})

    def put(self, key: str, data: bytes, content_type: str) -> None:
        del content_type  # nobody reads it here
        check_key(key)
        with self._server.lock:
            self._objects()[key] = bytes(data), datetime.now(UTC)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        with self._server.lock:
            found = self._objects().get(key)
        if found is None:
            raise ObjectMissing(f"s3://{self._bucket}/{key} is not there")
        data = found[0]
        if limit is not None and len(data) > limit:
            raise ObjectTooLarge(f"s3://{self._bucket}/{key} has {len(data):,} bytes, more than {limit:,}")
        return data

    def copy_to(self, key: str, file: IO[bytes]) -> None:
        file.write(self.get(key))

    def exists(self, key: str) -> bool:
        with self._server.lock:
            return key in self._objects()

    def modified(self, key: str) -> datetime | None:
        with self._server.lock:
            found = self._objects().get(key)
        return found[1] if found else None

    def size(self, key: str) -> int | None:
        with self._server.lock:
            found = self._objects().get(key)
        return len(found[0]) if found else None

    def delete(self, key: str) -> None:
        with self._server.lock:
            self._objects().pop(key, None)

    def list(self, prefix: str = "") -> Iterator[str]:
        with self._server.lock:
            keys = [key for key in self._objects() if key.startswith(prefix)]
        return iter(keys)

    def url(self, key: str, expires: timedelta = AN_HOUR) -> str:
        return f"memory://{self._bucket}/{quote(check_key(key))}?expires={int(expires.total_seconds())}"

    def _objects(self) -> dict[str, tuple[bytes, datetime]]:
        try:
            return self._server.buckets[self._bucket]
        except KeyError:
            raise BucketMissing(f"the bucket {self._bucket!r} is not there") from None


class _Server:
    """What buckets of one server share."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.buckets: dict[str, dict[str, tuple[bytes, datetime]]] = {}
