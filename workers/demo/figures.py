"""All figures of a run: what was measured, against which answers, over how many photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.asset_store import AssetStore
from workers.demo import score, seen
from workers.demo.answers import Answers
from workers.demo.score import AveragePrecision, BoolMask, KnownBoxes, MaskOverlap
from workers.demo.seen import FAST_MASK, FINE_MASK, Seen


@dataclass(frozen=True, slots=True)
class Figures:
    """How right the models were.

    `accuracy` is top-1 over `photos`; `boxes` and `fast_mask` are over `shelves`; `fine_mask` and
    `fast_mask_there` over the `handful` that has both masks. `boxes` is None without pycocotools.
    """

    photos: int
    accuracy: float
    accuracy_by_type: dict[str, float]
    shelves: int
    boxes: AveragePrecision | None
    fast_mask: MaskOverlap
    handful: int
    fast_mask_there: MaskOverlap
    fine_mask: MaskOverlap


@dataclass(frozen=True, slots=True)
class Masks:
    """Both masks of a shelf photo beside the known one, and how well each fits."""

    photo: Seen
    fast: BoolMask
    fine: BoolMask
    fast_overlap: MaskOverlap
    fine_overlap: MaskOverlap


def measure(
    store: AssetStore, answers: Answers, photos: Mapping[str, Seen], handful: Sequence[str]
) -> tuple[Figures, list[Masks]]:
    """Compare what was stored with what is known; `handful` are the photos (SHA-256) with the fine mask."""
    tags = {sha256: one.tag.label for sha256, one in photos.items() if one.tag}
    shelves = [(photos[sha256], shelf) for sha256, shelf in answers.shelves.items() if sha256 in photos]
    fast_masks = seen.masks(store, [photo for photo, _ in shelves], FAST_MASK)
    fast_by_hash = {photo.sha256: mask for (photo, _), mask in zip(shelves, fast_masks, strict=True)}
    both = _both_masks(
        store, answers, [photos[sha256] for sha256 in handful if sha256 in photos], fast_by_hash
    )
    known = [answers.shelves[one.photo.sha256].mask for one in both]
    figures = Figures(
        photos=len(answers.types),
        accuracy=score.accuracy(answers.types, tags),
        accuracy_by_type=_by_type(answers.types, tags),
        shelves=len(answers.shelves),
        boxes=score.average_precision(
            [KnownBoxes(shelf.boxes, shelf.labels) for _, shelf in shelves],
            [photo.detections for photo, _ in shelves],
        ),
        fast_mask=score.mask_overlap(
            (shelf.mask, mask) for (_, shelf), mask in zip(shelves, fast_masks, strict=True)
        ),
        handful=len(both),
        fast_mask_there=score.mask_overlap(zip(known, (one.fast for one in both), strict=True)),
        fine_mask=score.mask_overlap(zip(known, (one.fine for one in both), strict=True)),
    )
    return figures, both


def _both_masks(
    store: AssetStore, answers: Answers, photos: Sequence[Seen], fast: Mapping[str, BoolMask]
) -> list[Masks]:
    made = []
    for photo, fine in zip(photos, seen.masks(store, photos, FINE_MASK), strict=True):
        known, quick = answers.shelves[photo.sha256].mask, fast[photo.sha256]
        overlaps = (score.mask_overlap([(known, mask)]) for mask in (quick, fine))
        made.append(Masks(photo, quick, fine, *overlaps))
    return made


def _by_type(known: Mapping[str, str], found: Mapping[str, str]) -> dict[str, float]:
    labels = sorted(set(known.values()))
    return {
        label: score.accuracy({key: known[key] for key in known if known[key] == label}, found)
        for label in labels
    }
