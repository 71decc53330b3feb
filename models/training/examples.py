"""From a labelled photo to what a step of training reads: pixels at the network's size, and truth as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from models.decode import Photo
from models.detector import first_class
from models.errors import DataError, PhotoError, TrainingError
from models.photo import Sides
from models.training import augment
from models.training.readers.run_lengths import drawn
from models.training.recipe import Recipe
from models.training.samples import Instance, Sample

Example = tuple[Tensor, Any]
Where = tuple[int, int]
"""(epoch, index of the sample): together with the seed they decide all chance."""


class Examples(Dataset[Example]):
    """The training photos, each time changed by chance; which chance goes by seed, epoch and index alone."""

    def __init__(self, samples: Sequence[Sample], labels: Sequence[str], recipe: Recipe) -> None:
        self.samples = samples
        self.recipe = recipe
        self.change = augment.augmentation(recipe)
        name = recipe.network.builder.partition(":")[2]
        first = first_class(name) if recipe.task == "detect" else 0
        self.numbers = {label: first + k for k, label in enumerate(labels)}
        self.masks = name.startswith("maskrcnn")

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, where: Where) -> Example:
        epoch, index = where
        sample = self.samples[index]
        try:
            return self._changed(sample, epoch, index)
        except (OSError, PhotoError) as error:
            raise TrainingError(
                f"{sample.photo.name} was read when the run began, and cannot be now ({error}); "
                "put it back as it was, then go on with --resume"
            ) from None

    def _changed(self, sample: Sample, epoch: int, index: int) -> Example:
        how = self.recipe.preprocessing
        short = how.resize or how.size  # beyond what the input needs, since augmentation looks closer
        photo = sample.photo.load(Sides(short, short))
        with torch.random.fork_rng(devices=[]):
            augment.seed(self.recipe.seed, epoch, index)
            return self._example(sample, photo)

    def _example(self, sample: Sample, photo: Photo) -> Example:
        pixels = tv_tensors.Image(torch.from_numpy(photo.pixels).permute(2, 0, 1))
        if self.recipe.task == "classify":
            changed: Tensor = self.change(pixels)
            return changed.as_subclass(Tensor), self.numbers[str(sample.label)]
        truth = self._mask(sample, photo) if self.recipe.task == "segment" else self._boxes(sample, photo)
        found = self.change(pixels, truth)
        return found[0].as_subclass(Tensor), _plain(found[1])

    def _mask(self, sample: Sample, photo: Photo) -> tv_tensors.Mask:
        assert sample.mask is not None
        mask = torch.from_numpy(sample.mask.load())[None]
        size = photo.pixels.shape[:2]
        if mask.shape[1:] != size:  # the photo was decoded smaller
            mask = v2.functional.resize(tv_tensors.Mask(mask), list(size))
        return tv_tensors.Mask(mask)

    def _boxes(self, sample: Sample, photo: Photo) -> dict[str, Any]:
        instances = sample.instances or ()
        height, width = photo.pixels.shape[:2]
        across, down = width / photo.width, height / photo.height
        corners = [
            (one.box.left * across, one.box.top * down, one.box.right * across, one.box.bottom * down)
            for one in instances
        ]
        boxes = torch.tensor(corners, dtype=torch.float32).reshape(-1, 4)
        truth: dict[str, Any] = {
            "boxes": tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(height, width)),
            "labels": torch.tensor([self.numbers[one.label] for one in instances], dtype=torch.int64),
        }
        if self.masks:
            truth["masks"] = tv_tensors.Mask(_instance_masks(sample, instances, (height, width)))
        return truth


def collate(recipe: Recipe, examples: Sequence[Example]) -> tuple[Any, Any]:
    """A batch as its loss reads it: stacked where sizes agree, lists where each photo has its own boxes."""
    pixels, truths = [one[0] for one in examples], [one[1] for one in examples]
    if recipe.task == "detect":
        return pixels, truths
    if recipe.task == "classify":
        return torch.stack(pixels), torch.tensor(truths)
    return torch.stack(pixels), torch.stack(truths)


def _plain(truth: Any) -> Any:
    """Without torchvision's types: plain tensors are faster from here on. A mask becomes int64 (H, W)."""
    if isinstance(truth, Mapping):
        return {name: value.as_subclass(Tensor) for name, value in truth.items()}
    return truth.as_subclass(Tensor)[0].long()


def _instance_masks(sample: Sample, instances: Sequence[Instance], size: tuple[int, int]) -> Tensor:
    """uint8 (k, h, w). Raises DataError where an object has none."""
    if any(one.rle is None for one in instances):
        raise DataError(
            f"{sample.origin}: Mask R-CNN learns from outlines, and an object has only a box; "
            "use another detector, such as torchvision:fasterrcnn_resnet50_fpn"
        )
    if not instances:
        return torch.zeros((0, *size), dtype=torch.uint8)
    whole = torch.from_numpy(np.stack([drawn(one.rle) for one in instances if one.rle is not None]))
    scaled: Tensor = v2.functional.resize(tv_tensors.Mask(whole), list(size))
    return scaled.as_subclass(Tensor)
