"""From a JPEG's bytes to the network's input, in the usual way and in the quick way."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision import transforms

from models.spec import IMAGENET_MEAN, IMAGENET_STD

SIZE = 256

TRANSFORMS = transforms.Compose(
    [
        transforms.Resize((SIZE, SIZE)),
        transforms.ToTensor(),
        transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
    ]
)


def to_tensor(data: bytes) -> Tensor:
    """Float32 (3, 256, 256), normalised: Pillow and torchvision's transforms."""
    tensor: Tensor = TRANSFORMS(Image.open(io.BytesIO(data)).convert("RGB"))
    return tensor


def to_pixels(data: bytes) -> NDArray[np.uint8]:
    """Uint8 (256, 256, 3): the JPEG decoder already shrinks, and normalising is left to the network."""
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (SIZE, SIZE))
    small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(small)
