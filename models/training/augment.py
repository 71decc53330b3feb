"""Chance changes of a training photo, its boxes and its mask, by torchvision's transforms v2."""

from __future__ import annotations

from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from models.geometry import Placement, place
from models.preprocess import mean_colour
from models.spec import Preprocessing
from models.training.recipe import Augment, Recipe
from models.training.samples import IGNORED


class Fit(v2.Transform):  # type: ignore[misc]
    """Scales and lays a photo into the network's input, as `models.preprocess` does for prediction."""

    def __init__(self, how: Preprocessing) -> None:
        super().__init__()
        self.how = how
        self.padding = {tv_tensors.Image: mean_colour(how).tolist(), tv_tensors.Mask: IGNORED}

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = F.get_size(next(one for one in flat_inputs if isinstance(one, tv_tensors.Image)))
        return {"place": place(width, height, self.how)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        to: Placement = params["place"]
        mode = InterpolationMode(self.how.interpolation)
        scaled = F.resize(inpt, [to.height, to.width], interpolation=mode, antialias=True)
        left, top = max(to.left, 0), max(to.top, 0)
        right, bottom = (
            max(to.input_width - left - to.width, 0),
            max(to.input_height - top - to.height, 0),
        )
        padded = F.pad(scaled, [left, top, right, bottom], fill=self.padding.get(type(inpt), 0))
        return F.crop(padded, max(-to.top, 0), max(-to.left, 0), to.input_height, to.input_width)


class ZoomOnBoxes(v2.RandomIoUCrop):  # type: ignore[misc]
    """A random crop that keeps a share of some box (arXiv 1512.02325, section 2.2); nothing where there is no box."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        boxes = next((one for one in flat_inputs if isinstance(one, tv_tensors.BoundingBoxes)), None)
        if boxes is None or not len(boxes):
            return {}
        params: dict[str, Any] = super().make_params(flat_inputs)
        return params


def augmentation(recipe: Recipe) -> v2.Compose:
    """Photo (tv_tensors.Image, uint8) and truth in; both at the network's input size out."""
    how, changes = recipe.preprocessing, recipe.augment
    steps = [*_crop(recipe), *_moves(changes, how), *_colours(changes)]
    if recipe.task == "detect":
        steps += [v2.ClampBoundingBoxes(), v2.SanitizeBoundingBoxes(min_size=2)]
    return v2.Compose(steps)


def plain(recipe: Recipe) -> v2.Compose:
    """The same without chance: what prediction sees."""
    return v2.Compose([Fit(recipe.preprocessing)])


def mixing(changes: Augment, labels: int) -> v2.Transform | None:
    """MixUp (arXiv 1710.09412) and CutMix (1905.04899) of a batch of photos and labels, one or the other by chance."""
    mixes: list[v2.Transform] = []
    if changes.mixup:
        mixes.append(v2.MixUp(alpha=changes.mixup, num_classes=labels))
    if changes.cutmix:
        mixes.append(v2.CutMix(alpha=changes.cutmix, num_classes=labels))
    return v2.RandomChoice(mixes) if mixes else None


def _crop(recipe: Recipe) -> list[v2.Transform]:
    how, changes = recipe.preprocessing, recipe.augment
    if changes.crop == "padded":
        return [Fit(how), v2.RandomCrop(how.size, padding=changes.padding)]
    if changes.crop == "none":
        return [Fit(how)]
    if recipe.task == "detect":
        colour = {tv_tensors.Image: mean_colour(how).tolist(), "others": 0}
        zooms = v2.RandomChoice(
            [
                v2.Identity(),
                v2.RandomZoomOut(fill=colour, side_range=(1.0, 2.0), p=1.0),
                ZoomOnBoxes(min_scale=changes.smallest),
            ]
        )
        return [zooms, Fit(how)]
    mode = InterpolationMode(how.interpolation)
    crop = v2.RandomResizedCrop(how.size, scale=(changes.smallest, 1.0), interpolation=mode, antialias=True)
    # The whole photo is seen now and then, as it is when predicting.
    return [v2.RandomChoice([crop, Fit(how)], p=[0.8, 0.2])]


def _moves(changes: Augment, how: Preprocessing) -> list[v2.Transform]:
    steps: list[v2.Transform] = []
    if changes.flip:
        steps.append(v2.RandomHorizontalFlip(changes.flip))
    if changes.rotate or changes.scale:
        fill = {tv_tensors.Image: mean_colour(how).tolist(), tv_tensors.Mask: IGNORED, "others": 0}
        steps.append(
            v2.RandomAffine(
                degrees=changes.rotate,
                scale=(1 - changes.scale, 1 + changes.scale),
                interpolation=InterpolationMode.BILINEAR,
                fill=fill,
            )
        )
    return steps


def _colours(changes: Augment) -> list[v2.Transform]:
    steps: list[v2.Transform] = []
    if changes.colour:
        much = 0.6 * changes.colour
        steps.append(v2.ColorJitter(much, much, much, hue=0.1 * changes.colour))
    if changes.invert:
        steps.append(v2.RandomInvert(changes.invert))
    if changes.erase:
        steps.append(v2.RandomErasing(changes.erase))
    return steps


def seed(*numbers: int) -> None:
    """The same chance for the same numbers, whichever process it falls in and whatever came before."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number + 1) % (1 << 62)
    torch.manual_seed(mixed)
