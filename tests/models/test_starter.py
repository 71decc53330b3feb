"""The starter pack: its files are whole, its networks answer in the common form, its figures are not by chance."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.decode import Photo
from models.predictions import Box, Classification, Detections, Embedding, Segmentation
from models.predictor import Predictor, load_predictors
from models.starter import packing
from models.starter.boxes import DetectMaps, decode_detections
from models.starter.data import LABELS
from models.starter.losses import assign, detection_loss, mask_loss
from models.starter.network import EMBEDDING_WIDTH, StarterNetwork
from models.starter.pack import starter_specs
from models.starter.sample import load_sample
from models.starter.shelf import ShelfStyle, compose
from models.starter.u2netp import U2NetP, u2netp_network

MEGABYTE = 1_000_000


def trained() -> StarterNetwork:
    network = StarterNetwork(len(LABELS))
    packing.read_weights(network, packing.FOLDER / packing.STARTER)
    return network


@pytest.fixture(scope="module")
def network() -> StarterNetwork:
    return trained()


def grey_photo(pixels: np.ndarray, side: int | None = None) -> Photo:
    image = Image.fromarray(pixels) if side is None else Image.fromarray(pixels).resize((side, side))
    return Photo(np.asarray(image.convert("RGB")).copy(), image.width, image.height)


def test_weights_files_match_their_hashes_and_stay_small() -> None:
    hashes = json.loads((packing.FOLDER / packing.HASHES).read_text(encoding="utf-8"))
    files = sorted(packing.FOLDER.glob("*.safetensors"))
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == hashes
    assert sum(path.stat().st_size for path in files) <= 12 * MEGABYTE


def test_the_pack_names_six_models_and_four_share_one_network() -> None:
    specs = starter_specs()
    assert [spec.key for spec in specs] == [
        "product-type@1",
        "product-detector@1",
        "product-mask@1",
        "product-embedding@1",
        "product-cutout@1",
        "photo-facts@1",
    ]
    assert len({(spec.builder, spec.weights, spec.sha256, spec.preprocessing) for spec in specs}) == 3
    assert [spec.on_ingest for spec in specs] == [True, True, True, True, False, True]
    assert all(spec.license and spec.description for spec in specs)


def test_importing_the_pack_does_not_import_torch() -> None:
    code = "import sys, models.starter, models.starter.pack, models.starter.shelf; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_network_answers_in_the_common_form(network: StarterNetwork) -> None:
    with torch.inference_mode():
        raw = network(torch.zeros(2, 3, 256, 256))
    assert raw["classify"].shape == (2, 10)
    assert raw["segment"].shape == (2, 2, 64, 64)
    assert raw["embed"].shape == (2, EMBEDDING_WIDTH)
    assert [set(one) for one in raw["detect"]] == [{"boxes", "scores", "labels"}] * 2


def test_other_input_sizes_work(network: StarterNetwork) -> None:
    with torch.inference_mode():
        raw = network(torch.zeros(1, 3, 192, 320))
    assert raw["segment"].shape == (1, 2, 48, 80)


def test_the_trunk_stays_frozen_in_training(network: StarterNetwork) -> None:
    assert not network.train().trunk.training
    assert network.eval().classify.training is False


def test_sample_photos_get_their_product_type() -> None:
    sample = load_sample()
    photos = [grey_photo(pixels) for pixels in sample.photos[:24]]
    photos += [grey_photo(255 - pixels, side=200) for pixels in sample.photos[24:48]]
    specs = starter_specs()[:4]
    (predictor,) = load_predictors(specs, {spec.weights: Path(spec.weights) for spec in specs})
    answers = predictor.predict(photos)
    tags = [answer[0] for answer in answers]
    right = [
        isinstance(tag, Classification) and tag.scores[0].label == LABELS[label]
        for tag, label in zip(tags, sample.labels, strict=False)
    ]
    assert np.mean(right) >= 0.75


def test_shelf_photos_are_boxed_and_masked() -> None:
    sample = load_sample()
    shelves = [compose(sample.photos, sample.labels, 500 + seed) for seed in range(8)]
    predictor = Predictor(starter_specs()[:4], trained())
    answers = predictor.predict([Photo(one.pixels, one.mask.shape[1], one.mask.shape[0]) for one in shelves])
    found, overlaps = 0, []
    for shelf, (_, boxes, mask, vector) in zip(shelves, answers, strict=True):
        assert isinstance(boxes, Detections)
        assert isinstance(mask, Segmentation)
        assert isinstance(vector, Embedding)
        assert mask.mask.shape == shelf.mask.shape
        guess, truth = mask.mask > 0, shelf.mask > 0
        overlaps.append((guess & truth).sum() / (guess | truth).sum())
        sure = [item.box for item in boxes.items if item.score >= 0.2]
        found += sum(any(overlap(box, wanted) > 0.5 for box in sure) for wanted in shelf.boxes.tolist())
    assert found / sum(len(shelf.labels) for shelf in shelves) >= 0.75
    assert np.mean(overlaps) >= 0.7


def overlap(box: Box, wanted: Sequence[float]) -> float:
    other = Box(*wanted)
    left, top = max(box.left, other.left), max(box.top, other.top)
    shared = Box(left, top, min(box.right, other.right), min(box.bottom, other.bottom))
    return shared.area / (box.area + other.area - shared.area)


def test_decoding_keeps_one_box_of_those_that_overlap() -> None:
    scores = torch.full((1, 10, 32, 32), -9.0)
    scores[0, 3, 10, 10:12] = torch.tensor([2.0, 1.0])
    sides = torch.full((1, 4, 32, 32), float(np.log(4.0)))
    (found,) = decode_detections(DetectMaps(scores, sides))
    assert found["labels"].tolist() == [3]
    assert found["boxes"][0].tolist() == pytest.approx([84 - 32, 84 - 32, 84 + 32, 84 + 32])
    assert found["scores"].item() == pytest.approx(torch.tensor(2.0).sigmoid().item())


def test_a_second_label_for_the_same_product_counts_half() -> None:
    scores = torch.full((1, 10, 32, 32), -9.0)
    scores[0, 3, 10, 10], scores[0, 5, 10, 10] = 2.0, 1.5
    sides = torch.full((1, 4, 32, 32), float(np.log(4.0)))
    (found,) = decode_detections(DetectMaps(scores, sides))
    assert found["labels"].tolist() == [3, 5]
    sure, doubted = torch.tensor([2.0, 1.5]).sigmoid().tolist()
    assert found["scores"].tolist() == pytest.approx([sure, doubted / 2])


def test_cells_go_to_the_smaller_of_two_products() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 256.0, 256.0], [120.0, 120.0, 136.0, 136.0], [0.0, 0.0, 0.0, 0.0]]])
    labels = torch.tensor([[4, 7, -1]])
    given = assign(boxes, labels, 32, 32).labels.reshape(32, 32)
    assert given[15, 15] == given[16, 16] == 7
    assert given[12, 16] == 4
    assert given[0, 0] == -1


def test_losses_fall_towards_the_truth_and_survive_empty_photos() -> None:
    boxes, labels = torch.tensor([[[40.0, 40.0, 88.0, 88.0]]]), torch.tensor([[2]])
    scores, sides = torch.full((1, 10, 32, 32), -6.0), torch.full((1, 4, 32, 32), float(np.log(3.0)))
    worse = detection_loss(DetectMaps(scores, sides), boxes, labels)
    scores[0, 2, 7:9, 7:9] = 1.0  # the cells in the middle of the box
    assert detection_loss(DetectMaps(scores, sides), boxes, labels) < worse
    empty = detection_loss(DetectMaps(scores, sides), boxes, torch.tensor([[-1]]))
    assert torch.isfinite(empty)
    share = torch.zeros(1, 64, 64)
    right = torch.tensor([3.0, -3.0]).view(1, 2, 1, 1).expand(1, 2, 64, 64)
    assert mask_loss(torch.zeros(1, 2, 64, 64), share) > mask_loss(right, share)


def test_a_shelf_photo_is_the_same_each_time_and_tells_the_truth() -> None:
    sample = load_sample()
    for seed in range(6):
        one = compose(sample.photos, sample.labels, seed)
        again = compose(sample.photos, sample.labels, seed)
        assert np.array_equal(one.pixels, again.pixels)
        assert np.array_equal(one.mask, again.mask)
        height, width = one.mask.shape
        assert one.pixels.shape == (height, width, 3)
        assert 480 <= height <= 800
        assert 480 <= width <= 800
        assert 1 <= len(one.labels) == len(one.boxes) == one.mask.max() <= 6
        for number, (left, top, right, bottom) in enumerate(one.boxes.astype(int), start=1):
            rows, columns = np.nonzero(one.mask == number)
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (
                left,
                top,
                right,
                bottom,
            )


def test_another_seed_or_style_gives_another_photo() -> None:
    sample = load_sample()
    one = compose(sample.photos, sample.labels, 1)
    assert not np.array_equal(
        one.pixels[:400, :400], compose(sample.photos, sample.labels, 2).pixels[:400, :400]
    )
    crowded = replace(ShelfStyle(), products=(6, 6), scale=(0.15, 0.2))
    assert len(compose(sample.photos, sample.labels, 1, crowded).labels) >= 5


def test_the_sample_is_1200_photos_with_120_of_each_type() -> None:
    sample = load_sample()
    assert sample.photos.shape == (1200, 28, 28)
    assert sample.photos.dtype == np.uint8
    assert np.bincount(sample.labels).tolist() == [120] * 10
    assert len(set(sample.indices.tolist())) == 1200
    folder = Path(packing.__file__).parent / "sample"
    assert (folder / "LICENSE").is_file()
    assert sum(path.stat().st_size for path in folder.glob("*.*")) < 3 * MEGABYTE


# What ONNX Runtime says about `disc()` with the published weights, averaged over 8 x 8 blocks of 40 x 40 pixels.
U2NETP_GOLDEN = [
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0651, 0.589, 0.7702, 0.5086, 0.0191, 0.0],
    [0.0, 0.0, 0.6935, 1.0, 1.0, 1.0, 0.5197, 0.0],
    [0.0, 0.0003, 0.9688, 1.0, 1.0, 1.0, 0.794, 0.0],
    [0.0, 0.0, 0.8013, 1.0, 1.0, 1.0, 0.6294, 0.0],
    [0.0, 0.0, 0.1701, 0.8101, 0.9856, 0.7324, 0.0866, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.0033, 0.0, 0.0, 0.0],
    [0.0001, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
]


def disc() -> torch.Tensor:
    """A round thing on a smooth ground, already normalised: (1, 3, 320, 320)."""
    ys, xs = np.mgrid[:320, :320] / 320.0
    inside = ((ys - 0.45) ** 2 + (xs - 0.55) ** 2 < 0.09).astype(np.float32)
    channels = [inside * 2 - 1, inside * np.sin(9 * xs) - 0.5, 0.3 - inside + ys * 0.5]
    return torch.from_numpy(np.stack(channels).astype(np.float32))[None]


def test_u2netp_says_what_the_published_network_says() -> None:
    network = packing.read_weights(U2NetP(), packing.FOLDER / packing.CUTOUT)
    with torch.inference_mode():
        logits = network(disc())["segment"]
    assert logits.shape == (1, 2, 320, 320)
    product = logits.softmax(dim=1)[0, 1].reshape(8, 40, 8, 40).mean(dim=(1, 3)).numpy()
    np.testing.assert_allclose(product, U2NETP_GOLDEN, atol=1e-3)


def test_u2netp_takes_one_label() -> None:
    with pytest.raises(ValueError, match="one label, not 2"):
        u2netp_network(("product", "person"))


def test_average_precision_of_the_truth_is_one() -> None:
    pytest.importorskip("pycocotools")
    from models.starter.evaluate import average_precision, coco_results

    sample = load_sample()
    photos = [compose(sample.photos, sample.labels, seed) for seed in range(3)]
    found = []
    for index, photo in enumerate(photos):
        boxes, labels = torch.from_numpy(photo.boxes), torch.from_numpy(photo.labels)
        found += coco_results(index, {"boxes": boxes, "scores": torch.ones(len(labels)), "labels": labels})
    assert average_precision(photos, found)["map50"] == pytest.approx(1.0)
