"""One object between the store and a folder, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from catalog.asset_store import CONTENT_TYPES, AssetStore
from catalog.asset_store.keys import check_key
from catalog.errors import InvalidKey, ObjectMissing, StoreUnavailable

Fate = Literal["copied", "present", "missing"]

# A connection may break in the middle of one object of millions.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """An object that a row names; `size` in bytes, where the row tells it."""

    key: str
    size: int | None


def read_list(path: Path) -> Iterator[Listed]:
    """The lines of Postgres' COPY: key, size or \\N."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            key, size = line.rstrip("\n").split("\t")
            yield Listed(key, None if size == r"\N" else int(size))


def fetch(store: AssetStore, listed: Listed, root: Path, partial: Path) -> Fate:
    """From the store to `root`/key, unless it is there. Not the size its row tells is as bad as missing."""
    try:
        target = root / check_key(listed.key)
        if _is_there(target, listed.size):
            return "present"
        part = partial / uuid4().hex
        _download(store, listed.key, part)
    except (ObjectMissing, InvalidKey):
        return "missing"
    if listed.size not in (None, part.stat().st_size):
        part.unlink()
        return "missing"
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    return "copied"


def put(store: AssetStore, listed: Listed, root: Path) -> Fate:
    """From `root`/key to the store, unless it is there: a store keeps objects whole, and keys are of contents."""
    try:
        path = root / check_key(listed.key)
        if store.exists(listed.key):
            return "present"
        data = path.read_bytes()
    except (FileNotFoundError, InvalidKey):
        return "missing"
    if not _is_whole(listed, data):
        return "missing"
    content_type = CONTENT_TYPES.get(path.suffix.lstrip("."), "application/octet-stream")
    store.put(listed.key, data, content_type)
    return "copied"


def _is_there(path: Path, size: int | None) -> bool:
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        return False
    return found > 0 if size is None else found == size


def _download(store: AssetStore, key: str, part: Path) -> None:
    for left in reversed(range(_TRIES)):
        try:
            with part.open("wb") as file:
                store.copy_to(key, file)
                file.flush()
                os.fsync(file.fileno())
            return
        except ObjectMissing:
            part.unlink()
            raise
        except StoreUnavailable:
            if not left:
                raise


def _is_whole(listed: Listed, data: bytes) -> bool:
    """Photos and weights are named by the SHA-256 of their bytes; a mask by that of its photo."""
    if listed.size not in (None, len(data)) or not data:
        return False
    if listed.key.startswith("masks/"):
        return True
    return Path(listed.key).stem == hashlib.sha256(data).hexdigest()
