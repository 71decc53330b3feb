"""The object store on any S3 server, through the `minio` client.

Open one in each process, after the fork: its sockets must not be shared between processes.
"""

from __future__ import annotations

import errno
import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import IO
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import urllib3
from minio import Minio
from minio.datatypes import Object
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.response import BaseHTTPResponse

from catalog.asset_store.contract import AN_HOUR
from catalog.asset_store.keys import check_key
from catalog.errors import (
    BucketMissing,
    ObjectMissing,
    ObjectTooLarge,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
# urllib3 repeats failed requests, but not one whose connection breaks in the middle of the answer's body.
_READS = 3
_PIECE = 1 << 20


class S3AssetStore:
    """One bucket on an S3 server such as MinIO, RustFS, AWS or rclone; see `AssetStore` for the promises."""

    def __init__(self, client: Minio, bucket: str, get_timeout: float = 60.0) -> None:
        if not _BUCKET.fullmatch(bucket):
            raise StoreError(
                f"{bucket[:100]!r} cannot be a bucket: 3 to 63 lower-case letters, digits, '.' and '-'"
            )
        self._client = client
        self._bucket = bucket
        self._get_timeout = get_timeout

    @classmethod
    def connect(
        cls,
        endpoint: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        *,
        threads: int = 16,
        region: str = "us-east-1",
        connect_timeout: float = 5.0,
        read_timeout: float = 30.0,
        get_timeout: float = 60.0,
        retries: int = 4,
    ) -> S3AssetStore:
        """A store for up to `threads` threads at once; nothing is sent before the first call.

        `endpoint` is a URL such as `http://127.0.0.1:9000`; the time-outs are in seconds and hold for each of
        1 + `retries` attempts, with pauses of 0.2, 0.4, 0.8 ... seconds between them. A `get` is given up
        `get_timeout` seconds after it began, however slowly its bytes still come. Raises StoreError.
        """
        address = urlsplit(endpoint)
        if address.scheme not in ("http", "https") or not address.netloc or address.path.strip("/"):
            raise StoreError(f"{endpoint!r} is not an S3 endpoint; write it like http://127.0.0.1:9000")
        pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=threads,
            timeout=urllib3.Timeout(connect=connect_timeout, read=read_timeout),
            # raise_on_status off: the last answer reaches the client, which reads the reason in it.
            retries=urllib3.Retry(
                total=retries,
                backoff_factor=0.2,
                status_forcelist=(500, 502, 503, 504),
                raise_on_status=False,
                respect_retry_after_header=False,  # it may ask for minutes; the ledger waits, not a thread
            ),
        )
        client = Minio(
            address.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=address.scheme == "https",
            region=region,  # named, so that no request is spent on asking for it
            http_client=pool,
        )
        return cls(client, bucket, get_timeout)

    @property
    def bucket(self) -> str:
        return self._bucket

    def in_bucket(self, bucket: str) -> S3AssetStore:
        return S3AssetStore(self._client, bucket, self._get_timeout)

    def ensure_bucket(self) -> None:
        with self._translated():
            if self._client.bucket_exists(self._bucket):
                return
            try:
                self._client.make_bucket(self._bucket)
            except S3Error as error:  # somebody else was faster
                if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise

    def put(self, key: str, data: bytes, content_type: str) -> None:
        check_key(key)
        with self._translated(key):
            self._client.put_object(self._bucket, key, io.BytesIO(data), len(data), content_type)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        deadline = time.monotonic() + self._get_timeout
        for _ in range(_READS - 1):
            try:
                return self._read(key, limit, deadline)
            except StoreUnavailable as error:
                if not isinstance(error.__cause__, ProtocolError) or time.monotonic() > deadline:
                    raise
        return self._read(key, limit, deadline)

    def copy_to(self, key: str, file: IO[bytes]) -> None:
        with self._opened(key) as response:
            for piece in response.stream(_PIECE):
                file.write(piece)

    def exists(self, key: str) -> bool:
        return self._stat(key) is not None

    def modified(self, key: str) -> datetime | None:
        found = self._stat(key)
        return found.last_modified if found else None

    def size(self, key: str) -> int | None:
        found = self._stat(key)
        return found.size if found else None

    def _stat(self, key: str) -> Object | None:
        try:
            with self._translated(key):
                return self._client.stat_object(self._bucket, key)
        except ObjectMissing:
            return None

    def delete(self, key: str) -> None:
        try:
            with self._translated(key):
                self._client.remove_object(self._bucket, key)
        except ObjectMissing:
            return

    def list(self, prefix: str = "") -> Iterator[str]:
        with self._translated():
            for item in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                if item.object_name is not None and not item.object_name.endswith("/"):
                    yield item.object_name

    def url(self, key: str, expires: timedelta = AN_HOUR) -> str:
        check_key(key)
        with self._translated(key):
            return self._client.presigned_get_object(self._bucket, key, expires=expires)

    def _read(self, key: str, limit: int | None, deadline: float) -> bytes:
        with self._opened(key) as response:
            length = int(response.headers.get("content-length") or 0)
            if limit is not None and length > limit:
                raise ObjectTooLarge(f"s3://{self._bucket}/{key} has {length:,} bytes, more than {limit:,}")
            pieces, size = [], 0
            while piece := response.read1(_PIECE):  # what has come, without waiting for more
                pieces.append(piece)
                size += len(piece)
                if limit is not None and size > limit:  # no length was said
                    raise ObjectTooLarge(f"s3://{self._bucket}/{key} has more than {limit:,} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not read within {self._get_timeout:.0f} s")
            return b"".join(pieces)

    @contextmanager
    def _opened(self, key: str) -> Iterator[BaseHTTPResponse]:
        with self._translated(key):
            response = self._client.get_object(self._bucket, key)
            try:
                yield response
            except BaseException:
                response.close()  # not given back: the rest of an answer is still in the connection
                raise
            response.release_conn()

    @contextmanager
    def _translated(self, key: str | None = None) -> Iterator[None]:
        if key is not None and (not key.strip() or not {".", ".."}.isdisjoint(key.split("/"))):
            raise ObjectMissing(f"nothing can be stored under the key {key[:100]!r}")
        try:
            yield
        except (MinioException, HTTPError, OSError, ParseError) as error:
            if isinstance(error, OSError) and error.errno in _DISK_TROUBLE:  # where a copy is written to
                raise
            raise _translate(error, f"s3://{self._bucket}/{key or ''}") from error


