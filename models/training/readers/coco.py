"""COCO's JSON (https://cocodataset.org/#format-data): boxes with outlines, masks drawn from them, or a label a photo.

Labels are in the order of their ids. Objects marked `iscrowd` are passed over by detect; in masks they are `IGNORED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.training.left_out import LeftOut
from models.training.readers.coco_objects import Object, read_object
from models.training.readers.coco_tree import Id, Record, Tree, load_tree
from models.training.readers.files import located
from models.training.readers.finish import empty_class
from models.training.readers.products import by_name
from models.training.readers.runs import pycocotools
from models.training.readers.sources import MaskOutlines
from models.training.samples import (
    IGNORED,
    Instance,
    LabelledPhotos,
    PhotoFile,
    Problem,
    Sample,
    TrainableTask,
)


@dataclass(slots=True)
class _Photo:
    path: Path
    origin: str
    size: tuple[int, int] | None
    objects: list[Object] = field(default_factory=list)
    refused: int = 0


def read(path: Path, task: TrainableTask, photos: Path | None) -> LabelledPhotos:
    """Photos lie in `photos`, or beside the file. Raises DataError: no COCO, or masks without pycocotools."""
    if task == "segment":
        pycocotools()
    folder, tree = photos or path.parent, load_tree(path)
    problems: list[Problem] = []
    found = _photos(path, tree, folder, problems)
    _add_objects(path, tree, task, found, problems)
    labels = tuple(tree.categories.values())
    if task == "segment":
        used = {one.label for photo in found.values() if photo for one in photo.objects}
        problems += [empty_class(str(path), label) for label in labels if label not in used]
        labels = tuple(label for label in labels if label in used)
    samples = _samples([photo for photo in found.values() if photo], folder, task, labels, problems)
    return LabelledPhotos(str(path), task, labels, tuple(samples), tuple(problems))


def _photos(path: Path, tree: Tree, folder: Path, problems: list[Problem]) -> dict[Id, _Photo | None]:
    """Listed photos by their ids; None for one that cannot be used, which has a problem."""
    found: dict[Id, _Photo | None] = {}
    paths: set[Path] = set()
    for place, record in enumerate(tree.images):
        origin = f"{path}: image {record.get('file_name') or f'number {place + 1}'}"
        try:
            number = _id(record, "id")
            found.setdefault(number, None)
            photo = _Photo(_file(record, folder), origin, _size(record))
            if found[number] is not None or photo.path in paths:
                raise LeftOut(
                    "repeated_photo", f"{photo.path}, or its id {number}, is listed before; list it once"
                )
            paths.add(photo.path)
            found[number] = photo
        except LeftOut as why:
            problems.append(why.at(origin))
    return found


def _id(record: Record, name: str) -> Id:
    number = record.get(name)
    if not isinstance(number, (int, str)):
        raise LeftOut("bad_id", f"its {name} is {number!r}, neither number nor text")
    return number


def _file(record: Record, folder: Path) -> Path:
    name = record.get("file_name")
    if not isinstance(name, str) or not name.strip():
        raise LeftOut("no_photo", "it has no file_name")
    return located(folder, name)


def _size(record: Record) -> tuple[int, int] | None:
    width, height = record.get("width"), record.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return None


def _add_objects(
    path: Path, tree: Tree, task: TrainableTask, found: Mapping[Id, _Photo | None], problems: list[Problem]
) -> None:
    for place, record in enumerate(tree.annotations):
        photo = None
        try:
            number = _id(record, "image_id")
            if number not in found:
                raise LeftOut("unknown_image", f"its image_id {number} is that of no image")
            photo = found[number]
            if photo is not None:
                photo.objects.append(read_object(record, tree.categories, photo.size, task))
        except LeftOut as why:
            problems.append(why.at(f"{path}: annotation {record.get('id', f'number {place + 1}')}"))
            if photo is not None:
                photo.refused += 1


def _samples(
    photos: list[_Photo], folder: Path, task: TrainableTask, labels: tuple[str, ...], problems: list[Problem]
) -> list[Sample]:
    samples = []
    products = by_name([photo.path.relative_to(folder) for photo in photos])
    values = {label: k for k, label in enumerate(labels, start=1)}
    for photo, product in zip(photos, products, strict=True):
        try:
            samples.append(_sample(photo, product, task, values))
        except LeftOut as why:
            problems.append(why.at(photo.origin))
    return samples


def _sample(photo: _Photo, product: str, task: TrainableTask, values: Mapping[str, int]) -> Sample:
    source = PhotoFile(photo.path)
    if task == "classify":
        return Sample(source, product, photo.origin, label=_only_label(photo))
    if photo.refused and not photo.objects:
        raise LeftOut("no_usable_box", "none of its objects can be used, and it would seem to be empty")
    if task == "segment":
        return Sample(source, product, photo.origin, mask=_mask(photo, values), size=photo.size)
    instances = tuple(
        Instance(one.label, one.box, one.outline) for one in photo.objects if not one.crowd and one.box
    )
    if photo.objects and not instances:
        raise LeftOut("only_crowds", "it shows crowds only, which are no boxes to learn, nor is it empty")
    return Sample(source, product, photo.origin, instances=instances, size=photo.size)


def _only_label(photo: _Photo) -> str:
    labels = sorted({one.label for one in photo.objects})
    if not labels:
        raise LeftOut("no_label", "it has no annotation, so no label")
    if len(labels) > 1:
        raise LeftOut(
            "many_labels", f"it has the labels {', '.join(labels)}; a classifier learns one a photo"
        )
    return labels[0]


def _mask(photo: _Photo, values: Mapping[str, int]) -> MaskOutlines:
    if photo.size is None:
        raise LeftOut("no_size", "it is listed without width and height, which a mask needs")
    layers = tuple(
        (IGNORED if one.crowd else values[one.label], one.outline) for one in photo.objects if one.outline
    )
    return MaskOutlines(photo.origin, photo.size[1], photo.size[0], layers)
