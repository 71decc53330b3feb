"""What every object store promises. One test suite holds all of them to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO, Protocol

AN_HOUR = timedelta(hours=1)


class AssetStore(Protocol):
    """One bucket of objects. All methods may be called from many threads at once.

    All raise StoreUnavailable when the store does not answer (after the store's own retries), StoreRefused
    when it does not know or does not allow us, BucketMissing when the bucket is not there.
    """

    @property
    def bucket(self) -> str:
        """The name of the bucket."""

    def in_bucket(self, bucket: str) -> AssetStore:
        """The same server and connections, another bucket."""

    def ensure_bucket(self) -> None:
        """Create the bucket unless it is there."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store `data` whole, in place of what was there. Raises InvalidKey, see `keys.check_key`."""

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """The bytes under `key`. Raises ObjectMissing; ObjectTooLarge, unread, beyond `limit` bytes."""

    def copy_to(self, key: str, file: IO[bytes]) -> None:
        """Write the object to `file` piece by piece: it may be larger than memory. Raises ObjectMissing."""

    def exists(self, key: str) -> bool:
        """Whether something is stored under `key`."""

    def modified(self, key: str) -> datetime | None:
        """When `key` was stored last; None where nothing is."""

    def size(self, key: str) -> int | None:
        """Bytes under `key`; None where nothing is."""

    def delete(self, key: str) -> None:
        """Remove what is stored under `key`; nothing there is no error."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys that start with `prefix`, each once, in no promised order, fetched page by page."""

    def url(self, key: str, expires: timedelta = AN_HOUR) -> str:
        """A link that reads the object without keys until `expires` (7 days at most) from now."""
