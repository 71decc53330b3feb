"""`tagmill evaluate`: a model's figures on any labelled photos, and sentences where they do not fit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import DataError, TrainingError
from models.training.evaluate import data_for, evaluate
from workers.runtime import Runtime
from workers.training.evaluating import predictor_for
from workers.training.publishing import publish, spec_of


def tagmill(folder: Path, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "workers.cli", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False, env={**os.environ}
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def figures_of_training(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "report.json").read_text())["test"]
    return found


def test_a_registered_version_gets_the_figures_that_its_training_reported(
    runtime: Runtime, finished_run: Path, bars: Path, tmp_path: Path
) -> None:
    """The same photos are in test, though the spec alone is left of the run, and another version serves."""
    publish(runtime, finished_run, {})
    arguments = ("evaluate", "bars@1", "--data", str(bars), "--json")
    said = json.loads(tagmill(tmp_path, *arguments).stdout)
    report = json.loads((tmp_path / said["out"] / "report.json").read_text())
    assert said["out"] == "evaluations/bars@1-1"
    assert report["test"] == pytest.approx(figures_of_training(finished_run), nan_ok=True)
    assert "bars@1" in (tmp_path / said["out"] / "report.html").read_text()
    assert json.loads(tagmill(tmp_path, *arguments).stdout)["out"] == "evaluations/bars@1-2"


def test_an_unknown_label_is_a_sentence_and_exit_code_2(
    tagmill_environment: dict[str, str], finished_run: Path, bars: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(bars, tmp_path / "data"))
    (data / "upright").rename(data / "standing")
    done = tagmill(tmp_path, "evaluate", str(finished_run), "--data", str(data), expect=2)
    assert "has the label 'standing', which bars@1 lacks; its labels are lying, upright" in " ".join(
        done.stderr.split()
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "evaluations").exists()


@pytest.mark.parametrize(("part", "count"), [("all", 40), ("train", None), ("val", None), ("test", None)])
def test_each_part_can_be_measured_of_a_run_that_was_not_published(
    finished_run: Path, bars: Path, part: Any, count: int | None
) -> None:
    predictor = predictor_for(str(finished_run), "cpu")  # asks for no service
    spec = spec_of(finished_run)
    report = evaluate(predictor, data_for(spec, str(bars), None), part)
    learnt: Any = spec.training["photos"]
    assert report.after.count == (learnt[part] if count is None else count)


def test_photos_that_it_learnt_from_stay_out_of_test_wherever_the_folder_is_now(
    finished_run: Path, bars: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(bars, tmp_path / "moved"))
    spec = spec_of(finished_run)
    report = evaluate(predictor_for(str(finished_run), "cpu"), data_for(spec, str(moved), None))
    assert report.after.figures == pytest.approx(figures_of_training(finished_run), nan_ok=True)


def test_data_that_are_not_there_are_named(finished_run: Path, tmp_path: Path) -> None:
    predictor, spec = predictor_for(str(finished_run), "cpu"), spec_of(finished_run)
    with pytest.raises(DataError, match="there is nothing at"):
        evaluate(predictor, data_for(spec, str(tmp_path / "nothing"), None))


@pytest.mark.parametrize("missing", ["o/missing", "Missing", "bars@one", "../bars"])
def test_a_run_that_is_not_there_is_named_and_no_service_is_asked(tmp_path: Path, missing: str) -> None:
    with pytest.raises(TrainingError, match=f"there is no run in {missing}; name the folder"):
        predictor_for(str(missing), "cpu")


def test_altered_weights_of_a_run_are_wrong_usage_as_for_train(finished_run: Path) -> None:
    with (finished_run / "weights.safetensors").open("ab") as file:
        file.write(b"!")
    with pytest.raises(TrainingError, match="SHA-256"):
        predictor_for(str(finished_run), "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_a_sentence(finished_run: Path) -> None:
    with pytest.raises(TrainingError, match="torch sees no GPU here"):
        predictor_for(str(finished_run), "cuda")
