"""Files that describe: a model's spec and a training's recipe, as YAML and as JSON."""

from __future__ import annotations

import tempfile
from pathlib import Path

from models.errors import RecipeError, SpecError
from models.spec import ModelSpec
from models.training import recipe
from tests.fuzz.seeds.described import specs
from tests.fuzz.target import Target
from workers.cli.models import read_spec

_FOLDER = tempfile.TemporaryDirectory()
_FILE = Path(_FOLDER.name) / "spec.yaml"


def check(data: bytes) -> None:
    _FILE.write_bytes(data)
    _spec(data)
    try:
        found = recipe.load(str(_FILE))
    except RecipeError as error:
        _sentence(error)
        return
    assert recipe.parse(found.model_dump(mode="json"), "again") == found


def _spec(data: bytes) -> None:
    for parse in (lambda: ModelSpec.parse(data), lambda: ModelSpec.parse(read_spec(_FILE))):
        try:
            spec = parse()
        except SpecError as error:
            _sentence(error)
            continue
        assert ModelSpec.parse(spec.to_json()) == spec


def _sentence(error: Exception) -> None:
    assert 10 < len(str(error)) < 20_000, len(str(error))


TARGET = Target("specs", specs, check)
