"""A shop with structure, made by chance: products with styles, shoppers with tastes, and what they do, in order.

A shopper likes a few categories and one style. Products of a category come to their eyes as often as they are popular,
and of those they take what is near their style. Who puts something in the cart next looks into the category that goes
with it, such as socks after shoes. Photos' embeddings hold category and style under noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CATEGORIES, STYLES, TASTE, WIDTH = 50, 12, 12, 64
SKEW = 0.8  # of popularity, by Zipf's law
IN_VIEW = 30  # products of a category that a shopper sees before taking one
PICKY = 6.0
DAYS = 60

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shop:
    """Products by their index: `category`, `style` (its tag), `embedding` (products, WIDTH).

    Acts by shopper and, of a shopper, by time: `shopper`, `product`, `kind` (0 view, 1 cart, 2 purchase), `day` before
    now, falling.
    """

    category: Ints
    style: Ints
    embedding: Floats
    shopper: Ints
    product: Ints
    kind: Ints
    day: Floats


def make(products: int, shoppers: int, acts: int, seed: int) -> Shop:
    """About `acts` interactions."""
    chance = np.random.default_rng(seed)
    styles = _unit(chance.normal(size=(STYLES, TASTE)))
    category = chance.choice(CATEGORIES, products, p=_falling(CATEGORIES, 0.5))
    style = chance.integers(STYLES, size=products)
    look = _unit(styles[style] + 0.2 * chance.normal(size=(products, TASTE)))
    popularity = chance.permutation(_falling(products, SKEW))
    taste = _unit(
        styles[chance.integers(STYLES, size=shoppers)] + 0.2 * chance.normal(size=(shoppers, TASTE))
    )

    count = np.clip(chance.lognormal(np.log(acts / shoppers) - 0.32, 0.8, shoppers).astype(int), 2, 300)
    shopper = np.repeat(np.arange(shoppers), count)
    kind = chance.choice(3, len(shopper), p=(0.8, 0.12, 0.08))
    wanted = _categories(chance, shopper, kind, shoppers)
    product = np.zeros(len(shopper), np.int64)
    for number in range(CATEGORIES):
        here = np.flatnonzero(wanted == number)
        shelf = np.flatnonzero(category == number)
        share = popularity[shelf] / popularity[shelf].sum()
        product[here] = _taken(chance, taste[shopper[here]], look, shelf, share)
    return Shop(
        category, style, _seen(chance, category, look), shopper, product, kind, _days(chance, shopper)
    )


def _categories(chance: np.random.Generator, shopper: Ints, kind: Ints, shoppers: int) -> Ints:
    """A favourite, seldom any, and after what went into the cart, every second time, the one that goes with it."""
    partner = (np.arange(CATEGORIES) + CATEGORIES // 2) % CATEGORIES
    favourites = chance.choice(CATEGORIES, (shoppers, 3), p=_falling(CATEGORIES, 0.5))
    wanted = favourites[shopper, chance.choice(3, len(shopper), p=(0.5, 0.3, 0.2))]
    anything = chance.random(len(shopper)) < 0.15
    wanted[anything] = chance.choice(CATEGORIES, anything.sum(), p=_falling(CATEGORIES, 0.5))
    follows = np.flatnonzero(
        (shopper[1:] == shopper[:-1]) & (kind[:-1] > 0) & (chance.random(len(shopper) - 1) < 0.5)
    )
    for index in follows:  # in order: what follows may be followed
        wanted[index + 1] = partner[wanted[index]]
    return wanted


def _taken(chance: np.random.Generator, taste: Any, look: Any, shelf: Ints, share: Any) -> Ints:
    """The product each shopper takes, of those in view; chance by Gumbel noise, as a logit model has it."""
    found = np.zeros(len(taste), np.int64)
    for start in range(0, len(taste), 20_000):
        likes = taste[start : start + 20_000]
        view = chance.choice(shelf, (len(likes), IN_VIEW), p=share)
        fit = PICKY * np.einsum("nt,nvt->nv", likes, look[view]) + chance.gumbel(size=view.shape)
        found[start : start + 20_000] = view[np.arange(len(view)), fit.argmax(1)]
    return found


def _seen(chance: np.random.Generator, category: Ints, look: Any) -> Floats:
    """What an embedder makes of the photos."""
    kinds = _unit(chance.normal(size=(CATEGORIES, WIDTH)))
    styles = chance.normal(size=(TASTE, WIDTH)) / np.sqrt(WIDTH)
    noise = 0.3 * _unit(chance.normal(size=(len(category), WIDTH)))
    return _unit(kinds[category] + look @ styles + noise).astype(np.float32)


def _days(chance: np.random.Generator, shopper: Ints) -> Floats:
    """Falling within each shopper."""
    days = DAYS * chance.random(len(shopper))
    return days[np.lexsort((-days, shopper))].astype(np.float32)


def _falling(count: int, exponent: float) -> Any:
    shares = np.arange(1, count + 1) ** -exponent
    return shares / shares.sum()


def _unit(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
