"""Photos and masks out of the store, some at a time: one that cannot be used stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from catalog.asset_store import AssetStore
from catalog.errors import ObjectFailed, ObjectMissing
from models.colour import Pixels
from models.errors import Corrupt, PhotoError
from models.photo import Limits
from workers.blame import blamed
from workers.masks import decode_mask

T = TypeVar("T")
R = TypeVar("R")

OF_ONE: Final = (ObjectMissing, ObjectFailed, PhotoError)
"""Errors that are one photo's own."""


def each(
    pool: ThreadPoolExecutor, store: AssetStore, items: Sequence[T], make: Callable[[T], R], size: int
) -> Iterator[tuple[T, R | Exception]]:
    """What `make` makes of each item, in order, `size` at a time; or why not, where it is the item's own fault.

    `make` reads from `store` and writes nothing. Raises what is no item's fault, such as StoreUnavailable.
    """
    for start in range(0, len(items), size):
        some = items[start : start + size]
        found = list(pool.map(lambda item: _tried(make, item), some))
        errors = blamed(store, [one if isinstance(one, Exception) else None for one in found])
        for item, one, error in zip(some, found, errors, strict=True):
            if error is not None and not isinstance(error, OF_ONE):
                raise error
            yield item, error or one


def _tried(make: Callable[[T], R], item: T) -> R | Exception:
    try:
        return make(item)
    except Exception as error:  # noqa: BLE001 - judged by `blamed`
        return error


def read_mask(data: bytes, width: int, height: int, limits: Limits) -> Pixels:
    """Label numbers, uint8 (height, width). Raises PhotoError: it is damaged, or not of the photo's size."""
    mask = decode_mask(data, limits)
    if mask.shape != (height, width):
        raise Corrupt(f"the mask is {mask.shape[1]} x {mask.shape[0]} pixels, its photo {width} x {height}")
    return mask
