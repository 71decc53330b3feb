"""Weights: loaded when they are the right ones, refused with a reason when not."""

from __future__ import annotations

import json
import pickle
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import mobilenet_v3_small, resnet18
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from models import torchvision_models, weights_limits
from models.builders import make_draft
from models.digest import sha256_of
from models.errors import BuilderError, WeightsError
from models.predictor import group_specs, load_predictors
from models.published import published_spec
from models.torchvision_models import published_weights
from models.weights import fill, read_state
from models.weights_limits import LARGEST


@pytest.fixture
def state() -> Mapping[str, Tensor]:
    return resnet18(num_classes=3).state_dict()


@pytest.fixture
def file(tmp_path: Path, state: Mapping[str, Tensor]) -> Path:
    path = tmp_path / "weights.safetensors"
    save_file(dict(state), path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    tensors = {"a": torch.randn(2, 3), "n": torch.tensor([4])}
    path = tmp_path / f"weights{suffix}"
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    found = read_state(path, sha256_of(path))
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_float32(tmp_path: Path, kind: torch.dtype) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.ones(2, dtype=kind), "n": torch.ones(1, dtype=torch.int64)}, path)
    found = read_state(path, None)
    assert found["a"].dtype == torch.float32
    assert found["n"].dtype == torch.int64


@pytest.mark.parametrize("wrapping", ["state_dict", "model"])
def test_checkpoints_of_trainers(tmp_path: Path, wrapping: str) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({wrapping: {"module.a": torch.ones(2)}, "epoch": 3}, path)
    assert list(read_state(path, None)) == ["a"]


def test_a_wrong_hash_names_both(file: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        read_state(file, "f" * 64)
    assert "f" * 64 in str(caught.value)
    assert sha256_of(file) in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read_state(tmp_path / "nothing.pt", None)


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("trapped"),))


def test_a_pickle_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bare = tmp_path / "bare.pt"
    bare.write_bytes(pickle.dumps({"a": Trap()}))
    saved = tmp_path / "saved.pth"
    torch.save({"a": Trap()}, saved)
    whole = tmp_path / "whole.pt"
    torch.save(resnet18(), whole)
    for path in (bare, saved, whole):
        with pytest.raises(WeightsError, match="is refused"):
            read_state(path, None)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_damaged_file(tmp_path: Path, file: Path, suffix: str) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="damaged"):
        read_state(path, None)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    path.write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"\.safetensors, \.pt or \.pth"):
        read_state(path, None)
    torch.save([torch.ones(1)], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="state dict"):
        read_state(tmp_path / "list.pt", None)


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"fine": torch.ones(2), "bad": torch.tensor([1.0, float("nan")])}, path)
    with pytest.raises(WeightsError, match="tensor bad"):
        read_state(path, None)


def test_weights_that_do_not_fit(make_spec: Any, state: Mapping[str, Tensor]) -> None:
    draft = make_draft([make_spec(labels=["bag", "coat"])])
    with pytest.raises(WeightsError) as caught:
        fill(draft, state, "the file")
    assert "fc.weight has shape (3, 512), the network needs (2, 512)" in str(caught.value)
    assert "number of labels" in str(caught.value)
    few = {name: value for name, value in state.items() if "layer4" not in name} | {
        "extra.one": torch.ones(1)
    }
    with pytest.raises(WeightsError, match=r"missing layer4.*more; unexpected extra\.one"):
        fill(make_draft([make_spec()]), few, "the file")


def test_tensors_that_inference_does_not_need(make_spec: Any, state: Mapping[str, Tensor]) -> None:
    counters = {name: value for name, value in state.items() if "num_batches" not in name}
    fill(make_draft([make_spec()]), counters, "the file")
    fill(make_draft([make_spec(task="embed", labels=[])]), state, "the file")
    without_head = {name: value for name, value in state.items() if not name.startswith("fc.")}
    fill(make_draft([make_spec(task="embed", labels=[])]), without_head, "the file")
    spec = make_spec(builder="torchvision:lraspp_mobilenet_v3_large", task="segment")
    own = lraspp_mobilenet_v3_large(weights_backbone=None, num_classes=4).state_dict()
    fill(make_draft([spec]), {**own, "aux_classifier.0.weight": torch.ones(1)}, "the file")


