"""The networks of a worker, over a real registry."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from torch import nn

from catalog import versions
from catalog.asset_store import MemoryAssetStore
from models.compile import NOT_YET, Compiler, Verdict
from models.errors import WeightsError
from models.predictor import Predictor
from models.spec import ModelSpec, Preprocessing
from tests.catalog.shop import add_images, plan
from workers import model_cache, registry
from workers.model_cache import HostUnfit, ModelCache


def register(engine: sa.Engine, name: str) -> int:
    """A version; all of them share their weights."""
    spec = ModelSpec(
        name=name,
        version=1,
        task="classify",
        builder="torchvision:resnet18",
        weights="models/none",
        sha256="0" * 64,
        labels=("a", "b"),
        preprocessing=Preprocessing(size=16, fit="squash"),
    )
    with engine.begin() as connection:
        return versions.register(connection, spec.model_dump(mode="json")).id


@pytest.fixture
def cache(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCache:
    """A cache whose networks are empty; a family with a member named `broken` cannot be loaded."""

    def load(specs: Sequence[ModelSpec], *_: Any) -> list[Predictor]:
        if any(spec.name == "broken" for spec in specs):
            raise WeightsError("broken")
        return [Predictor(specs, nn.Identity())]

    monkeypatch.setattr(model_cache, "load_predictors", load)
    monkeypatch.setattr(model_cache, "weights_file", lambda *_: tmp_path / "none")
    return ModelCache(engine, MemoryAssetStore(), tmp_path, "cpu")


@pytest.mark.parametrize("later", ["later", "broken"])
def test_a_sibling_registered_later_does_not_double_the_answers(
    engine: sa.Engine, cache: ModelCache, later: str
) -> None:
    first = register(engine, "first")
    assert [list(loaded.versions) for loaded in cache.get([first])] == [[first]]
    second = register(engine, later)
    answered = [version for loaded in cache.get([first, second]) for version in loaded.versions]
    assert sorted(answered) == [first, second]


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), MemoryError()])
def test_a_host_without_room_is_unfit_and_the_model_is_not_to_blame(
    engine: sa.Engine, cache: ModelCache, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def full(*_: Any) -> Path:
        raise trouble

    version = register(engine, "first")
    monkeypatch.setattr(model_cache, "weights_file", full)
    with pytest.raises(HostUnfit, match="first@1"):
        cache.get([version])


def test_lost_weights_are_named_and_adding_the_model_again_mends_them(
    engine: sa.Engine, tmp_path: Path
) -> None:
    store, spec = MemoryAssetStore(), spec_of_weights(tmp_path)
    store.ensure_bucket()
    weights = Path(spec.weights)
    version, _ = registry.add(engine, store, spec, weights)
    store.delete(version.spec["weights"])
    with pytest.raises(WeightsError, match="gone from the store"):
        registry.weights_file(store, tmp_path / "cache", version)
    assert registry.add(engine, store, spec, weights) == (version, False)
    assert registry.weights_file(store, tmp_path / "cache", version).read_bytes() == b"weights"


class Slow(Compiler):
    """Says what it was asked, in place of compiling."""

    def __init__(self) -> None:
        super().__init__(Path("unused"))
        self.asked: list[bool] = []

    def speed_up(
        self, predictor: Predictor, weights: dict[str, Path], *, compile: bool = True, wait: bool = False
    ) -> Verdict:
        assert not wait
        self.asked.append(compile)
        return Verdict(form="bf16", batch=4) if compile else NOT_YET


def test_a_network_is_compiled_once_enough_photos_wait_for_it(
    engine: sa.Engine, cache: ModelCache, tmp_path: Path
) -> None:
    compiler = Slow()
    patient = ModelCache(
        engine, MemoryAssetStore(), tmp_path, "cpu", compiler, compile_from=5, look_again=0.0
    )
    version = register(engine, "first")
    plan(engine, add_images(engine, 4), version)
    assert [loaded.verdict for loaded in patient.get([version])] == [NOT_YET]
    assert [loaded.verdict for loaded in patient.get([version])] == [NOT_YET]
    plan(engine, add_images(engine, 1), version)
    (loaded,) = patient.get([version])
    assert loaded.verdict is not None
    assert loaded.verdict.form == "bf16"
    patient.get([version])
    assert compiler.asked == [False, False, True]


def test_how_many_wait_is_not_asked_at_each_chunk(
    engine: sa.Engine, cache: ModelCache, tmp_path: Path
) -> None:
    compiler = Slow()
    patient = ModelCache(engine, MemoryAssetStore(), tmp_path, "cpu", compiler, compile_from=5)
    version = register(engine, "first")
    for _ in range(3):
        patient.get([version])
    assert compiler.asked == [False]


def test_photos_are_counted_not_their_work_items(engine: sa.Engine) -> None:
    ids = [register(engine, name) for name in ("first", "second")]
    images = add_images(engine, 3)
    for version in ids:
        plan(engine, images, version)
    with engine.connect() as connection:
        assert versions.waiting(connection, ids, 100) == 3
        assert versions.waiting(connection, ids, 2) == 2


def test_a_database_that_is_away_is_no_fault_of_a_model(
    engine: sa.Engine, cache: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> int:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(versions, "waiting", away)
    with pytest.raises(OperationalError):
        ModelCache(engine, MemoryAssetStore(), tmp_path, "cpu", Slow()).get([register(engine, "first")])


def spec_of_weights(folder: Path) -> ModelSpec:
    """Of a network whose weights lie in the folder."""
    weights = folder / "w.safetensors"
    weights.write_bytes(b"weights")
    return ModelSpec(
        name="m",
        version=1,
        task="classify",
        builder="torchvision:resnet18",
        weights=str(weights),
        sha256=hashlib.sha256(b"weights").hexdigest(),
        labels=("a", "b"),
        preprocessing=Preprocessing(size=16, fit="squash"),
    )


def added(engine: sa.Engine, store: MemoryAssetStore, folder: Path) -> versions.Version:
    """A version whose weights lie in the store."""
    store.ensure_bucket()
    spec = spec_of_weights(folder)
    return registry.add(engine, store, spec, Path(spec.weights))[0]


def test_weights_that_somebody_replaced_in_the_store_are_refused(engine: sa.Engine, tmp_path: Path) -> None:
    store = MemoryAssetStore()
    version = added(engine, store, tmp_path)
    store.put(version.spec["weights"], b"others!", "application/octet-stream")
    with pytest.raises(WeightsError, match="have SHA-256"):
        registry.weights_file(store, tmp_path / "cache", version)
    assert not list((tmp_path / "cache").iterdir())


def test_an_object_that_would_fill_the_disk_is_not_fetched(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryAssetStore()
    version = added(engine, store, tmp_path)
    monkeypatch.setattr(registry, "LARGEST", 3)
    with pytest.raises(WeightsError, match="in the store has 7 bytes"):
        registry.weights_file(store, tmp_path / "cache", version)


def test_what_somebody_altered_on_disk_is_fetched_anew(engine: sa.Engine, tmp_path: Path) -> None:
    store = MemoryAssetStore()
    version = added(engine, store, tmp_path)
    path = registry.weights_file(store, tmp_path / "cache", version)
    path.write_bytes(b"others!")
    assert registry.weights_file(store, tmp_path / "cache", version).read_bytes() == b"weights"
