"""Blur, light, ground and fingerprint of photos whose flaws are known."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from models.decode import Photo, decode
from models.facts.describer import Describer, Mask, product_number
from models.photo import Sides
from models.predictions import Facts
from models.runs import Runs
from models.starter.pack import starter_specs
from tests.models.facts.drawn import Pixels, blurred, disc, drawn, facts_of, mask_of, scene


def bits_apart(one: Facts, other: Facts) -> int:
    return ((one.perceptual_hash ^ other.perceptual_hash) & (2**64 - 1)).bit_count()


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return decode(buffer.getvalue()).pixels


def test_the_more_a_photo_is_blurred_the_less_sharp_it_is(describer: Describer) -> None:
    found = [facts_of(describer, blurred(scene(), radius)).sharpness for radius in (0, 2, 3, 5, 8)]
    assert found[0] > 0.9
    assert found[-1] < 0.3
    assert all(sharper > softer for sharper, softer in pairwise(found))


def test_sharpness_does_not_depend_on_how_large_the_photo_was(describer: Describer) -> None:
    large = np.asarray(Image.fromarray(blurred(scene(), 3)).resize((1200, 900), Image.Resampling.BICUBIC))
    small = facts_of(describer, blurred(scene(), 3)).sharpness
    assert facts_of(describer, large).sharpness == pytest.approx(small, abs=0.06)


def test_the_brighter_a_photo_the_higher_its_exposure(describer: Describer) -> None:
    gains = (0.1, 0.3, 0.6, 1.0, 2.0, 4.0)
    lit = scene()
    lit[:40] = 225
    found = [
        facts_of(describer, (lit * gain).clip(0, 255).astype(np.uint8), mask_of(disc(0.4))).exposure
        for gain in gains
    ]
    assert all(darker <= brighter for darker, brighter in pairwise(found))
    assert found[0] < -0.7
    assert found[3] == pytest.approx(0, abs=0.05)
    assert found[-1] > 0.2


def test_a_black_product_on_white_and_a_white_one_on_black_are_well_exposed(describer: Describer) -> None:
    assert facts_of(describer, drawn("#101010", "#ffffff")).exposure == 0
    assert facts_of(describer, drawn("#f0f0f0", "#000000")).exposure == 0


def test_a_plain_ground_is_a_packshot_and_a_scene_is_not(describer: Describer) -> None:
    assert facts_of(describer, drawn("#cc1a20", "#f8f8f8")).background == "packshot"
    faded = drawn("#cc1a20", "#f8f8f8").astype(np.float32) * np.linspace(0.94, 1, 240)[:, None]
    assert facts_of(describer, faded.astype(np.uint8)).background == "packshot"
    assert facts_of(describer, scene(3)).background == "lifestyle"


def test_a_carpet_is_no_plain_ground(describer: Describer) -> None:
    carpet = drawn("#cc1a20", "#d0d0d0").astype(int)
    tufts = np.repeat(
        np.repeat(np.random.default_rng(2).integers(-14, 15, (60, 60, 1)), 4, axis=0), 4, axis=1
    )
    facts = facts_of(describer, (carpet + tufts).clip(0, 255).astype(np.uint8), mask_of(disc()))
    assert facts.background == "lifestyle"


def test_a_product_that_fills_the_photo_has_no_plain_ground(describer: Describer) -> None:
    whole = np.ones((240, 240), np.bool_)
    assert facts_of(describer, drawn("#cc1a20", "#f8f8f8"), mask_of(whole)).background == "lifestyle"


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_a_photo_have_nearly_its_fingerprint(describer: Describer, seed: int) -> None:
    pixels = scene(seed)
    original = facts_of(describer, pixels)
    half = np.asarray(Image.fromarray(pixels).resize((200, 150)))
    assert bits_apart(original, facts_of(describer, jpeg(pixels, 40))) <= 3
    assert bits_apart(original, facts_of(describer, half)) <= 3
    tinted = (pixels * (1.08, 0.96, 0.85)).clip(0, 255).astype(np.uint8)
    assert bits_apart(original, facts_of(describer, tinted)) <= 8
    assert bits_apart(original, facts_of(describer, scene(seed + 10))) > 16


def test_a_photo_without_light_and_shade_has_no_fingerprint(describer: Describer) -> None:
    assert facts_of(describer, np.full((50, 40, 3), 77, np.uint8)).perceptual_hash == 0


def test_facts_are_the_same_each_time_and_in_any_company(describer: Describer) -> None:
    photos = [Photo(scene(seed), 400, 300) for seed in range(20)]
    masks = [mask_of(np.pad(disc(0.3, 300), ((0, 0), (50, 50)))) if seed % 3 else None for seed in range(20)]
    together = describer.outcomes(photos, masks)
    assert together == describer.outcomes(photos, masks)
    assert together == [
        describer.outcomes([photo], [mask])[0] for photo, mask in zip(photos, masks, strict=True)
    ]


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 2), (9, 9), (11, 11)])
def test_photos_of_any_size_have_facts(describer: Describer, size: tuple[int, int]) -> None:
    width, height = size
    rng = np.random.default_rng(1)
    facts = facts_of(describer, rng.integers(0, 256, (height, width, 3)).astype(np.uint8))
    assert 0 <= facts.sharpness <= 1
    assert -1 <= facts.exposure <= 1
    assert facts.colours
    assert -(2**63) <= facts.perceptual_hash < 2**63


def test_a_mask_is_read_at_the_middle_of_each_cell() -> None:
    wide = np.zeros((128, 256), np.uint8)
    wide[:, 128:] = 2
    square = Mask(Runs.of(wide), 2).square()
    assert square[:, 32:].all()
    assert not square[:, :32].any()


def test_no_more_is_decoded_than_the_starter_pack_asks_for(describer: Describer) -> None:
    assert describer.sides == Sides(1, 256)


def test_which_masks_show_products() -> None:
    numbers = {spec.name: product_number(spec) for spec in starter_specs()}
    assert {name for name, number in numbers.items() if number == 1} == {"product-mask", "product-cutout"}
    assert numbers["product-type"] is numbers["photo-facts"] is None
