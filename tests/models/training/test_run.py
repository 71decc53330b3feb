"""Whole runs on photos that can be learnt in seconds: they learn, they are reported, they go on after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from models.errors import CheckpointError, DataError, TrainingError
from models.predictor import load_predictors
from models.spec import ModelSpec
from models.training import probe
from models.training.crew import crew
from models.training.network import make_trainee
from models.training.prepare import Prepared
from models.training.recipe import Recipe, parse
from models.training.told import Silence
from models.training.train import Run
from tests.models.training.photos import BARS, write_boxes, write_class_folders, write_masks

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _loads_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGMILL_LOADERS", "0")


def recipe(task: str, source: Path, **changes: Any) -> Recipe:
    networks: dict[str, dict[str, Any]] = {
        "classify": {"builder": "torchvision:mobilenet_v2", "pretrained": "starter"},
        "detect": {"builder": "tagmill:ssdlite", "pretrained": "starter", "fixed_norms": True},
        "segment": {"builder": "smp:Unet", "encoder": "mobilenet_v2", "pretrained": "starter"},
    }
    sides = {"classify": 40, "detect": 128, "segment": 64}
    found = parse(
        {
            "name": "bars",
            "task": task,
            "data": {"source": str(source), "val": 0.25, "test": 0.25},
            "network": {"pretrained": "none", **networks[task]},
            "preprocessing": {"size": sides[task], "fit": "squash"},
            "augment": {"crop": "none"},
            "optimise": {"rate": 0.001},
            "batch": 8,
            "epochs": 3,
        },
        "test",
    )
    return found.with_changes(changes)


def train(wanted: Recipe, folder: Path, *, resume: bool = False) -> dict[str, Any]:
    with crew("cpu") as ours:
        Run(wanted, folder, ours, Silence()).train(resume=resume)
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_a_classifier_learns_and_its_folder_can_be_loaded(tmp_path: Path) -> None:
    wanted = recipe("classify", write_class_folders(tmp_path / "bars", 120), epochs=12)
    report = train(wanted, tmp_path / "run")
    assert report["test"]["top1"] >= 0.9
    assert report["before"]["top1"] <= 0.8
    assert len(report["history"]) == 12
    spec = ModelSpec.parse(yaml.safe_load((tmp_path / "run" / "spec.yaml").read_text()))
    assert spec.metrics["top1"] == report["test"]["top1"]
    predictor = load_predictors([spec], {spec.weights: tmp_path / "run" / spec.weights})[0]
    probe.check(predictor, tmp_path / "run" / "probe.safetensors")
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {
        "recipe.yaml",
        "splits.csv",
        "problems.csv",
        "checkpoint.pt",
        "report.html",
    }


def test_masks_are_learnt(tmp_path: Path) -> None:
    report = train(recipe("segment", write_masks(tmp_path / "bars", 48), epochs=12), tmp_path / "run")
    assert report["test"]["miou"] >= 0.6
    assert report["test"]["miou"] > report["before"]["miou"]


def test_boxes_are_learnt_from(tmp_path: Path) -> None:
    """In seconds only the loss tells; how well boxes are found in the end is in docs/training.md."""
    report = train(recipe("detect", write_boxes(tmp_path / "squares", 48), epochs=5), tmp_path / "run")
    losses = [epoch["loss"] for epoch in report["history"]]
    assert losses[-1] < 0.85 * losses[0]
    assert report["test"]["map50"] >= 0


KILLED = """
import os, signal, sys, torch
from pathlib import Path
from models.training.crew import crew
from models.training.recipe import load
from models.training.told import Silence
from models.training.train import Run

class Killer(Silence):
    def step(self, epoch, step, *_):
        if (epoch, step) == (1, 2):
            os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(int(sys.argv[3]))  # sums in another order would differ
with crew("cpu") as ours:
    Run(load(sys.argv[1]), Path(sys.argv[2]), ours, Killer()).train()
