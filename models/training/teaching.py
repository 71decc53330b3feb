"""Masks by a teacher: what one segmenter says of photos becomes what another one learns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from models.decode import Photo, decode
from models.errors import DataError, PhotoError
from models.predictions import Segmentation
from models.predictor import Predictor
from models.training.readers.files import photos_below

Progress = Callable[[int, int], object]


def teach(predictor: Predictor, photos: Path, folder: Path, on_progress: Progress | None = None) -> Path:
    """Write the predictor's masks of all photos below `photos`; returns `folder`, which the reader of pairs takes.

    `images` in it is a link to `photos`, `masks` has a PNG for each. A mask is written whole or not at all, and one
    that is there is not made again. Photos that cannot be decoded get no mask, and the reader names them.

    Raises:
        DataError: the teacher does not segment, or there is no photo.
        OSError: the masks cannot be written.
    """
    spec = predictor.specs[0]
    if spec.task != "segment":
        raise DataError(f"the teacher {spec.key} does {spec.task}; name a model that does segment")
    found = photos_below(photos)
    if not found:
        raise DataError(f"{photos} has no photos for the teacher to look at")
    _link(folder / "images", photos.resolve())
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in spec.labels), encoding="utf-8")
    due = [(path, mask) for path in found if not (mask := _mask_of(path, photos, folder)).exists()]
    for start in range(0, len(due), predictor.batch_size):
        some = due[start : start + predictor.batch_size]
        _answer(predictor, some)
        if on_progress:
            on_progress(len(found) - len(due) + start + len(some), len(found))
    return folder


def _mask_of(photo: Path, photos: Path, folder: Path) -> Path:
    return (folder / "masks" / photo.relative_to(photos)).with_suffix(".png")


def _answer(predictor: Predictor, some: Sequence[tuple[Path, Path]]) -> None:
    decoded = [(photo, mask) for path, mask in some if (photo := _decoded(path)) is not None]
    answers = predictor.outcomes([photo for photo, _ in decoded])
    for (_, mask), answer in zip(decoded, answers, strict=True):
        if not isinstance(answer, PhotoError) and isinstance(answer[0], Segmentation):
            _save(mask, answer[0])


def _decoded(path: Path) -> Photo | None:
    try:
        return decode(path.read_bytes())
    except (OSError, PhotoError):
        return None


def _save(path: Path, answer: Segmentation) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".writing-", delete=False) as file:
        try:
            Image.fromarray(answer.mask).save(file, "PNG")
            file.flush()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _link(link: Path, target: Path) -> None:
    """In place of the link that is there, if one is; it is never missing, also where two do it at once."""
    link.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=link.parent, prefix=".linking-") as place:
        fresh = Path(place) / link.name
        fresh.symlink_to(target, target_is_directory=True)
        fresh.replace(link)
