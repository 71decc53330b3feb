"""`tagmill train` before the training: what was asked for, as a recipe; and sentences where it is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from models.errors import RecipeError, TrainingError
from models.training.teaching import _link
from tests.workers.conftest import tiny_recipe
from workers.cli.main import app
from workers.cli.train import _changes, _rooted

ROOT = Path(__file__).parents[2]


def test_paths_of_the_recipe_start_from_the_root_and_words_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in ("none", "starter", "published"):
        assert _rooted(tiny_recipe("photos", **{"network.pretrained": word})).network.pretrained == word
    found = _rooted(tiny_recipe("photos", **{"network.pretrained": "mine/w.pt", "data.photos": "here"}))
    assert found.network.pretrained == str(tmp_path / "mine" / "w.pt")
    assert (found.data.source, found.data.photos) == (str(tmp_path / "photos"), str(tmp_path / "here"))
    assert _rooted(found) == found


@pytest.mark.parametrize("pair", ["augment=[1", "name: x=a: b: c", "name=2026-02-30", "name='"])
def test_a_value_that_cannot_be_read_is_named(pair: str) -> None:
    with pytest.raises(RecipeError, match="the value is no YAML"):
        _changes([pair], {})


def test_a_device_is_one_of_three() -> None:
    found = CliRunner().invoke(app, ["train", "classify", "--device", "tpu"])
    assert found.exit_code == 2
    assert "'tpu' is not one of" in found.output


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_a_sentence() -> None:
    found = CliRunner().invoke(app, ["train", "classify", "--data", "x", "--device", "cuda"])
    assert isinstance(found.exception, TrainingError)  # exit code 2
    assert "torch sees no GPU here" in str(found.exception)


TOGETHER = """
import os, sys
from pathlib import Path
from models.errors import DataError
from models.training.crew import crew
from workers.cli.train import _by_lead

def make():
    Path(sys.argv[1], f"made-by-{os.environ['RANK']}").touch()
    if sys.argv[2] == "fails":
        raise DataError("no photo")
    return "/photos"

with crew("cpu") as ours:
    try:
        said = _by_lead(ours, make)
    except BaseException as error:
        said = type(error).__name__
    Path(sys.argv[1], f"{ours.part}-{said.strip('/')}").touch()
"""


@pytest.mark.parametrize(
    ("how", "said"), [("works", {"0-photos", "1-photos"}), ("fails", {"0-DataError", "1-Exit"})]
)
def test_of_several_processes_the_lead_alone_fetches_photos(tmp_path: Path, how: str, said: set[str]) -> None:
    (tmp_path / "told").mkdir()
    (tmp_path / "together.py").write_text(TOGETHER)
    both = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    argv = [*both, str(tmp_path / "together.py"), str(tmp_path / "told"), how]
    subprocess.run(argv, cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True)
    assert {path.name for path in (tmp_path / "told").iterdir()} == {"made-by-0", *said}


def test_a_teachers_photos_may_be_linked_by_several_at_once(tmp_path: Path) -> None:
    link, target = tmp_path / "taught" / "images", tmp_path / "photos"
    target.mkdir()
    _link(link, tmp_path / "elsewhere")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _link(link, target), range(200)))
    assert [path.readlink() for path in link.parent.iterdir()] == [target]
