"""A CSV or Parquet file with a row for each photo (classify) or each box (detect).

A row of detect whose label and box are blank says that nothing is in the photo. A box is the first person's where
`label` names it, and the second's where `second` does; a second person who drew any box has seen every photo of the
table. A blank split leaves the photo to the draw. Without a column `product`, names tell: see
`models.training.readers.products`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from models.errors import DataError
from models.training.left_out import LeftOut
from models.training.readers.cells import Row, read_row
from models.training.readers.columns import find_columns
from models.training.readers.products import by_name
from models.training.readers.rows import read_table
from models.training.samples import Instance, LabelledPhotos, PhotoFile, Problem, Sample, TrainableTask

_BLANK = "leave both blank if it is empty"


def read(path: Path, task: TrainableTask, photos: Path | None, chosen: Mapping[str, str]) -> LabelledPhotos:
    """Labels in the order of their names. Raises DataError, which says what was found and what to do."""
    if task == "segment":
        raise DataError(
            f"{path} is a table, which holds no masks; use COCO, VOC, or folders images and masks"
        )
    table, folder = read_table(path), photos or path.parent
    columns = find_columns(path, table.names, chosen)
    if task == "detect" and columns.box is None:
        raise DataError(
            f"{path} has no columns of boxes; name them left, top, right and bottom; columns found: "
            f"{', '.join(map(repr, table.names[:50]))}"
        )
    rows, problems = [], []
    for line, cells in table.rows:
        try:
            rows.append(_checked(read_row(line, cells, len(table.names), columns, folder), task))
        except LeftOut as why:
            problems.append(why.at(f"{path}:{line}"))
    groups = _grouped(rows)
    if task == "classify":
        problems += [problem for group in groups.values() for problem in _repeats(path, group)]
    products = by_name([photo.relative_to(folder) for photo in groups])
    both = any(row.second and row.box for row in rows)
    samples = tuple(
        _sample(path, group, product, task, both=both)
        for group, product in zip(groups.values(), products, strict=True)
    )
    labels = tuple(
        sorted({row.label for group in groups.values() for row in _told(group, task) if row.label})
    )
    return LabelledPhotos(str(path), task, labels, samples, tuple(problems))


def _checked(row: Row, task: TrainableTask) -> Row:
    if task == "classify":
        if row.label is None:
            raise LeftOut("no_label", f"the row of {row.path} has no label")
    elif row.box is None and row.label is not None:
        raise LeftOut("no_box", f"the row of {row.path} has no box; {_BLANK}")
    elif row.box is not None and row.label is None and row.second is None:
        raise LeftOut("no_label", f"the row of {row.path} has no label; {_BLANK}")
    return row


def _grouped(rows: Sequence[Row]) -> dict[Path, list[Row]]:
    groups: dict[Path, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.path, []).append(row)
    return groups


def _told(group: Sequence[Row], task: TrainableTask) -> Sequence[Row]:
    """The rows that count: of a photo's label, the first."""
    return group[:1] if task == "classify" else group


def _repeats(path: Path, group: Sequence[Row]) -> list[Problem]:
    first = group[0]
    return [
        Problem(
            f"{path}:{row.line}",
            "repeated_photo" if row.label == first.label else "contradicting_label",
            f"{row.path} is {row.label!r} here and {first.label!r} in line {first.line}, which counts; "
            "keep one row",
        )
        for row in group[1:]
    ]


def _sample(path: Path, group: Sequence[Row], product: str, task: TrainableTask, *, both: bool) -> Sample:
    """`both`: two people drew boxes."""
    first = group[0]
    detect = task == "detect"
    boxes = tuple(Instance(row.label, row.box) for row in group if row.label and row.box)
    theirs = tuple(Instance(row.second, row.box) for row in group if row.second and row.box)
    return Sample(
        photo=PhotoFile(first.path),
        product=first.product or product,
        origin=f"{path}:{first.line}",
        label=None if detect else first.label,
        instances=boxes if detect else None,
        split=first.split,
        second=first.second if not detect else theirs if both else None,
        size=first.size if detect else None,
    )
