"""Objects between the store and a folder, many at a time, each whole or not at all."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from catalog.asset_store import AssetStore
from catalog.errors import ObjectMissing

THREADS, BATCH = 8, 1000

# Weights first: they are few, and without them nothing works.
_NAMED = sa.text(
    """
    SELECT DISTINCT spec ->> 'weights' FROM model_versions
    UNION ALL SELECT object_key FROM images
    UNION ALL SELECT DISTINCT mask_key FROM segments
    """
)


@dataclass
class Copied:
    """Objects that rows name, how many of them were copied now, and how many could not be found."""

    objects: int = 0
    copied: int = 0
    missing: int = 0


def copy_all(engine: sa.Engine, copy: Callable[[str], bool], on_progress: Callable[[Copied], None]) -> Copied:
    """Call `copy` for every key that a row names; it says whether there was anything to do.

    Keys are streamed: there may be a hundred million.
    """
    total = Copied()
    with ThreadPoolExecutor(THREADS, "copy") as pool, engine.connect() as connection:
        keys = connection.execution_options(stream_results=True, max_row_buffer=BATCH).scalars(_NAMED)
        for batch in _batches(iter(keys)):
            for did in pool.map(partial(_tolerant, copy), batch):
                total.objects += 1
                total.copied += did is True
                total.missing += did is None
            on_progress(total)
    return total


def _tolerant(copy: Callable[[str], bool], key: str) -> bool | None:
    try:
        return copy(key)
    except (ObjectMissing, FileNotFoundError):
        return None


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(keys, BATCH)):
        yield batch


def to_folder(store: AssetStore, folder: Path, key: str) -> bool:
    """Copy an object unless it is there: keys are hashes of what they hold. Raises ObjectMissing."""
    path = folder / key
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    with scratch.open("wb") as file:
        store.copy_to(key, file)
    scratch.replace(path)
    return True


def to_store(store: AssetStore, folder: Path, key: str) -> bool:
    """Put an object unless it is there. Raises FileNotFoundError where the backup lacks it."""
    if store.exists(key):
        return False
    data = (folder / key).read_bytes()
    store.put(key, data, mimetypes.guess_type(key)[0] or "application/octet-stream")
    return True
