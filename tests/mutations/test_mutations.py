"""Each part of the protocol and each guard is there for a reason: without it, a test that is named here fails.

A copy of the code is made, one thing is taken out of it, and the named test is run in the copy. It must fail.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutations import doors, found, manifests, messages, photos, protocol, secrets, urls
from tests.mutations.mutation import Mutation

ROOT = Path(__file__).parents[2]
CODE = (
    *("catalog", "models", "workers", "migrations", "tests", "supply"),
    *("pyproject.toml", "README.md", "Makefile", "Dockerfile"),
)
PARTS = (protocol, photos, manifests, urls, messages, doors, secrets, found)
MUTATIONS = [mutation for part in PARTS for mutation in part.MUTATIONS]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code, to be broken."""
    folder = tmp_path_factory.mktemp("copy")
    for name in CODE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    where = [sys.executable, "-c", "import catalog, workers; print(catalog.__file__, workers.__file__)"]
    printed = subprocess.run(where, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert printed.count(str(folder)) == 2, "the copy is not what its tests would import"
    return folder


def test_each_mutation_finds_its_guard() -> None:
    """By default, too: code moves on, and nobody runs the mutations for it."""
    lost = [one.name for one in MUTATIONS if (ROOT / one.file).read_text().count(one.old) != 1]
    assert not lost, "the code has moved on: mend these mutations"


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_with_all_parts_in_place_the_named_tests_pass(copy: Path) -> None:
    """Else one that fails in the copy for another reason would count as a catch."""
    code, printed = run(copy, *sorted({mutation.test for mutation in MUTATIONS}))
    assert code == 0, printed[-3000:]


@pytest.mark.chaos
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_without_it_a_test_fails(copy: Path, mutation: Mutation) -> None:
    file = copy / mutation.file
    before = file.read_text()
    assert before.count(mutation.old) == 1, "the code has moved on: mend this mutation"
    file.write_text(before.replace(mutation.old, mutation.new))
    try:
        code, printed = run(copy, mutation.test)
    finally:
        file.write_text(before)
    assert code == 1, f"survived, or never ran (exit {code}):\n{printed[-3000:]}"
    assert " failed" in printed


def run(copy: Path, *tests: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(argv, cwd=copy, capture_output=True, text=True, check=False, timeout=580)
    return done.returncode, done.stdout
