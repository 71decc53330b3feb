"""What tests of the running system share: its parts on real services, and a training run that is over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.training.crew import crew
from models.training.recipe import Recipe, parse
from models.training.told import Silence
from models.training.train import Run
from tests.models.training.photos import write_class_folders
from workers.runtime import Runtime
from workers.settings import Settings


def tiny_recipe(source: str, **changes: Any) -> Recipe:
    """A classifier that learns in a second, from photos of 40 pixels; how well makes no difference."""
    fields = {
        "name": "bars",
        "task": "classify",
        "data": {"source": source, "val": 0.25, "test": 0.25},
        "network": {"builder": "torchvision:squeezenet1_1", "pretrained": "none"},
        "preprocessing": {"size": 40, "fit": "squash"},
        "augment": {"crop": "none"},
        "batch": 8,
        "epochs": 1,
    }
    return parse(fields, "test").with_changes(changes)


@pytest.fixture
def runtime(tagmill_environment: dict[str, str]) -> Iterator[Runtime]:
    """A process's way to this test's own database and bucket."""
    made = Runtime(Settings())
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty photos in two class folders."""
    return write_class_folders(tmp_path_factory.mktemp("bars"), 40)


@pytest.fixture(scope="session")
def _finished(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "bars-1"
    with pytest.MonkeyPatch.context() as patch, crew("cpu") as ours:
        patch.setenv("TAGMILL_LOADERS", "0")
        Run(tiny_recipe(str(bars)), folder, ours, Silence()).train()
    return folder


@pytest.fixture
def finished_run(_finished: Path, tmp_path: Path) -> Path:
    """The folder of a finished run, this test's own."""
    return Path(shutil.copytree(_finished, tmp_path / "runs" / "bars-1"))
