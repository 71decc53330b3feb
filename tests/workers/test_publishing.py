"""From a finished run to a candidate: it is the network that was trained, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from catalog import promotion, versions
from catalog.versions import Version
from models.digest import sha256_of
from models.errors import SpecError, TrainingError, WeightsError
from workers import registry
from workers.runtime import Runtime
from workers.training.publishing import publish


def registered(runtime: Runtime) -> list[Version]:
    with runtime.engine.connect() as connection:
        return versions.every(connection)


def alter_spec(run: Path, **changes: Any) -> None:
    fields = yaml.safe_load((run / "spec.yaml").read_text())
    (run / "spec.yaml").write_text(yaml.safe_dump({**fields, **changes}))


def test_a_run_becomes_a_candidate_with_its_figures_and_what_it_learnt_from(
    runtime: Runtime, finished_run: Path, tmp_path: Path
) -> None:
    """Also where it is the first of its name: nothing that was trained serves by itself."""
    version, new = publish(runtime, finished_run, {})
    assert (version.key, version.state, new) == ("bars@1", "candidate", True)
    report = json.loads((finished_run / "report.json").read_text())
    assert version.spec["metrics"] == report["test"]
    training = version.spec["training"]
    assert len(training["fingerprint"]) == 64
    assert sum(training["photos"].values()) == 40
    assert training["recipe"] == yaml.safe_load((finished_run / "recipe.yaml").read_text())
    fetched = registry.weights_file(runtime.store, tmp_path / "weights", version)
    assert sha256_of(fetched) == version.weights_sha256 == sha256_of(finished_run / "weights.safetensors")


def test_publishing_twice_adds_nothing(runtime: Runtime, finished_run: Path) -> None:
    first, _ = publish(runtime, finished_run, {})
    assert publish(runtime, finished_run, {}) == (first, False)
    assert registered(runtime) == [first]


def test_name_and_ingest_can_be_chosen_and_nothing_absurd(runtime: Runtime, finished_run: Path) -> None:
    version, _ = publish(runtime, finished_run, {"name": "shelves", "on_ingest": False})
    assert (version.key, version.on_ingest) == ("shelves@1", False)
    with pytest.raises(SpecError, match="name"):
        publish(runtime, finished_run, {"name": "No Name"})
    assert len(registered(runtime)) == 1


def test_a_second_run_is_the_next_version_and_the_first_goes_on_serving(
    runtime: Runtime, finished_run: Path
) -> None:
    publish(runtime, finished_run, {})
    with runtime.engine.begin() as connection:
        promotion.promote(connection, "bars@1")
    alter_spec(finished_run, preprocessing={"size": 40, "fit": "squash", "interpolation": "bicubic"})
    version, new = publish(runtime, finished_run, {})
    assert (version.key, version.state, new) == ("bars@2", "candidate", True)
    assert [one.state for one in registered(runtime)] == ["serving", "candidate"]


def flip_a_bit(run: Path) -> None:
    data = bytearray((run / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (run / "weights.safetensors").write_bytes(data)


def other_weights(run: Path) -> None:
    """With the hash that belongs to them: only the network's answers tell."""
    weights = run / "weights.safetensors"
    save_file({name: tensor * 1.5 for name, tensor in load_file(weights).items()}, weights)
    alter_spec(run, sha256=sha256_of(weights))


def other_architecture(run: Path) -> None:
    alter_spec(run, builder="torchvision:squeezenet1_0")


def other_preprocessing(run: Path) -> None:
    alter_spec(run, preprocessing={"size": 40, "fit": "squash", "mean": [0, 0, 0], "std": [1, 1, 1]})


def half_a_probe(run: Path) -> None:
    (run / "probe.safetensors").write_bytes(b"half a pro")


def probe_without_answers(run: Path) -> None:
    save_file({"input": torch.zeros((1, 3, 40, 40), dtype=torch.uint8)}, run / "probe.safetensors")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (flip_a_bit, "SHA-256"),
        (other_weights, r"answers otherwise than when it was trained"),
        (other_architecture, "does not fit the network"),
        (other_preprocessing, r"answers otherwise than when it was trained"),
        (half_a_probe, "cannot be read"),
        (probe_without_answers, "holds no answers"),
    ],
)
def test_what_is_not_the_network_that_was_trained_is_refused(
    runtime: Runtime, finished_run: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    damage(finished_run)
    with pytest.raises(WeightsError, match=sentence):
        publish(runtime, finished_run, {})
    assert registered(runtime) == []


def no_spec(run: Path) -> None:
    (run / "spec.yaml").unlink()


def no_weights(run: Path) -> None:
    (run / "weights.safetensors").unlink()


def half_a_spec(run: Path) -> None:
    (run / "spec.yaml").write_text("name: bars\n")


def no_mapping(run: Path) -> None:
    (run / "spec.yaml").write_text("- a list\n")


def no_hash(run: Path) -> None:
    alter_spec(run, sha256=None)


def unknown_builder(run: Path) -> None:
    alter_spec(run, builder="torchvision:nothing")


def emptied(run: Path) -> None:
    for path in run.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (no_spec, r"is not finished; go on with `tagmill train --resume --out .*bars-1`"),
        (emptied, "no run of `tagmill train`"),
        (no_weights, r"has no weights.safetensors; remove spec.yaml and go on with"),
        (half_a_spec, "is damaged"),
        (no_mapping, "is damaged"),
        (no_hash, "sha256 of the weights file is needed"),
        (unknown_builder, "is damaged"),
    ],
)
def test_a_run_that_is_not_whole_is_refused_with_the_way_on(
    runtime: Runtime, finished_run: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    damage(finished_run)
    with pytest.raises(TrainingError, match=sentence):
        publish(runtime, finished_run, {})
    assert registered(runtime) == []


def test_a_folder_that_is_not_there_is_named(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no run in"):
        publish(runtime, tmp_path / "nowhere", {})
