"""Labelled photos from whatever form they lie in: one reader for each, chosen by what `data.source` is.

Problems are what a reader left out, or what was left out when the photos were looked at. Their codes, beside those
of photos that cannot be decoded:

| code | |
|---|---|
| `no_photo`, `missing_file`, `outside_folder`, `unreadable` | an annotation without its photo |
| `no_label`, `no_mask`, `no_annotation`, `no_outline` | a photo without what the task needs |
| `many_labels`, `repeated_photo`, `contradicting_label`, `same_name` | a photo with more than one |
| `bad_box`, `empty_box`, `box_outside`, `clipped_box`, `no_usable_box`, `only_crowds` | boxes that are none |
| `bad_outline`, `bad_mask`, `specks`, `unknown_mask_value` | masks that cannot be read, or not wholly |
| `wrong_size`, `wrong_mask_size`, `no_size` | sizes that disagree |
| `bad_id`, `unknown_image`, `unknown_category`, `bad_split`, `wrong_cell_count` | what breaks the form |
| `malformed_xml`, `xml_with_dtd`, `not_listed` | of VOC folders |
| `empty_class`, `single_photo`, `unknown_second` | labels that cannot be learned |
"""

from __future__ import annotations

from pathlib import Path

from models.errors import DataError
from models.training.readers import coco, folders, pairs, table, voc, zoo
from models.training.readers.finish import finished
from models.training.recipe import Data
from models.training.samples import LabelledPhotos, TrainableTask

ACCEPTED = (
    "a folder of a folder for each label (classify), a .csv, .tsv or .parquet table (classify, detect), a COCO .json "
    "file, a VOC folder with Annotations and JPEGImages (detect, segment), a folder with images and masks (segment, "
    "detect), or torchvision:NAME"
)


def read(data: Data, task: TrainableTask, base: Path | None = None) -> LabelledPhotos:
    """The photos that `data.source` leads to; relative paths start at `base`, else at the working folder.

    Raises:
        DataError: the data as a whole cannot be used. What is wrong with one photo becomes a Problem.
    """
    if not data.source:
        raise DataError(f"the recipe names no data; set data.source to {ACCEPTED}")
    if data.source.startswith(zoo.PREFIX):
        return finished(zoo.read(data.source, task))
    source = _place(data.source, base)
    photos = _place(data.photos, base) if data.photos else None
    if photos is not None and not photos.is_dir():
        raise DataError(f"there is no folder {photos}, which data.photos names")
    if source.is_dir():
        return finished(_folder(source, task))
    if not source.is_file():
        raise DataError(f"there is nothing at {source}; set data.source to {ACCEPTED}")
    if is_table(data.source):
        return finished(table.read(source, task, photos, data.columns))
    if source.suffix.lower() == ".json":
        return finished(coco.read(source, task, photos))
    raise DataError(f"{source} is no form of data that is known; set data.source to {ACCEPTED}")


def is_table(source: str) -> bool:
    """Whether `source` is read as a table, which can hold labels and boxes, but no masks."""
    return Path(source).suffix.lower() in (".csv", ".tsv", ".parquet")


def _place(name: str, base: Path | None) -> Path:
    return (base or Path()) / Path(name).expanduser()


def _folder(folder: Path, task: TrainableTask) -> LabelledPhotos:
    if (folder / voc.PHOTOS).is_dir() and ((folder / voc.BOXES).is_dir() or (folder / voc.MASKS).is_dir()):
        return voc.read(folder, task)
    if (folder / "images").is_dir() and (folder / "masks").is_dir():
        return pairs.read(folder, task)
    if task != "classify":
        raise DataError(f"{folder} holds no boxes and no masks for {task}; set data.source to {ACCEPTED}")
    return folders.read(folder)
