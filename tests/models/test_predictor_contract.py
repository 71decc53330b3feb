"""One contract for every builder: as many answers as photos, in order, the same alone as in a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from models.builders import build_network
from models.decode import Photo
from models.errors import UnusableOutput
from models.predictions import Classification, Detections, Embedding, Prediction, Segmentation
from models.predictor import Predictor
from models.spec import ModelSpec

KINDS = {"classify": Classification, "detect": Detections, "segment": Segmentation, "embed": Embedding}
SIZES = [(90, 60), (28, 28), (50, 130), (64, 64), (3, 70)]


@dataclass(frozen=True)
class Case:
    builder: str
    task: str
    preprocessing: dict[str, Any]
    options: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.builder.partition(':')[2]}-{self.task}-{self.preprocessing.get('fit', 'letterbox')}"


def case(name: str, task: str, size: int, fit: str = "letterbox", **options: Any) -> Case:
    return Case(name, task, {"size": size, "fit": fit}, options)


SMALL_RCNN = {"min_size": 64, "max_size": 96, "rpn_post_nms_top_n_test": 40, "box_detections_per_img": 30}
CASES = [
    case("torchvision:resnet18", "classify", 64, "crop"),
    case("torchvision:resnet18", "embed", 64),
    case("torchvision:mobilenet_v3_small", "classify", 64, "squash"),
    case("torchvision:mobilenet_v3_small", "embed", 64, "native"),
    case("torchvision:squeezenet1_1", "embed", 64),
    case(
        "torchvision:ssdlite320_mobilenet_v3_large", "detect", 320, "squash", builder={"topk_candidates": 30}
    ),
    case("torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", "detect", 96, builder=SMALL_RCNN),
    case("torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", "detect", 96, "native", builder=SMALL_RCNN),
    case("torchvision:lraspp_mobilenet_v3_large", "segment", 64, "crop"),
    case("smp:Unet", "segment", 64, encoder="mobilenet_v2"),
    case("smp:Unet", "segment", 96, "native", encoder="mobilenet_v2", num_classes=1),
    case("tagmill:starter", "classify", 64),
    case("tagmill:starter", "detect", 64),
    case("tagmill:u2netp", "segment", 64),
]


def enliven(network: nn.Module) -> nn.Module:
    """Random batch norms and a wider last layer: fresh networks answer nearly the same to everything."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.7, 1.3)
            nn.init.uniform_(module.weight, 0.7, 1.3)
    return network


@pytest.fixture(scope="module", params=CASES, ids=str)
def predictor(request: Any) -> Predictor:
    chosen: Case = request.param
    torch.manual_seed(0)
    torch.set_num_threads(1)
    one_label = chosen.options.get("num_classes") == 1 or chosen.builder == "tagmill:u2netp"
    labels = [] if chosen.task == "embed" else ["thing"] if one_label else ["bag", "coat", "shoe"]
    spec = ModelSpec.parse(
        {
            "name": "contract",
            "version": 1,
            "task": chosen.task,
            "builder": chosen.builder,
            "weights": "none.safetensors",
            "sha256": "0" * 64,
            "labels": labels,
            "preprocessing": chosen.preprocessing,
            "options": {"min_score": 0.0, **chosen.options},
        }
    )
    return Predictor([spec], enliven(build_network([spec])))


@pytest.fixture
def photos(make_photo: Any) -> list[Photo]:
    return [make_photo(width, height, seed) for seed, (width, height) in enumerate(SIZES)]


def test_no_photos_no_answers(predictor: Predictor) -> None:
    assert predictor.predict([]) == []
    assert predictor.outcomes([]) == []


def test_answers_are_valid_and_in_order(predictor: Predictor, photos: list[Photo]) -> None:
    found = predictor.predict(photos)
    assert len(found) == len(photos)
    for photo, answers in zip(photos, found, strict=True):
        assert len(answers) == len(predictor.specs) == 1
        check(answers[0], predictor.specs[0], photo)


def test_alone_equals_in_a_batch(predictor: Predictor, photos: list[Photo]) -> None:
    alone = [predictor.predict([photo])[0][0] for photo in photos]
    together = [one[0] for one in predictor.predict(photos)]
    backwards = [one[0] for one in predictor.predict(photos[::-1])][::-1]
    for one, other, third in zip(alone, together, backwards, strict=True):
        assert_alike(one, other)
        assert_alike(one, third)


