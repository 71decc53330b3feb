"""Compiling for real, in a small network: the same answers, once a machine, and eager where it cannot be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.builders import make_draft
from models.compile import NOT_YET, Compiler, Verdict, child, compiler
from models.compile.child import package
from models.compile.engine import PACKAGE, CompiledEngine, load
from models.compile.fidelity import agreement, real_photos, shortfall
from models.compile.precision import Precision
from models.compile.verdict import Form
from models.decode import Photo
from models.digest import sha256_of
from models.predictions import Classification
from models.predictor import Predictor, load_predictors
from models.spec import ModelSpec

LABELS = ("bag", "coat", "shoe")

pytestmark = pytest.mark.skipif(bool(compiler._no_compiler()), reason=compiler._no_compiler())


class Model:
    """A small classifier and embedder on one network, with weights in a file."""

    def __init__(self, folder: Path) -> None:
        torch.manual_seed(0)
        torch.set_num_threads(1)
        self.file = folder / "weights.safetensors"
        save_file(make_draft(self._specs("0" * 64)).core.state_dict(), self.file)
        self.specs = self._specs(sha256_of(self.file))
        self.weights = {str(self.file): self.file}

    def _specs(self, sha256: str) -> list[ModelSpec]:
        common: dict[str, Any] = {
            "version": 1,
            "builder": "torchvision:resnet18",
            "weights": str(self.file),
            "sha256": sha256,
            "preprocessing": {"size": 64, "fit": "letterbox"},
            "options": {"num_classes": 3},
        }
        return [
            ModelSpec.parse({**common, "name": "small", "task": "classify", "labels": LABELS}),
        ]

    def load(self) -> Predictor:
        (predictor,) = load_predictors(self.specs, self.weights)
        return predictor


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def compiled(model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Verdict]:
    """A folder of packages in which the model's is, whether or not it was the fastest form here."""
    folder = tmp_path_factory.mktemp("compiled")
    predictor = model.load()
    home = folder / compiler._key(predictor, ["fp32"], 1)
    home.mkdir()
    package(predictor, Precision("fp32"), 4, home / PACKAGE)
    verdict = Verdict(form="fp32", batch=4)
    verdict.write(home)
    return folder, verdict