def test_a_classifier_and_its_embedding_share_one_pass(
    make_spec: Any, make_photo: Any, tmp_path: Path
) -> None:
    file = tmp_path / "small.safetensors"
    save_file(mobilenet_v3_small(num_classes=3).state_dict(), file)
    common = {"sha256": sha256_of(file), "builder": "torchvision:mobilenet_v3_small"}
    specs = [
        make_spec(name="type", **common),
        make_spec(name="other", **common, preprocessing={"size": 96}),
        make_spec(name="vector", **common, task="embed", labels=[]),
    ]
    predictors = load_predictors(specs, {"weights.safetensors": file})
    assert [[spec.name for spec in one.specs] for one in predictors] == [["type", "vector"], ["other"]]
    photo = make_photo(80, 60)
    kind, vector = predictors[0].predict([photo])[0]
    (alone,) = load_predictors(specs[2:], {"weights.safetensors": file})
    assert float(alone.predict([photo])[0][0].vector @ vector.vector) == pytest.approx(1.0, abs=1e-5)
    (named,) = load_predictors(specs[:1], {"weights.safetensors": file})
    assert named.predict([photo])[0][0].scores[0].label == kind.scores[0].label


def test_grouping(make_spec: Any) -> None:
    starter = {"builder": "tagmill:starter"}
    specs = [
        make_spec(name="type", **starter),
        make_spec(name="mask", task="segment", labels=["product"], **starter),
        make_spec(name="odd", task="embed", labels=[], sha256="1" * 64, **starter),
        make_spec(name="vector", task="embed", labels=[], **starter),
        make_spec(name="three"),
        make_spec(name="two", labels=["bag", "coat"]),
        make_spec(name="embed", task="embed", labels=[]),
    ]
    names = [[spec.name for spec in group] for group in group_specs(specs)]
    assert names == [["type", "mask", "vector"], ["odd"], ["three", "embed"], ["two"]]


def test_no_local_file(make_spec: Any) -> None:
    with pytest.raises(WeightsError, match="no local file"):
        load_predictors([make_spec()], {})


def test_published_weights_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_args: Any, **_kwargs: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision_models.zoo, "get_model", unreachable)
    with pytest.raises(WeightsError, match=r"cannot fetch torchvision:IMAGENET1K_V1 .* no route to host"):
        load_predictors([published_spec("resnet18")], {})


def test_published_specs() -> None:
    spec = published_spec("resnet50", "IMAGENET1K_V2")
    assert len(spec.labels) == 1000
    assert (spec.preprocessing.size, spec.preprocessing.resize, spec.preprocessing.fit) == (224, 232, "crop")
    assert spec.options.class_ids is None
    assert published_spec("swin_t").preprocessing.interpolation == "bicubic"
    assert published_spec("resnet18", task="embed").labels == ()
    coco = published_spec("fasterrcnn_mobilenet_v3_large_320_fpn")
    assert coco.labels[0] == "person"
    assert "N/A" not in coco.labels
    assert coco.options.num_classes == 91
    assert coco.options.class_ids is not None
    assert coco.options.class_ids[coco.labels.index("stop sign")] == 13
    assert coco.preprocessing.fit == "native"
    assert published_spec("ssd300_vgg16").preprocessing.size == 300
    voc = published_spec("lraspp_mobilenet_v3_large")
    assert (len(voc.labels), voc.options.class_ids) == (20, None)


