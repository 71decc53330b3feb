"""Connected regions against a flood fill that takes its time."""

from __future__ import annotations

import numpy as np
import pytest

from models.predictions import Box
from models.training.measure.components import region_boxes, regions


def flooded(mask: np.ndarray) -> list[tuple[int, int, int, int, int]]:
    """Left, top, right, bottom and area of each region, sorted."""
    left, found = {(int(y), int(x)) for y, x in np.argwhere(mask)}, []
    while left:
        waiting, cells = [left.pop()], []
        while waiting:
            y, x = waiting.pop()
            cells.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            waiting += near
        ys, xs = [y for y, _ in cells], [x for _, x in cells]
        found.append((min(xs), min(ys), max(xs) + 1, max(ys) + 1, len(cells)))
    return sorted(found)


@pytest.mark.parametrize("seed", range(30))
def test_as_a_flood_fill_has_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((int(rng.integers(1, 30)), int(rng.integers(1, 30)))) < rng.uniform(0.1, 0.8)
    expected = flooded(mask)
    found = sorted((one.left, one.top, one.right, one.bottom) for one in regions(mask))
    assert found == [row[:4] for row in expected]
    large = sorted((one.left, one.top, one.right, one.bottom) for one in regions(mask, least=4))
    assert large == [row[:4] for row in expected if row[4] >= 4]


def test_arms_that_meet_late_are_one_region() -> None:
    comb = np.zeros((9, 41), bool)
    comb[:, ::2] = True
    comb[8] = True
    assert regions(comb) == [Box(0, 0, 41, 9)]


def test_the_edge_of_a_row_does_not_touch_the_next_rows_start() -> None:
    mask = np.zeros((2, 5), bool)
    mask[0, 4] = mask[1, 0] = True
    assert len(regions(mask)) == 2


def test_a_large_mask_in_one_go() -> None:
    mask = np.indices((1500, 2000)).sum(axis=0) // 8 % 2 == 0
    assert len(regions(mask)) > 100


def test_labels_apart_and_specks_left_out() -> None:
    mask = np.zeros((200, 100), np.uint8)
    mask[10:20, 10:20] = 1
    mask[10:20, 20:30] = 2
    mask[50:60, 50:52] = 2
    mask[90, 90] = 1  # 1 of 20,000 pixels
    boxes = region_boxes(mask, 2)
    rows = sorted(
        (int(label), *corners) for label, corners in zip(boxes.labels, boxes.corners.tolist(), strict=True)
    )
    assert rows == [(0, 10, 10, 20, 20), (1, 20, 10, 30, 20), (1, 50, 50, 52, 60)]
    assert len(region_boxes(np.zeros((5, 5), np.uint8), 2)) == 0