_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
_MISSING = {"NoSuchKey", "NoSuchObject", "ResourceNotFound"}
_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed"}


def _translate(error: Exception, place: str) -> StoreError:
    """The vendor's error in our words; `place` is where it happened."""
    status, code, detail = _read_error(error)
    if code in _MISSING:
        return ObjectMissing(f"{place} is not there")
    if code == "NoSuchBucket":
        return BucketMissing(f"the bucket of {place} is not there")
    if code in _REFUSED or status in (401, 403):
        return StoreRefused(f"the object store does not let us use {place}: {detail}")
    if status is None or status >= 500 or status == 429:
        return StoreUnavailable(f"the object store failed on {place}: {detail}")
    if status == 404:
        return ObjectMissing(f"{place} is not there")
    return StoreError(f"the object store turned down {place}: {detail}")


def _read_error(error: Exception) -> tuple[int | None, str, str]:
    """Status, S3 error code and one line of text of an error; no status when no answer came."""
    detail = " ".join(str(error).split())[:300]
    if isinstance(error, S3Error):
        return error.response.status, error.code or "", f"{error.code}: {error.message}"
    if isinstance(error, ServerError):
        return error.status_code, "", detail
    if isinstance(error, InvalidResponseError):
        # rclone sends its errors as text/xml; the client takes that for no XML and keeps the parts private.
        text = str(error)
        status = re.search(r"Response code: (\d{3})", text)
        code = re.search(r"<Code>(\w+)</Code>", text)
        return int(status[1]) if status else None, code[1] if code else "", code[1] if code else detail
    return None, "", detail
