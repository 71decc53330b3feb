"""`backup.json`: what a backup holds. It is written last, so a backup without it is unfinished."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1


class SealedFile(BaseModel):
    """A file beside the manifest, with what it takes to notice that it is not whole."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    bytes: int
    sha256: str

    @classmethod
    def seal(cls, path: Path, name: str) -> SealedFile:
        """Describe the file at `path`, which will be kept under `name`."""
        return cls(name=name, bytes=path.stat().st_size, sha256=_sha256(path))

    def is_whole(self, folder: Path) -> bool:
        """Whether the file in `folder` is byte for byte the one that was sealed."""
        path = folder / self.name
        return path.is_file() and path.stat().st_size == self.bytes and _sha256(path) == self.sha256


class ObjectList(BaseModel):
    """The objects that the database's rows name: `count` keys in `file`, of which `missing` could not be had."""

    model_config = ConfigDict(frozen=True)

    file: SealedFile
    count: int
    missing: int


class Counts(BaseModel):
    """Rows in the snapshot."""

    model_config = ConfigDict(frozen=True)

    products: int
    images: int
    work_items: int


class Manifest(BaseModel):
    """A finished backup. `objects` is None where the bucket is kept safe by other means."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    tagmill: str = Field(description="the release that made it")
    revision: str = Field(description="of the schema")
    postgres: int = Field(description="the server's major version")
    pg_dump: int = Field(description="the program's major version: an older pg_restore cannot read its file")
    taken_at: datetime = Field(description="when the snapshot was taken: later changes are not in it")
    finished_at: datetime
    counts: Counts
    database: SealedFile
    objects: ObjectList | None

    @property
    def files(self) -> list[SealedFile]:
        return [self.database, *([self.objects.file] if self.objects else [])]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