@pytest.mark.parametrize(
    ("builder", "weights", "error"),
    [
        ("resnet18", "IMAGENET1K_V9", WeightsError),
        ("resnet19", "DEFAULT", BuilderError),
        ("r3d_18", "DEFAULT", BuilderError),
        ("keypointrcnn_resnet50_fpn", "DEFAULT", BuilderError),
    ],
)
def test_unknown_published_weights(builder: str, weights: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        published_spec(builder, weights)


def test_the_cache_of_published_weights_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision loads what lies there under the right name as a pickle that may run code, its hash unchecked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = Path(published_weights("squeezenet1_1", "DEFAULT").url).name
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save({"a": Trap()}, tmp_path / "hub" / "checkpoints" / name)
    with pytest.raises(WeightsError, match="cannot fetch"):
        load_predictors([published_spec("squeezenet1_1")], {})
    assert not (tmp_path / "trapped").exists()


def safetensors(header: dict[str, Any] | bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    """A file with this header, which may lie about everything."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        safetensors({}, length=2**63),
        safetensors({}, length=2**34),
        safetensors({"a": tensor([2], 0, 8)}, b"\0" * 4),
        safetensors({"a": tensor([2], 0, 4)}, b"\0" * 4),
        safetensors({"a": tensor([1], 4, 8)}, b"\0" * 8),
        safetensors({"a": tensor([2], 0, 8), "b": tensor([2], 0, 8)}, b"\0" * 8),
        safetensors({"a": tensor([2**32, 2**32], 0, 0)}),
        safetensors({"a": tensor([2**62], 0, 8)}, b"\0" * 8),
        safetensors({"a": tensor([-1], 0, 4)}, b"\0" * 4),
        safetensors({"a": tensor([1], 0, 4, "F99")}, b"\0" * 4),
        safetensors({"a": tensor([1], 8, 4)}, b"\0" * 8),
        safetensors(b"[" * 100_000),
        safetensors(b"\xff\xfe"),
    ],
)
def test_safetensors_that_lie(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"damaged|not a whole safetensors"):
        read_state(path, None)


def test_a_file_that_is_too_large_is_not_even_hashed(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)  # it takes no room
    with pytest.raises(WeightsError, match="are not taken"):
        read_state(path, "0" * 64)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_a_device_that_never_ends(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(WeightsError, match="no regular file"):
        read_state(tmp_path / name, None)


def test_an_archive_that_unpacks_to_more(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.pt", tmp_path / "packed.pt"
    torch.save({"a": torch.zeros(1_000_000)}, plain)
    with zipfile.ZipFile(plain) as found, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in found.infolist():
            made.writestr(entry.filename, found.read(entry))
    assert packed.stat().st_size < 50_000
    with pytest.raises(WeightsError, match="unpacks to more"):
        read_state(packed, None)
    assert len(read_state(plain, None)["a"]) == 1_000_000


def test_one_number_that_stands_for_billions(tmp_path: Path) -> None:
    path = tmp_path / "wide.pt"
    torch.save({"a": torch.zeros(1).expand(40_000_000)}, path)
    with pytest.raises(WeightsError, match="which the file cannot hold"):
        read_state(path, None)


@pytest.mark.parametrize(
    "value", [torch.eye(3).to_sparse(), torch.empty(3, device="meta"), torch.zeros(2, dtype=torch.complex64)]
)
def test_tensors_that_are_no_plain_numbers(tmp_path: Path, value: Tensor) -> None:
    path = tmp_path / "odd.pt"
    torch.save({"odd": value}, path)
    with pytest.raises(WeightsError, match="tensor odd"):
        read_state(path, None)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_whatever_is_damaged_is_one_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    tensors = {"a": torch.ones(3), "b": torch.ones(2, 2)}
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    whole, chance = path.read_bytes(), random.Random(1)
    refused = 0
    for _ in range(300):
        spoilt = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        path.write_bytes(spoilt[: chance.choice([len(spoilt), chance.randrange(len(spoilt))])])
        try:
            read_state(path, None)
        except WeightsError:
            refused += 1
    assert refused > 100


def test_options_that_make_a_network_too_large(make_spec: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_spec(builder="torchvision:mobilenet_v2", options={"builder": {"width_mult": 0.25}})
    make_draft([spec])
    monkeypatch.setattr(weights_limits, "LARGEST", 1_000_000)
    with pytest.raises(BuilderError, match=r"options\.builder makes a network of"):
        make_draft([spec])
