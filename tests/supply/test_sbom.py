"""The list of parts: valid, whole, and true of the files that lie here."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from supply.locked import FOLDER, read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("sbom") / "dist" / "tagmill.cdx.json"
    subprocess.run([sys.executable, "-W", "error", "-m", "supply.sbom", str(file)], cwd=ROOT, check=True)
    return file.read_text()


@pytest.fixture(scope="module")
def parts(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["components"]
    return found


def test_it_is_valid_cyclonedx(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"name"', '"nome"')) is not None


def test_every_locked_release_is_listed_with_its_hashes(parts: list[dict[str, Any]]) -> None:
    listed = {part["purl"]: part for part in parts if "purl" in part}
    locked = read(FOLDER / "requirements.lock")
    assert set(listed) == {f"pkg:pypi/{one.name}@{one.version}" for one in locked}
    for one in locked:
        (files,) = listed[f"pkg:pypi/{one.name}@{one.version}"]["externalReferences"]
        assert {f"sha256:{found['content']}" for found in files["hashes"]} == set(one.hashes)


def test_what_is_bundled_is_hashed_as_it_lies_here(parts: list[dict[str, Any]]) -> None:
    bundled = {part["properties"][0]["value"]: part for part in parts if "purl" not in part}
    for file, part in bundled.items():
        assert part["hashes"] == [
            {"alg": "SHA-256", "content": sha256((ROOT / file).read_bytes()).hexdigest()}
        ]
        assert part["licenses"]
    weights = json.loads((ROOT / "models/starter/weights/hashes.json").read_text())
    for name, known in weights.items():
        assert bundled[f"models/starter/weights/{name}"]["hashes"][0]["content"] == known


def test_nothing_of_others_lies_here_unlisted(parts: list[dict[str, Any]]) -> None:
    listed = {part["properties"][0]["value"] for part in parts}
    folders = ("models", "workers", "catalog")
    suffixes = (".safetensors", ".pt", ".onnx", ".min.js", ".woff2", ".csv", ".png", ".parquet")
    found = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.name.endswith(suffixes)
    }
    assert len(found) > 5
    assert found <= listed


def test_licences_are_told(parts: list[dict[str, Any]]) -> None:
    told = {part["name"]: part["licenses"] for part in parts if part.get("licenses")}
    assert told["celery"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert told["tagmill-starter"] == [{"expression": "MIT AND Apache-2.0"}]
    assert told["u2netp"] == [{"license": {"id": "Apache-2.0"}}]
    assert told["fashion-mnist-sample"] == [{"license": {"id": "MIT"}}]
    assert len(told) > 0.9 * len(parts)
