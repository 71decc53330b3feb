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
from workers.pages.thumbnails import Objects, Unshown
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
    tiles: dict[str, list[dict[str, Any]]] = {}
    for tile in objects.map(lambda photo: _tile(photo, objects), shown):
        tiles.setdefault(tile["photo"].code, []).append(tile)
    total = sum(group.failures for group in material.groups)
    return render_page(
        TEMPLATE,
        total=total,
        most=max((group.failures for group in material.groups), default=1),
        selection=described(material.selection),
        groups=[
            {
                "group": group,
                "advice": advice(group.code),
                "commands": commands(group, material.selection),
                "tiles": tiles.get(group.code, []),
            }
            for group in material.groups
        ],
    )


def described(selection: Selection) -> str:
    """In words: `job 3, code corrupt`; empty where all failures are meant."""
    parts = (
        f"job {selection.job_id}" if selection.job_id is not None else "",
        f"code {selection.code}" if selection.code else "",
        selection.model or "",
        *selection.where,
    )
    return ", ".join(part for part in parts if part)


def _tile(photo: FailedPhoto, objects: Objects) -> dict[str, Any]:
    picture, note = None, "not taken in"
    if photo.code == WORKER_LOST:
        note = "not opened here: it may be what its workers died of"
    elif photo.object_key is not None:
        found = objects.photo(photo.object_key, _SIDE)
        picture, note = (found, "") if isinstance(found, str) else (None, _note(found, photo.reason))
    return {
        "photo": photo,
        "name": PurePosixPath(photo.source).name if photo.source else "",
        "picture": picture,
        "note": note,
    }


def _note(error: Unshown, reason: str) -> str:
    """What is said in place of a picture."""
    if isinstance(error, ObjectMissing):
        return "gone from the object store"
    doing = "decoded" if isinstance(error, PhotoError) else "fetched"
    return f"cannot be {doing}" + ("" if str(error) == reason else f": {error}")
