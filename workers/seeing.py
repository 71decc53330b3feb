"""A photo that somebody uploads to search by, as a vector of the embedder that serves."""

from __future__ import annotations

import math
from threading import Lock

import numpy as np
import numpy.typing as npt
import torch

from catalog.search import photos
from models.decode import Photo, decode
from models.errors import PhotoError
from models.predictions import Box, Embedding
from workers.device import device_of, worker_shape
from workers.model_cache import ModelCache
from workers.runtime import Runtime

SMALLEST_SIDE = 8
"""Pixels of a box; less shows nothing."""


class BadBox(PhotoError):
    """Draw the box within the photo: left, top, right and bottom in its pixels."""

    code = "bad_box"


class Seeing:
    """Embeds photos one at a time, by networks that are loaded once. It serves any number of threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        config = runtime.settings
        shape = worker_shape(config)
        torch.set_num_threads(shape.threads)
        device = device_of(shape, 0)
        self._cache = ModelCache(runtime.engine, runtime.store, config.weights_cache, device)
        self._lock = Lock()

    def embed_photo(self, data: bytes, box: Box | None = None) -> tuple[int, npt.NDArray[np.float32]]:
        """The embedder's version id, and the unit vector of a photo's bytes, or of a box within, in its pixels.

        Raises:
            PhotoError: the photo is broken or beyond the limits of the settings, or BadBox.
            UnknownModel: no embedder serves.
            StoreUnavailable, WeightsError, HostUnfit: its network cannot be loaded.
        """
        with self._lock:  # the largest photo that is allowed takes half a gigabyte
            photo = decode(data, limits=self._runtime.limits)
            if box is not None:
                photo = _cropped(photo, box)
            with self._runtime.engine.connect() as connection:
                version_id = photos.embedder(connection)
            (loaded,) = self._cache.get([version_id])
            if isinstance(loaded.predictor, Exception):
                raise loaded.predictor
            answers = loaded.predictor.predict([photo])[0]
        answer = answers[list(loaded.versions).index(version_id)]
        assert isinstance(answer, Embedding)
        return version_id, answer.vector


def _cropped(photo: Photo, box: Box) -> Photo:
    """What the box shows, to whole pixels. Raises BadBox."""
    sides = (box.left, box.top, box.right, box.bottom)
    if not all(math.isfinite(side) for side in sides):
        raise BadBox("the box is no rectangle: write left, top, right and bottom in pixels")
    left, top = max(0, math.floor(box.left)), max(0, math.floor(box.top))
    right, bottom = min(photo.width, math.ceil(box.right)), min(photo.height, math.ceil(box.bottom))
    if right - left < SMALLEST_SIDE or bottom - top < SMALLEST_SIDE:
        raise BadBox(
            f"the box {','.join(f'{side:g}' for side in sides)} shows less than {SMALLEST_SIDE} pixels of a photo "
            f"of {photo.width} x {photo.height}; write left, top, right and bottom in its pixels"
        )
    return Photo(photo.pixels[top:bottom, left:right], right - left, bottom - top)