def test_more_photos_than_a_batch(predictor: Predictor, photos: list[Photo]) -> None:
    many = [photos[k % 2] for k in range(predictor.batch_size + 2)]
    found = predictor.predict(many)
    assert len(found) == len(many)
    for k, answers in enumerate(found):
        check(answers[0], predictor.specs[0], many[k])
        assert_alike(answers[0], found[k % 2][0])


def test_a_scaled_decode_answers_in_original_pixels(predictor: Predictor, make_photo: Any) -> None:
    small = make_photo(130, 90)
    check(
        predictor.predict([Photo(small.pixels, 1300, 900)])[0][0],
        predictor.specs[0],
        Photo(small.pixels, 1300, 900),
    )


def test_photos_are_decoded_as_large_as_the_input_needs_them(predictor: Predictor) -> None:
    how = predictor.specs[0].preprocessing
    wanted = {"letterbox": (1, how.size), "native": (1, how.size), "squash": (how.size, how.size)}
    assert predictor.sides == wanted.get(how.fit, (how.resize or how.size, 1))


def test_numbers_that_are_not_finite_are_that_photos_error(photos: list[Photo], predictor: Predictor) -> None:
    """One photo's activations are poisoned in the network; only its answer is lost."""

    seen = 0  # photos that went through before this micro-batch

    def poison(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        poisoned = output.clone()
        if 0 <= 1 - seen < len(output):
            poisoned[1 - seen] = float("nan")
        seen += len(output)
        return poisoned

    first = next(module for module in predictor.engine.network.modules() if isinstance(module, nn.Conv2d))
    same_shape = [photos[0], photos[0], photos[0]]
    hook = first.register_forward_hook(poison)
    try:
        outcomes = predictor.outcomes(same_shape)
        assert [isinstance(one, UnusableOutput) for one in outcomes] == [False, True, False]
        seen = 0
        with pytest.raises(UnusableOutput, match="contract@1"):
            predictor.predict(same_shape)
    finally:
        hook.remove()


def check(answer: Prediction, spec: ModelSpec, photo: Photo) -> None:
    assert isinstance(answer, KINDS[spec.task])
    match answer:
        case Classification(scores):
            assert {one.label for one in scores} == {*spec.labels}
            assert [one.score for one in scores] == sorted((one.score for one in scores), reverse=True)
            assert sum(one.score for one in scores) == pytest.approx(1.0, abs=1e-4)
        case Detections(items):
            assert [one.score for one in items] == sorted((one.score for one in items), reverse=True)
            for one in items:
                assert one.label in spec.labels
                assert 0 <= one.score <= 1
                assert 0 <= one.box.left < one.box.right <= photo.width
                assert 0 <= one.box.top < one.box.bottom <= photo.height
        case Segmentation(segments=segments):
            mask = answer.mask
            assert mask.shape == (photo.height, photo.width)
            assert mask.dtype == np.uint8
            present = {spec.labels[k - 1] for k in np.unique(mask) if k > 0}
            assert {one.label for one in segments} == present
            assert sum(one.area for one in segments) == pytest.approx((mask > 0).mean())
        case Embedding(vector):
            assert vector.dtype == np.float32
            assert vector.ndim == 1
            assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def assert_alike(one: Prediction, other: Prediction) -> None:
    match one, other:
        case Classification(a), Classification(b):
            assert [x.label for x in a] == [x.label for x in b]
            assert [x.score for x in a] == pytest.approx([x.score for x in b], abs=1e-4)
        case Detections(a), Detections(b):
            assert len(a) == len(b)
            assert [x.score for x in a] == pytest.approx([x.score for x in b], abs=1e-4)
            # Boxes of nearly the same score may change places.
            partners = sum(any(near(x.box, y.box) and x.label == y.label for y in b) for x in a)
            assert partners >= 0.9 * len(a)
        case Segmentation(), Segmentation():
            assert (one.mask == other.mask).mean() > 0.999
        case Embedding(a), Embedding(b):
            assert float(a @ b) == pytest.approx(1.0, abs=1e-4)
        case _:
            pytest.fail(f"{type(one)} is not {type(other)}")


def near(a: Any, b: Any) -> bool:
    return all(abs(getattr(a, side) - getattr(b, side)) < 0.05 for side in ("left", "top", "right", "bottom"))
