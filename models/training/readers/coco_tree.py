"""A COCO file as far as its structure goes: three lists, and names for the categories."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import DataError
from models.files import read_regular

LARGEST = 4 << 30  # bytes: it is read whole
Id = int | str
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tree:
    """`categories`: id -> name, ascending by id. Records of images and annotations are unchecked but for being
    objects."""

    categories: Mapping[Id, str]
    images: Sequence[Record]
    annotations: Sequence[Record]


def load_tree(path: Path) -> Tree:
    """Raises DataError: no JSON (with line and column), or not COCO's."""
    tree = _json(path)
    names = ("categories", "images", "annotations")
    lists: list[Any] = [tree.get(name) if isinstance(tree, dict) else None for name in names]
    if not all(isinstance(one, list) and all(isinstance(record, dict) for record in one) for one in lists):
        raise DataError(
            f"{path} is no COCO file; it must be an object with the lists images, annotations and categories"
        )
    categories, images, annotations = lists
    return Tree(_categories(path, categories), images, annotations)


def _json(path: Path) -> Any:
    try:
        return json.loads(read_regular(path, LARGEST))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{path} is no JSON: {error.msg} at {where}; export it again") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}; export it again") from None


def _categories(path: Path, records: Sequence[Record]) -> Mapping[Id, str]:
    found: dict[Id, str] = {}
    for record in records:
        number, name = record.get("id"), record.get("name")
        if not isinstance(number, (int, str)) or not isinstance(name, str):
            raise DataError(
                f"{path} has a category without id and name: {str(dict(record))[:100]}; correct it"
            )
        if number in found:
            raise DataError(f"{path} has the category id {number} twice; give each its own")
        found[number] = name
    return dict(sorted(found.items(), key=lambda one: (isinstance(one[0], str), one[0])))
