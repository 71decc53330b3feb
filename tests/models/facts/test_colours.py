"""Colours of the product get the names that people give them, with a mask and without."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from models.facts.cielab import ciede2000, lab
from models.facts.describer import Describer
from models.facts.palette import PALETTE
from models.starter.pack import COLOURS
from tests.models.facts.drawn import SIDE, disc, drawn, facts_of, mask_of

KNOWN = [
    ("#101010", "black"), ("#fafafa", "white"), ("#808080", "grey"), ("#1c2b4d", "navy"), ("#cc1a20", "red"),
    ("#6a1528", "burgundy"), ("#1e6fd0", "blue"), ("#a5cbe8", "light blue"), ("#22913f", "green"),
    ("#144530", "dark green"), ("#f6dd20", "yellow"), ("#f08018", "orange"), ("#f5b0c5", "pink"),
    ("#6c2d93", "purple"), ("#784828", "brown"), ("#e2d3b5", "beige"), ("#2fc6c2", "turquoise"),
]  # fmt: skip


def rgb(shade: str) -> np.ndarray:
    return np.array(list(bytes.fromhex(shade.removeprefix("#"))))


# Sharma, Wu and Dalal (2005), table 1: L*a*b* of two colours and their distance.
SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("one", "other", "expected"), SHARMA)
def test_distances_are_those_of_the_published_table(
    one: tuple[float, ...], other: tuple[float, ...], expected: float
) -> None:
    assert ciede2000(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)
    assert ciede2000(np.array(other), np.array(one)) == pytest.approx(expected, abs=1e-4)


def test_srgb_becomes_lab() -> None:
    found = lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]]))
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(("shade", "name"), KNOWN)
def test_a_drawn_product_gets_its_colours_name(
    describer: Describer, shade: str, name: str, masked: bool
) -> None:
    ground = "#d9c8f0" if name in ("white", "light blue", "beige", "pink") else "#f8f8f8"
    facts = facts_of(describer, drawn(shade, ground), mask_of(disc()) if masked else None)
    colour = facts.colours[0]
    assert colour.name == name
    assert colour.share > 0.95
    assert np.abs(rgb(colour.hex) - rgb(shade)).max() <= 3
    assert facts.masked is masked
    assert facts.product_share == pytest.approx(np.pi * 0.3**2, abs=0.02)


def test_a_mask_beats_the_grounds_colour(describer: Describer) -> None:
    halves = drawn("#cc1a20", "#f8f8f8", radius=1.0)
    halves[:, SIDE // 2 :] = (30, 110, 208)
    half = np.zeros((SIDE, SIDE), np.bool_)
    half[:, SIDE // 2 :] = True
    (colour,) = facts_of(describer, halves, mask_of(half)).colours
    assert colour.name == "blue"


def test_shares_are_of_the_product_and_the_largest_comes_first(describer: Describer) -> None:
    pixels = drawn("#101010", "#f8f8f8")
    pixels[: int(SIDE * 0.45)][disc()[: int(SIDE * 0.45)]] = (204, 26, 32)
    first, second = facts_of(describer, pixels).colours
    assert [first.name, second.name] == ["black", "red"]
    assert first.share + second.share == pytest.approx(1.0)
    assert first.share > second.share > 0.3


def test_a_print_of_the_grounds_colour_is_part_of_the_product(describer: Describer) -> None:
    pixels = drawn("#101010", "#f8f8f8")
    pixels[disc(0.12)] = 248
    assert [colour.name for colour in facts_of(describer, pixels).colours] == ["black", "white"]


def test_a_product_of_the_grounds_colour_has_that_colour(describer: Describer) -> None:
    facts = facts_of(describer, drawn("#f6f6f6", "#f8f8f8"))
    assert [colour.name for colour in facts.colours] == ["white"]
    assert facts.product_share == 0.0


def test_an_empty_mask_counts_as_none(describer: Describer) -> None:
    pixels = drawn("#cc1a20", "#f8f8f8")
    without = facts_of(describer, pixels)
    assert facts_of(describer, pixels, mask_of(np.zeros((SIDE, SIDE), np.bool_))) == without


def test_no_more_than_five_colours_are_told(describer: Describer) -> None:
    pixels = drawn("#101010", "#f8f8f8", radius=1.0)
    for k, (shade, _) in enumerate(KNOWN[:12]):
        pixels[:, k * 20 : k * 20 + 20] = list(bytes.fromhex(shade[1:]))
    facts = facts_of(describer, pixels, mask_of(np.ones((SIDE, SIDE), np.bool_)))
    assert len(facts.colours) == 5


def test_the_weights_are_made_from_the_palette() -> None:
    code = (
        "from models.facts.make_colours import shades; from models.facts.palette import PALETTE; import sys;"
        "from safetensors.torch import load_file; import torch; known = load_file(sys.argv[1]);"
        "assert known.keys() == PALETTE.keys();"
        "assert all(torch.equal(known[name], shades(hexes)) for name, hexes in PALETTE.items())"
    )
    subprocess.run([sys.executable, "-c", code, str(COLOURS)], check=True)
    assert 25 <= len(PALETTE) <= 40
