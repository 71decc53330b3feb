"""The page of failures: by cause what to do, the command that tries again, and the photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from catalog.advice import advice
from catalog.errors import ObjectMissing
from catalog.failures import FailedPhoto, Group, Selection
from catalog.ledger import WORKER_LOST
from models.errors import PhotoError
from workers.pages.environment import render as render_page
from workers.pages.thumbnails import Objects
from workers.quarantine import commands

TEMPLATE = "failures.html.j2"
_SIDE = 320


@dataclass(frozen=True, slots=True)
class Material:
    """All that the page shows; `photos` are the newest of each code."""

    selection: Selection
    groups: Sequence[Group]
    photos: Mapping[str, Sequence[FailedPhoto]]


def render(material: Material, objects: Objects) -> str:
    """The page as text. Raises StoreUnavailable where the store serves nothing."""
    shown = [photo for photos in material.photos.values() for photo in photos]
    pictures = objects.photos((photo.object_key for photo in shown if _may_be_opened(photo)), _SIDE)
    total = sum(group.failures for group in material.groups)
    return render_page(
        TEMPLATE,
        total=total,
        most=max((group.failures for group in material.groups), default=1),
        selection=_selection(material.selection),
        groups=[
            {
                "group": group,
                "advice": advice(group.code),
                "commands": commands(group, material.selection),
                "tiles": [_tile(photo, pictures) for photo in material.photos.get(group.code, ())],
            }
            for group in material.groups
        ],
    )


def _may_be_opened(photo: FailedPhoto) -> bool:
    """What killed its workers may kill us."""
    return photo.object_key is not None and photo.code != WORKER_LOST


def _selection(selection: Selection) -> str:
    parts = (
        f"job {selection.job_id}" if selection.job_id is not None else "",
        f"code {selection.code}" if selection.code else "",
        selection.model or "",
        *selection.where,
    )
    return ", ".join(part for part in parts if part)


def _tile(photo: FailedPhoto, pictures: Mapping[str, str | Exception]) -> dict[str, Any]:
    picture = pictures.get(photo.object_key or "")
    return {
        "photo": photo,
        "name": PurePosixPath(photo.source).name if photo.source else "",
        "picture": picture if isinstance(picture, str) else None,
        "note": _note(photo, picture),
    }


def _note(photo: FailedPhoto, picture: str | Exception | None) -> str:
    """What is said in place of a picture."""
    if photo.object_key is None:
        return "not taken in"
    match picture:
        case str():
            return ""
        case None:
            return "not opened here: it may be what its workers died of"
        case ObjectMissing():
            return "gone from the object store"
        case PhotoError():
            return "cannot be decoded" + ("" if str(picture) == photo.reason else f": {picture}")
        case _:
            return f"cannot be fetched: {picture}"
