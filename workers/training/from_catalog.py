"""People's labels in the catalog as a table of photos on this machine, which `models.training.readers` reads."""

from __future__ import annotations

import csv
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path, PurePosixPath

import structlog

from catalog.asset_store import AssetStore
from catalog.errors import ObjectFailed, ObjectMissing
from catalog.labels import LabelledPhoto, Unclear, human_labels
from models.errors import DataError
from models.spreadsheets import harmless
from workers.runtime import Runtime

log = structlog.get_logger()

LEFT_OUT = "left-out.csv"
THREADS = 16
ROUND = 256
"""Photos asked for at a time: not all of a million wait as futures."""

Progress = Callable[[int, int], object]


def export(
    runtime: Runtime, labels: Sequence[str] | None, folder: Path, on_progress: Progress | None = None
) -> Path:
    """Fetch the photos of `catalog.labels.human_labels` into `folder`; returns a CSV of image, label and product.

    The same labels give the same file, others another: a run that goes on later finds what it began with. A photo is
    fetched once, also over several exports. What is left out stands in `left-out.csv` beside it: products with several
    labels, photos that the store lacks. `on_progress(done, total)`.

    Raises:
        DataError: nothing is left.
        StoreUnavailable, …: the store does not answer; run again, what was fetched is kept.
    """
    with runtime.engine.connect() as connection:
        found = human_labels(connection, labels)
    folder.mkdir(parents=True, exist_ok=True)
    fetched = list(_fetched(runtime.store, found.photos, folder, on_progress or _nobody))
    rows = [
        (path, photo.label, photo.group)
        for photo, path in zip(found.photos, fetched, strict=True)
        if isinstance(path, PurePosixPath)
    ]
    left_out = [*found.unclear, *(one for one in fetched if isinstance(one, Unclear))]
    _tell(left_out, folder / LEFT_OUT)
    if not rows:
        first = f"; {len(left_out):,} left out, the first: {left_out[0].sentence}" if left_out else ""
        raise DataError(
            f"people's labels in the catalog lead to no photo{first}; give some with `tagmill label import`"
        )
    table = _table(("image", "label", "product"), rows)
    path = folder / f"labels-{hashlib.sha256(table).hexdigest()[:12]}.csv"
    _replace(path, table)
    return path


def _nobody(done: int, total: int) -> None:
    """Watches."""


def _tell(left_out: Sequence[Unclear], path: Path) -> None:
    rows = [tuple(map(harmless, (one.sku, one.code, one.sentence))) for one in left_out]
    _replace(path, _table(("sku", "code", "sentence"), rows))
    if left_out:
        log.warning("labels left out", count=len(left_out), first=left_out[0].sentence, all=str(path))


def _fetched(
    store: AssetStore, photos: Sequence[LabelledPhoto], folder: Path, on_progress: Progress
) -> Iterator[PurePosixPath | Unclear]:
    """For each photo its path below `folder`, or why there is none."""
    with ThreadPoolExecutor(THREADS, "export") as pool:
        for start in range(0, len(photos), ROUND):
            part = photos[start : start + ROUND]
            yield from pool.map(lambda photo: _fetch(store, photo, folder), part)
            on_progress(start + len(part), len(photos))


def _fetch(store: AssetStore, photo: LabelledPhoto, folder: Path) -> PurePosixPath | Unclear:
    name = f"{photo.sha256}{PurePosixPath(photo.object_key).suffix}"
    path = PurePosixPath("photos", photo.sha256[:2], photo.sha256[2:4], name)
    if (folder / path).exists():  # written whole and checked, or not at all
        return path
    try:
        data = store.get(photo.object_key)
    except (ObjectMissing, ObjectFailed) as error:
        return Unclear(photo.sku, "photo_missing", f"the photo {photo.object_key} of {photo.sku}: {error}")
    if hashlib.sha256(data).hexdigest() != photo.sha256:
        sentence = f"the photo {photo.object_key} of {photo.sku} was altered in the store; ingest it again"
        return Unclear(photo.sku, "photo_altered", sentence)
    _replace(folder / path, data)
    return path


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue().encode()


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all; two exports into one folder do not meet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".writing-", delete=False) as file:
        fresh = Path(file.name)
        try:
            file.write(data)
            file.flush()
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
