"""Do photo and annotation fit together? Each check raises LeftOut, or says what it took away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from models.decode import Photo
from models.errors import DataError, PhotoError
from models.photo import Sides
from models.training.clipping import SLIP, clipped, overhang, shown
from models.training.left_out import LeftOut
from models.training.samples import IGNORED, Instance, Mask, MaskSource, Problem, Sample


def load(sample: Sample, sides: Sides) -> Photo:
    """The photo, scaled down at most to `sides`."""
    try:
        return sample.photo.load(sides)
    except PhotoError as error:
        raise LeftOut(error.code, error.sentence) from None
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises these for items of a data set
        raise LeftOut("unreadable", f"the photo cannot be read: {' '.join(str(error).split())}") from None


def size(sample: Sample, photo: Photo) -> None:
    """Boxes and outlines must have been drawn on a photo of this size."""
    sizes = [sample.size] if sample.size else []
    for one in sample.instances or ():
        if one.rle is not None:
            height, width = one.rle["size"]
            sizes.append((width, height))
    for width, height in sizes:
        if (width, height) != (photo.width, photo.height):
            raise LeftOut(
                "wrong_size",
                f"the annotations are for {width} x {height} pixels, the photo has {photo.width} x "
                f"{photo.height} as it is shown; annotate this very file, or put back the one annotated",
            )


def boxes(sample: Sample, photo: Photo) -> tuple[Sample, tuple[Problem, ...]]:
    """The sample with its boxes clipped to the photo, those beside it left out, and what there is to say of them.

    A photo none of whose boxes is left is left out: it would teach that nothing is in it.
    """
    if not sample.instances:
        return sample, ()
    kept, problems = [], []
    for one in sample.instances:
        inner, problem = _box(one, photo.width, photo.height)
        if inner is not None:
            kept.append(inner)
        if problem is not None:
            problems.append(problem.at(sample.origin))
    if not kept:
        raise LeftOut("no_usable_box", f"none of its boxes can be used; the first: {problems[0].sentence}")
    return replace(sample, instances=tuple(kept)), tuple(problems)


def _box(one: Instance, width: int, height: int) -> tuple[Instance | None, LeftOut | None]:
    inner = clipped(one.box, width, height)
    named = f"the box {shown(one.box)} ({one.label})"
    if inner is None:
        if one.box.area <= 0:
            return None, LeftOut("empty_box", f"{named} has no area")
        return None, LeftOut("box_outside", f"{named} lies outside the photo of {width} x {height}")
    if inner == one.box:
        return one, None
    over = overhang(one.box, width, height)
    clip = replace(one, box=inner)
    if over <= SLIP:
        return clip, None
    return clip, LeftOut(
        "clipped_box", f"{named} reaches {over:g} pixels beyond the photo; that part is left out"
    )


def labels(sample: Sample, photo: Photo, names: Sequence[str]) -> tuple[str, ...]:
    """Labels that the sample's annotation holds, each once; a mask is read for them and checked."""
    if sample.mask is not None:
        return tuple(names[value - 1] for value in _values(sample.mask, photo, len(names)))
    if sample.instances is not None:
        return tuple(sorted({one.label for one in sample.instances}))
    return (sample.label,) if sample.label is not None else ()


def _values(source: MaskSource, photo: Photo, count: int) -> list[int]:
    """The numbers of the labels in a mask, which must have the photo's size."""
    try:
        mask = source.load()
    except DataError as error:
        raise LeftOut("bad_mask", str(error)) from None
    height, width = mask.shape
    if (width, height) != (photo.width, photo.height):
        raise LeftOut(
            "wrong_mask_size",
            f"the mask {source.name} has {width} x {height} pixels, the photo {photo.width} x {photo.height}; "
            "export the mask at the photo's size",
        )
    return label_values(mask, source.name, count)


def label_values(mask: Mask, name: str, count: int) -> list[int]:
    """The numbers of labels in a mask, ascending. Raises LeftOut where there is one beyond `count`."""
    found = [value for value in values_in(mask) if value not in (0, IGNORED)]
    if found and found[-1] > count:
        raise LeftOut(
            "unknown_mask_value", f"the mask {name} has the number {found[-1]}; the labels go up to {count}"
        )
    return found


def values_in(mask: Mask) -> list[int]:
    """The values of a uint8 mask, ascending."""
    counts = Image.fromarray(mask).histogram()  # several times faster than numpy's unique
    return np.flatnonzero(counts).tolist()
