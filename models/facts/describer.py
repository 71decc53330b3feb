"""Photos in, facts out: a predictor like the others, but it computes, and may be handed masks of the product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.decode import Photo
from models.facts import ground
from models.facts.colours import ColourTable, Names, codes_of
from models.facts.fingerprint import SIDE as GREY
from models.facts.fingerprint import fingerprints
from models.facts.quality import Light, exposure, light_of, sharpness
from models.geometry import place
from models.predictions import Facts
from models.predictor import Outcome, Predictor
from models.preprocess import make_batch, scaled
from models.runs import Runs
from models.spec import ModelSpec, Preprocessing

Bools = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

SMALL = Preprocessing(size=ground.SIDE, fit="squash")
BATCH = 16
SEEN = 0.005
"""Share of the photo from which something counts as told apart."""
SURE = 0.5
"""Share of a product that must be left when its outline is cut away, where the ground shines through."""
FOREGROUND = ("product", "foreground", "object", "item")
"""Labels that a segmenter gives the product."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Where the product is: the pixels of `runs` that say `number`."""

    runs: Runs
    number: int

    def square(self) -> Bools:
        """The mask at the middles of a square's pixels, (SIDE, SIDE); nothing is unfolded."""
        y, x = (
            ((np.arange(ground.SIDE) + 0.5) * side / ground.SIDE).astype(np.int64)
            for side in (self.runs.height, self.runs.width)
        )
        places = np.searchsorted(self.runs.starts, y[:, None] * self.runs.width + x, side="right") - 1
        found: Bools = self.runs.labels[places] == self.number
        return found


def product_number(spec: ModelSpec) -> int | None:
    """Which number in the masks of `spec` is the product; None where none is."""
    if spec.task != "segment":
        return None
    return next((n for n, label in enumerate(spec.labels, 1) if label.lower() in FOREGROUND), None)


class Describer(Predictor):
    """Facts of photos. It needs no more of a photo than other models ask for: 256 pixels along its longer side."""

    def __init__(self, specs: Sequence[ModelSpec], table: ColourTable) -> None:
        super().__init__(specs, table, "cpu", fold=False)
        self._names = Names(table)

    @property
    def batch_size(self) -> int:
        return BATCH

    def outcomes(self, photos: Sequence[Photo], masks: Sequence[Mask | None] = ()) -> list[Outcome]:
        """The facts of each photo, once for each spec. `masks` are of the same photos, None where there is none."""
        if not photos:
            return []
        where = [place(photo.width, photo.height, SMALL) for photo in photos]
        batch = make_batch(photos, where, SMALL)
        squares: Pixels = np.ascontiguousarray(batch.permute(0, 2, 3, 1).numpy())
        products, masked = self._products(squares, masks or [None] * len(photos))
        grey = light_of(np.moveaxis(squares, -1, 0))
        halves = grey.reshape(len(grey), GREY, ground.SIDE // GREY, GREY, -1).mean(
            axis=(2, 4), dtype=np.float32
        )
        found = zip(photos, squares, grey, products, masked, fingerprints(halves), strict=True)
        return [(self._facts(*one),) * len(self.specs) for one in found]

    def _products(self, squares: Pixels, masks: Sequence[Mask | None]) -> tuple[Bools, list[bool]]:
        """Where the product of each square is, and whether a mask told so."""
        products = np.zeros(squares.shape[:3], np.bool_)
        for product, mask in zip(products, masks, strict=True):
            if mask is not None:
                product[:] = mask.square()
        masked = products.mean(axis=(1, 2)) >= SEEN
        if not masked.all():
            products[~masked] = ground.products(self._names.lab[codes_of(squares[~masked])])
        return products, masked.tolist()

    def _facts(
        self,
        photo: Photo,
        square: Pixels,
        grey: Light,
        product: Bools,
        masked: bool,
        fingerprint: int,
    ) -> Facts:
        codes = codes_of(square)
        share = float(product.mean())
        inner = (
            _inner(product) if share >= SEEN else np.ones_like(product)
        )  # the ground's colour is the product's
        return Facts(
            colours=self._names.colours(square[inner], codes[inner]),
            sharpness=sharpness(_light(photo, self.how)),
            exposure=exposure(grey, square[inner]),
            background="packshot" if ground.plain(self._names.lab[codes], grey, product) else "lifestyle",
            product_share=share,
            masked=masked,
            perceptual_hash=fingerprint,
        )


def _inner(product: Bools) -> Bools:
    """The product without its outline, where that leaves most of it."""
    inner = product.copy()
    inner[1:] &= product[:-1]
    inner[:-1] &= product[1:]
    inner[:, 1:] &= product[:, :-1]
    inner[:, :-1] &= product[:, 1:]
    return inner if inner.sum() >= SURE * product.sum() else product


def _light(photo: Photo, how: Preprocessing) -> Light:
    """The photo in grey, scaled down to the input's size where it is larger: (h, w), 0 to 255."""
    where = place(photo.width, photo.height, how)
    return light_of(scaled(photo, where, how).numpy())
