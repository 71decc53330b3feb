"""The house's floor plan, enforced: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = {"catalog", "models", "workers", "migrations"}

# The part of models/ that is free of torch, which the catalog may read.
PLAIN_MODELS = {
    "models.predictions",
    "models.photo",
    "models.errors",
    "models.files",
    "models.spreadsheets",
    "models.facts.palette",
}

FORBIDDEN = {
    "models": {
        "catalog",
        "workers",
        "migrations",
        "sqlalchemy",
        "psycopg2",
        "redis",
        "celery",
        "kombu",
        "minio",
    },
    "catalog": {"workers", "celery", "kombu", "redis", "torch", "torchvision", "typer", "rich"},
    "migrations": {"workers", "models", "celery", "torch"},
}


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"{folder}/ has no Python files"
    return found


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_shut_doors_stay_shut(folder: str) -> None:
    opened = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files(folder)
        for name in imports(file)
        if name.split(".")[0] in FORBIDDEN[folder]
    }
    assert not opened


def test_catalog_reads_only_the_plain_part_of_models() -> None:
    opened = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files("catalog")
        for name in imports(file)
        if name.startswith("models") and not any(name == m or name.startswith(f"{m}.") for m in PLAIN_MODELS)
    }
    assert not opened


@pytest.mark.parametrize("module", sorted(PLAIN_MODELS))
def test_plain_models_need_no_torch(module: str) -> None:
    """Follow the imports inside the house: none of what they lead to imports torch."""
    seen: set[str] = set()
    waiting = [module, "models"]
    while waiting:
        name = waiting.pop()
        path = ROOT / Path(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in seen or not file.is_file():
            continue
        seen.add(name)
        found = set(imports(file))
        assert not {n for n in found if n.split(".")[0] in {"torch", "torchvision"}}, f"{name} imports torch"
        waiting += [n for n in found if n.split(".")[0] in HOUSE]


def test_no_module_imports_a_later_stage_of_the_pipeline() -> None:
    """fetch → infer → store: each stage is handed to the pipeline and knows none that comes after it."""
    for earlier, later in (("fetching", "inference"), ("fetching", "storing"), ("inference", "storing")):
        found = set(imports(ROOT / "workers" / f"{earlier}.py"))
        assert f"workers.{later}" not in found, f"workers/{earlier}.py imports workers.{later}"
