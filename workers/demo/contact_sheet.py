"""The contact sheet: one HTML file with photos, boxes, masks and tags in it, and nothing to fetch from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.asset_store import AssetStore
from workers.demo import score
from workers.demo.answers import Answers
from workers.demo.figures import Figures, Masks
from workers.demo.questions import Answered
from workers.demo.score import BoolMask, KnownBoxes
from workers.demo.seen import Seen
from workers.demo.workload import Throughput
from workers.pages import pictures
from workers.pages.environment import render as render_page

TEMPLATE = "contact_sheet.html.j2"
MASK_COLOUR = (0, 190, 255)
_SHELF_SIDE, _PAIR_SIDE, _THUMB_SIDE = 680, 420, 112
_TILES = 60


@dataclass(frozen=True, slots=True)
class Alike:
    """A product and those most like it, best first, each with its cosine similarity."""

    photo: Seen
    others: tuple[tuple[Seen, float], ...]


@dataclass(frozen=True, slots=True)
class Material:
    """All that the sheet shows. `shelves` come with their fast masks."""

    answers: Answers
    photos: Mapping[str, Seen]
    shelves: Sequence[tuple[Seen, BoolMask]]
    pairs: Sequence[Masks]
    alike: Sequence[Alike]
    figures: Figures
    throughput: Throughput | None
    ingest_seconds: float
    models: Sequence[str]
    answered: Sequence[Answered]


def render(material: Material, store: AssetStore) -> str:
    """The page as text."""
    view = _View(material, store)
    return render_page(
        TEMPLATE,
        Path(__file__).parent,
        figures=material.figures,
        throughput=material.throughput,
        ingest_seconds=material.ingest_seconds,
        models=material.models,
        photo_count=len(material.photos),
        shelves=[view.shelf(photo, mask) for photo, mask in material.shelves],
        pairs=[view.pair(one) for one in material.pairs],
        tiles=view.tiles(),
        alike=[view.alike(one) for one in material.alike],
        answered=material.answered,
    )


class _View:
    """Plain dictionaries for the template; escaping is the template's."""

    def __init__(self, material: Material, store: AssetStore) -> None:
        self._material = material
        self._store = store

    def shelf(self, photo: Seen, mask: BoolMask) -> dict[str, Any]:
        known = self._material.answers.shelves[photo.sha256]
        verdicts = score.agrees(KnownBoxes(known.boxes, known.labels), photo.shown)
        return {
            "title": photo.title,
            "sku": photo.sku,
            "width": photo.width,
            "height": photo.height,
            "uri": pictures.photo(self._store.get(photo.object_key), _SHELF_SIDE),
            "mask": pictures.overlay(mask, MASK_COLOUR, _SHELF_SIDE),
            "boxes": [
                {**_box(score.edges(one)), "label": one.label, "score": one.score, "right": right}
                for one, right in zip(photo.shown, verdicts, strict=True)
            ],
            "known": [
                {**_box(box), "label": label}
                for label, box in zip(known.labels, known.boxes.tolist(), strict=True)
            ],
        }

    def pair(self, one: Masks) -> dict[str, Any]:
        data = self._store.get(one.photo.object_key)
        return {
            "sku": one.photo.sku,
            "width": one.photo.width,
            "height": one.photo.height,
            "uri": pictures.photo(data, _PAIR_SIDE),
            "fast": pictures.cutout(data, one.fast, _PAIR_SIDE),
            "fine": pictures.cutout(data, one.fine, _PAIR_SIDE),
            "fast_iou": one.fast_overlap.product,
            "fine_iou": one.fine_overlap.product,
        }

    def tiles(self) -> list[dict[str, Any]]:
        """Photos of one product at equal distances through the manifest, so the wrong ones come at their own rate."""
        types = self._material.answers.types
        known = [sha256 for sha256 in types if sha256 in self._material.photos]
        count = min(_TILES, len(known))
        chosen = [known[k * len(known) // count] for k in range(count)]
        return [
            {**self._thumb(photo), "known": types[photo.sha256]}
            for photo in (self._material.photos[sha256] for sha256 in chosen)
        ]

    def alike(self, one: Alike) -> dict[str, Any]:
        others = [{**self._thumb(photo), "similarity": similarity} for photo, similarity in one.others]
        return {**self._thumb(one.photo), "others": others}

    def _thumb(self, photo: Seen) -> dict[str, Any]:
        data = self._store.get(photo.object_key)
        small = max(photo.width, photo.height) <= _THUMB_SIDE
        return {
            "sku": photo.sku,
            "title": photo.title,
            "brand": photo.brand,
            "small": small,
            "uri": pictures.photo(data, 2 * _THUMB_SIDE, lossless=small),
            "tag": photo.tag.label if photo.tag else None,
            "score": photo.tag.score if photo.tag else 0.0,
        }


def _box(edges: Sequence[float]) -> dict[str, float]:
    left, top, right, bottom = edges
    return {"x": left, "y": top, "w": right - left, "h": bottom - top}
