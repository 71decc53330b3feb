"""Files that describe: a model's spec and a training's recipe, as YAML and as JSON."""

from __future__ import annotations

import tempfile
from pathlib import Path

from models.errors import RecipeError, SpecError
from models.spec import ModelSpec
from models.training import recipe
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


def _seeds() -> tuple[bytes, ...]:
    spec = b"""name: shoes
version: 1
task: classify
builder: torchvision:resnet18
weights: shoes.safetensors
sha256: a000000000000000000000000000000000000000000000000000000000000000
labels: [boot, sandal, "yes"]
preprocessing: {size: 224, fit: crop, resize: 256, mean: [0.5, 0.5, 0.5], std: [1, 1, 1]}
options: {top_k: 3, threshold: 0.5, class_ids: [0, 1, 2], builder: {width: 2}}
metrics: {accuracy: 0.9}
training: {when: "2026-11-29", nested: {a: [1, 2, {b: null}]}}
description: |
  Shoes.
"""
    recipes = (path.read_bytes() for path in sorted(Path(str(recipe.SHIPPED)).glob("*.yaml")))
    odd = b"name: &a [*a]\nversion: 2026-02-30\ntask: !!python/object:os.system x\nlabels: !!binary aGk=\n<<: {a: 1}\n"
    bomb = b"a: &a [x, x]\n" + b"".join(
        b"%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n" % (k, k, *[k - 1] * 8) for k in range(98, 108)
    )
    json = ModelSpec.parse(read_yaml(spec)).to_json().encode()
    return (
        spec,
        json,
        *recipes,
        odd,
        spec.replace(
            b"training: {", bomb.replace(b"a: &a", b"training:\n a: &a").replace(b"\n", b"\n ") + b"x: {"
        ),
        b"task: 12:30:45\n" + b"- " * 200,
    )


def read_yaml(data: bytes) -> dict[str, object]:
    _FILE.write_bytes(data)
    return read_spec(_FILE)


TARGET = Target("specs", _seeds, check)
