"""A photo that somebody shows, as a vector: by the embedder that serves, in this process, and nothing is stored."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from catalog import versions
from catalog.errors import NothingToCompare
from catalog.versions import Version
from models.decode import Photo, decode
from models.errors import PhotoError
from models.predictions import Embedding
from models.predictor import Predictor
from workers.model_cache import Loaded, ModelCache
from workers.runtime import Runtime

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """`vector` is a unit vector, float32; only photos of the same version can be compared with it."""

    version_id: int
    vector: npt.NDArray[np.float32]


class Eye:
    """Loads the network at its first use, and keeps it. One photo at a time; it may be called from many threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._limits = runtime.limits
        self._models = ModelCache(runtime.engine, runtime.store, runtime.settings.weights_cache, "cpu")
        self._one_at_a_time = threading.Lock()

    def see(self, connection: sa.Connection, data: bytes, box: Box | None = None) -> Seen:
        """The photo in `data`, or what is in `box` of it: left, top, right and bottom in its pixels.

        Raises PhotoError, NothingToCompare.
        """
        version = _embedder(connection)
        photo = decode(data, limits=self._limits)
        if box is not None:
            photo = _cut(photo, box)
        with self._one_at_a_time:
            (loaded,) = self._models.get([version.id])
            found = _outcome(loaded, photo)
        if isinstance(found, PhotoError):
            raise found
        answer = found[list(loaded.versions).index(version.id)]
        assert isinstance(answer, Embedding)
        return Seen(version.id, answer.vector)


def _embedder(connection: sa.Connection) -> Version:
    serving = [one for one in versions.for_new_photos(connection) if one.task == "embed"]
    if not serving:
        raise NothingToCompare("no embedder serves, so photos cannot be compared: `tagmill models list` shows what does")
    return serving[0]


def _outcome(loaded: Loaded, photo: Photo) -> tuple[object, ...] | PhotoError:
    if not isinstance(loaded.predictor, Predictor):
        raise loaded.predictor
    (found,) = loaded.predictor.outcomes([photo])
    return found


def _cut(photo: Photo, box: Box) -> Photo:
    """What is in the box; of one that lies beyond the photo, its edge."""
    left, top = min(box[0], photo.width - 1), min(box[1], photo.height - 1)
    right, bottom = max(box[2], left + 1), max(box[3], top + 1)
    pixels = np.ascontiguousarray(photo.pixels[top:bottom, left:right])
    return Photo(pixels, pixels.shape[1], pixels.shape[0])