def test_a_child_compiles_measures_and_compares(model: Model, tmp_path: Path) -> None:
    predictor = model.load()
    verdict = Compiler(tmp_path, "fp32").speed_up(predictor, model.weights)
    assert verdict.form == "fp32" or verdict.reason.startswith("fp32 takes"), verdict.reason
    assert isinstance(predictor.engine, CompiledEngine) == (verdict.form == "fp32")
    assert Verdict.read(tmp_path / compiler._key(model.load(), ["fp32"], 1)) == verdict
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_compiled_form_answers_as_the_eager_one(model: Model, compiled: tuple[Path, Verdict]) -> None:
    folder, _ = compiled
    eager, fast = model.load(), model.load()
    Compiler(folder, "fp32").speed_up(fast, model.weights)
    assert isinstance(fast.engine, CompiledEngine)
    (home,) = [path for path in folder.iterdir() if path.is_dir()]
    assert {path.name for path in home.iterdir()} == {PACKAGE, "verdict.json"}  # what was unpacked is gone
    photos = real_photos(64)[: 2 * fast.batch_size + 3]  # the last batch is padded
    assert agreement(eager, fast, photos)["top1"] == 1.0
    for one, other in zip(scores(eager, photos), scores(fast, photos), strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert scores(fast, photos[:1])[0] == pytest.approx(scores(fast, photos)[0], abs=1e-6)


def scores(predictor: Predictor, photos: Sequence[Photo]) -> list[dict[str, float]]:
    found = []
    for (answer,) in predictor.predict(photos):
        assert isinstance(answer, Classification)
        found.append({score.label: score.score for score in answer.scores})
    return found


def test_a_machine_compiles_once(
    model: Model, compiled: tuple[Path, Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, verdict = compiled
    monkeypatch.setattr(compiler.subprocess, "run", lambda *_, **__: pytest.fail("compiled again"))
    assert Compiler(folder, "fp32").speed_up(model.load(), model.weights) == verdict


def test_other_threads_or_code_need_another_package(
    model: Model, compiled: tuple[Path, Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = model.load()
    usual = compiler._key(predictor, ["fp32"], 1)
    assert usual == compiler._key(model.load(), ["fp32"], 1)
    assert usual != compiler._key(predictor, ["fp32"], 2)
    assert usual != compiler._key(predictor, ["bf16", "fp32"], 1)
    monkeypatch.setattr(compiler, "_code", lambda: "other")
    assert usual != compiler._key(predictor, ["fp32"], 1)


def test_of_processes_that_start_together_one_compiles(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def in_a_child(request: Any) -> Verdict:
        calls.append(request)
        return Verdict(form="eager", reason="as an example")

    monkeypatch.setattr(compiler, "_in_a_child", in_a_child)
    predictors = [model.load() for _ in range(4)]
    with ThreadPoolExecutor() as pool:
        found = list(
            pool.map(lambda one: Compiler(tmp_path).speed_up(one, model.weights, wait=True), predictors)
        )
    assert len(calls) == 1
    assert {verdict.reason for verdict in found} == {"as an example"}


def test_while_another_process_compiles_a_worker_goes_on_eager(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = Event(), Event()

    def in_a_child(request: Any) -> Verdict:
        begun.set()
        assert go_on.wait(30)
        return Verdict(form="eager", reason="as an example")

    monkeypatch.setattr(compiler, "_in_a_child", in_a_child)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(Compiler(tmp_path).speed_up, model.load(), model.weights)
        assert begun.wait(30)
        assert Compiler(tmp_path).speed_up(model.load(), model.weights) is NOT_YET
        go_on.set()
        assert first.result().reason == "as an example"


def test_where_packages_cannot_be_kept_networks_run_eager(model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    verdict = Compiler(tmp_path / "file").speed_up(model.load(), model.weights)
    assert verdict.form == "eager"
    assert "packages cannot be kept" in verdict.reason


def test_again_compiles_what_is_there(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = iter("abc")
    monkeypatch.setattr(compiler, "_in_a_child", lambda _: Verdict(form="eager", reason=next(reasons)))
    for again, reason in ((False, "a"), (False, "a"), (True, "b"), (False, "b")):
        assert Compiler(tmp_path, again=again).speed_up(model.load(), model.weights).reason == reason


def test_without_a_compiler_networks_run_eager(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "/nowhere/g++")
    predictor = model.load()
    engine = predictor.engine
    verdict = Compiler(tmp_path).speed_up(predictor, model.weights)
    assert (verdict.form, verdict.reason) == ("eager", "there is no C++ compiler; install g++")
    assert predictor.engine is engine
    assert not list(tmp_path.iterdir())  # and once there is one, it is used


def test_a_compilation_that_fails_is_told_and_not_repeated(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "Traceback\nCppCompileError: no such header\n")
    monkeypatch.setattr(compiler.subprocess, "run", lambda *_, **__: failed)
    verdict = Compiler(tmp_path).speed_up(model.load(), model.weights)
    assert verdict.form == "eager"
    assert verdict.reason == "compiling failed: CppCompileError: no such header"
    monkeypatch.setattr(compiler.subprocess, "run", lambda *_, **__: pytest.fail("compiled again"))
    assert Compiler(tmp_path).speed_up(model.load(), model.weights) == verdict


def test_a_form_that_does_not_compile_leaves_the_next_one_to_be_tried(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Form] = []

    def refused(_: Predictor, how: Precision, __: Path) -> tuple[int, float]:
        tried.append(how.form)
        raise RuntimeError("no kernel for this")

    monkeypatch.setattr(child, "precision", lambda _, form: Precision(form))
    monkeypatch.setattr(child, "_fastest", refused)
    verdict = child.compile_network(request_of(model, ["bf16", "fp32"], tmp_path))
    assert tried == ["bf16", "fp32"]
    assert verdict.form == "eager"
    assert verdict.reason == "bf16: no kernel for this; fp32: no kernel for this"


def test_int8_is_taken_only_where_it_is_the_faster_one(
    model: Model, compiled: tuple[Path, Verdict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home,) = [path for path in compiled[0].iterdir() if path.is_dir()]
    times = {"int8": 0.003, "bf16": 0.002, "fp32": 0.001}

    def made(_: Predictor, how: Precision, folder: Path) -> tuple[int, float]:
        shutil.copy(home / PACKAGE, folder / child.TRIAL)
        return 4, times[how.form]

    monkeypatch.setattr(child, "precision", lambda _, form: Precision(form))
    monkeypatch.setattr(child, "_fastest", made)
    verdict = child.compile_network(request_of(model, ["int8", "bf16", "fp32"], tmp_path))
    assert (verdict.form, verdict.milliseconds) == ("bf16", 0.002)  # fp32 is not tried: bf16 answers alike
    times["int8"] = 0.0001
    verdict = child.compile_network(request_of(model, ["int8", "bf16", "fp32"], tmp_path))
    assert verdict.form == "int8"
    assert verdict.reason == "bf16: takes 0.0 ms a photo, int8 0.0; fp32: takes 0.0 ms a photo, int8 0.0"


def test_a_network_in_int8_answers_nearly_as_in_float32(model: Model, tmp_path: Path) -> None:
    plain, fast = model.load(), model.load()
    package(plain, Precision("int8", exact=frozenset({"conv1"})), 4, tmp_path / PACKAGE)
    fast.engine = load(tmp_path, plain.engine.network, 4, plain.engine.device)
    photos = real_photos(64)[:40]
    apart = [
        abs(a[label] - b[label])
        for a, b in zip(scores(plain, photos), scores(fast, photos), strict=True)
        for label in a
    ]
    assert 1e-6 < max(apart) < 0.05


def request_of(model: Model, forms: list[Form], folder: Path) -> child.Request:
    return child.Request(
        specs=model.specs, weights=model.weights, device="cpu", threads=1, forms=forms, folder=folder
    )


def test_a_compiling_process_that_dies_takes_nothing_with_it(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    verdict = Compiler(tmp_path).speed_up(model.load(), model.weights)
    assert verdict.reason == "compiling failed: the compiling process ended with 1"


def test_compilers_are_told_no_password(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nenv > {told}\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("TAGMILL_S3_SECRET_KEY", "canary")
    Compiler(tmp_path / "cache").speed_up(model.load(), model.weights)
    assert "TORCHINDUCTOR_CACHE_DIR=" in told.read_text()
    assert "canary" not in told.read_text()


def test_a_damaged_package_is_left_and_made_anew(
    model: Model, compiled: tuple[Path, Verdict], tmp_path: Path
) -> None:
    folder, verdict = compiled
    (home,) = [path for path in folder.iterdir() if path.is_dir()]
    copy = tmp_path / home.name
    copy.mkdir()
    verdict.write(copy)
    (copy / PACKAGE).write_bytes((home / PACKAGE).read_bytes()[:1000])
    predictor = model.load()
    found = Compiler(tmp_path, "fp32").speed_up(predictor, model.weights)
    assert found.form == "eager"
    assert "damaged" in found.reason
    assert predictor.predict(real_photos(64)[:1])
    assert not copy.exists()


@pytest.mark.parametrize(
    ("builder", "task", "fit", "reason"),
    [
        ("torchvision:resnet18", "embed", "native", "its input has the size of each photo"),
        (
            "torchvision:ssdlite320_mobilenet_v3_large",
            "detect",
            "squash",
            "its boxes are chosen inside the network",
        ),
    ],
)
def test_networks_without_fixed_shapes_run_eager(
    tmp_path: Path, builder: str, task: str, fit: str, reason: str
) -> None:
    spec = ModelSpec.parse(
        {
            "name": "other",
            "version": 1,
            "task": task,
            "builder": builder,
            "weights": "none",
            "sha256": "0" * 64,
            "labels": [] if task == "embed" else LABELS,
            "preprocessing": {"size": 320, "fit": fit},
        }
    )
    predictor = Predictor([spec], make_draft([spec]).finish(), fold=False)
    verdict = Compiler(tmp_path).speed_up(predictor, {})
    assert (verdict.form, verdict.reason) == ("eager", reason)


def test_without_leave_to_compile_only_what_is_there_is_used(
    model: Model, compiled: tuple[Path, Verdict], tmp_path: Path
) -> None:
    folder, verdict = compiled
    assert Compiler(folder, "fp32").speed_up(model.load(), model.weights, compile=False) == verdict
    assert Compiler(tmp_path).speed_up(model.load(), model.weights, compile=False) is NOT_YET
    assert not list(tmp_path.iterdir())


def test_the_settings_may_say_eager(model: Model, tmp_path: Path) -> None:
    assert Compiler(tmp_path, "eager").speed_up(model.load(), model.weights).form == "eager"


def test_what_falls_short_is_named() -> None:
    assert shortfall({"top1": 1.0, "cosine": 0.9995}) == ""
    assert shortfall({"top1": 0.97, "cosine": 0.9995}) == "answers differ from float32: top1 0.9700 < 0.99"