"""


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_resumed_after_a_kill_it_has_the_weights_of_a_run_that_was_not_killed(
    tmp_path: Path, average: float
) -> None:
    """Dropout, augmentation, MixUp, order and rate all go on as if nothing had happened."""
    changes = {"optimise.average": average, "augment.mixup": 0.2, "augment.flip": 0.5, "augment.colour": 0.3}
    wanted = recipe("classify", write_class_folders(tmp_path / "bars"), **changes)
    (tmp_path / "recipe.yaml").write_text(wanted.to_yaml())
    argv = [sys.executable, "-c", KILLED, str(tmp_path / "recipe.yaml"), str(tmp_path / "killed")]
    argv.append(str(torch.get_num_threads()))
    killed = subprocess.run(argv, cwd=ROOT, env={**os.environ, "TAGMILL_LOADERS": "1"}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "spec.yaml").exists()
    resumed = train(wanted, tmp_path / "killed", resume=True)
    straight = train(wanted, tmp_path / "straight")
    one, other = (load_file(tmp_path / name / "weights.safetensors") for name in ("killed", "straight"))
    assert all(torch.equal(one[name], other[name]) for name in other)
    assert resumed["test"] == straight["test"]
    assert [row["loss"] for row in resumed["history"]] == [row["loss"] for row in straight["history"]]


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    """Gradients are averaged over both; each batch is dealt out, so the same photos are seen in the same steps."""
    network = {
        "network.builder": "torchvision:alexnet",
        "network.pretrained": "none",
        "network.arguments": {"dropout": 0.0},
    }
    few: dict[str, Any] = {"preprocessing.size": 64, "epochs": 1, "optimise.clip": None}
    few |= {"optimise.optimiser": "sgd", "optimise.rate": 0.02}
    wanted = recipe("classify", write_class_folders(tmp_path / "bars"), **network, **few)
    (tmp_path / "recipe.yaml").write_text(wanted.to_yaml())
    both = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command = ["-m", "workers.cli", "train", "--recipe", str(tmp_path / "recipe.yaml"), "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TAGMILL_HOME": str(tmp_path)}
    argv = [*both, *command, str(tmp_path / "two"), "--device", "cpu"]
    subprocess.run(argv, cwd=ROOT, env=environment, check=True, timeout=200, capture_output=True)
    train(wanted, tmp_path / "one")
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    before = make_trainee(wanted, BARS).core.state_dict()
    for name, tensor in one.items():
        moved = tensor - before[name]
        assert (two[name] - tensor).norm() < 0.02 * moved.norm(), name


def test_a_folder_that_is_in_use_is_not_written_over(tmp_path: Path) -> None:
    source = write_class_folders(tmp_path / "bars")
    train(recipe("classify", source, epochs=1), tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"not empty; add --resume"):
        train(recipe("classify", source, epochs=1), tmp_path / "run")
    with pytest.raises(CheckpointError, match="another recipe"):
        train(recipe("classify", source, epochs=2), tmp_path / "run", resume=True)


def test_a_run_does_not_go_on_with_other_photos_or_labels(tmp_path: Path) -> None:
    source = write_class_folders(tmp_path / "bars")
    wanted = recipe("classify", source, epochs=1)
    train(wanted, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    (source / "lying").rename(source / "zlying")
    with pytest.raises(CheckpointError, match=r"is not what the run in \S+ began with"):
        train(wanted, tmp_path / "run", resume=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_bad_data_leave_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        train(recipe("classify", tmp_path / "nothere"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="is a file"):
        train(recipe("classify", tmp_path / "nothere"), tmp_path / "file")


def test_validation_photos_without_objects_are_refused_before_training(tmp_path: Path) -> None:
    table = write_boxes(tmp_path / "squares", 12)
    head, *rows = table.read_text().splitlines()
    splits = ["val" if number < 3 else "test" if number < 6 else "train" for number in range(12)]
    empty = [
        f"{row.split(',')[0]},,,,,,{split}" if split == "val" else f"{row},{split}"
        for row, split in zip(rows, splits, strict=True)
    ]
    table.write_text("\n".join([f"{head},split", *empty]))
    with pytest.raises(DataError, match="none of the 3 photos in val shows anything"):
        train(recipe("detect", table), tmp_path / "run")


@pytest.mark.parametrize("loaders", ["0", "1"])
def test_a_photo_that_goes_while_it_trains_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaders: str
) -> None:
    monkeypatch.setenv("TAGMILL_LOADERS", loaders)
    source = write_class_folders(tmp_path / "bars")

    class Thief(Silence):
        def prepared(self, data: Prepared, resumed: int) -> None:
            if not resumed:
                (source / "lying" / "bar-000.png").rename(tmp_path / "stolen.png")
                for path in source.glob("*/*.png"):
                    path.write_bytes(path.read_bytes()[:100])

    wanted = recipe("classify", source, epochs=1)
    with crew("cpu") as ours, pytest.raises(TrainingError, match=r"^\S+ was read when the run began") as told:
        Run(wanted, tmp_path / "run", ours, Thief()).train()
    assert "\n" not in str(told.value)


def test_a_checkpoint_of_another_architecture_is_named(tmp_path: Path) -> None:
    source = write_class_folders(tmp_path / "bars")
    train(recipe("classify", source, epochs=1), tmp_path / "one")
    network = {"network.builder": "torchvision:mobilenet_v3_small", "network.pretrained": "none"}
    other = recipe("classify", source, epochs=2, **network)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "recipe.yaml").write_text(other.to_yaml())
    (tmp_path / "two" / "checkpoint.pt").write_bytes((tmp_path / "one" / "checkpoint.pt").read_bytes())
    with pytest.raises(CheckpointError, match="of another network"):
        train(other, tmp_path / "two", resume=True)
    (tmp_path / "two" / "checkpoint.pt").write_bytes(b"half a check")
    with pytest.raises(CheckpointError, match="cannot be read"):
        train(other, tmp_path / "two", resume=True)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run stops with a sentence, and goes on from there when there is room."""
    wanted = recipe("classify", write_class_folders(tmp_path / "bars"), epochs=2)
    real, writes = os.fsync, []

    def full(descriptor: int) -> None:
        writes.append(descriptor)
        if len(writes) == 7:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match=r"No space left on device; make room, then go on with --resume"):
        train(wanted, tmp_path / "run")
    assert not list((tmp_path / "run").glob(".writing-*"))
    assert not (tmp_path / "run" / "spec.yaml").exists()
    assert len(train(wanted, tmp_path / "run", resume=True)["history"]) == 2
