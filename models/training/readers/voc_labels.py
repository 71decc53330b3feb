"""What the numbers and colours of VOC's masks mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.errors import DataError
from models.training.readers.sources import Colours
from models.training.samples import IGNORED

LABELS = (
    *(
        "aeroplane",
        "bicycle",
        "bird",
        "boat",
        "bottle",
        "bus",
        "car",
        "cat",
        "chair",
        "cow",
        "diningtable",
        "dog",
    ),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""Of VOC 2012; number 1 comes first."""

_BORDER = 0xE0E0C0


@dataclass(frozen=True, slots=True)
class MaskLabels:
    """`labels` from number 1 on, and the number for each colour of a mask that is not in numbers."""

    labels: tuple[str, ...]
    colours: Colours


def mask_labels(folder: Path) -> MaskLabels:
    """From `labelmap.txt` as CVAT writes it (`label:red,green,blue:parts:actions`), else VOC's own."""
    path = folder / "labelmap.txt"
    if not path.is_file():
        return MaskLabels(LABELS, {colour(k): k for k in range(len(LABELS) + 1)} | {_BORDER: IGNORED})
    names, colours = [], {0: 0, _BORDER: IGNORED}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        if name.strip().lower() == "background":
            continue
        names.append(name.strip())
        colours[_colour(path, number, rest.partition(":")[0], len(names))] = len(names)
    return MaskLabels(tuple(names), colours)


def _colour(path: Path, line: int, text: str, label: int) -> int:
    if not text.strip():
        return colour(label)
    try:
        red, green, blue = (int(part) for part in text.split(","))
    except ValueError:
        raise DataError(f"{path}, line {line}: {text!r} is no colour such as 128,0,0") from None
    return red << 16 | green << 8 | blue


def colour(number: int) -> int:
    """VOC's colour for a number as 0xRRGGBB: its bits, dealt to red, green and blue in turn from the highest on."""
    return sum(
        (number >> (3 * step + channel) & 1) << (7 - step + 16 - 8 * channel)
        for step in range(8)
        for channel in range(3)
    )
