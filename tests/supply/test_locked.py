"""What is installed is what was locked: all of it, by its hash, within the bounds of pyproject.toml."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply.locked import FOLDER, Locked, read

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
EVERYTHING, IMAGE = FOLDER / "requirements.lock", FOLDER / "image.lock"
BUILD = [line for line in (FOLDER / "build.in").read_text().splitlines() if not line.startswith("#")]
OWN_INDEX = {"torch", "torchvision"}
PYTHONS = [
    {**default_environment(), "python_version": f"3.{n}", "python_full_version": f"3.{n}.0"} for n in (11, 12)
]


def wanted(*extras: str) -> list[Requirement]:
    found = [*PROJECT["dependencies"], *BUILD, *(one for extra in extras for one in EXTRAS[extra])]
    return [Requirement(one) for one in found]


def image_extras() -> list[str]:
    return re.findall(r"--extra (\w+)", (ROOT / "Makefile").read_text())


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: str(python["python_version"]))
@pytest.mark.parametrize("lock", [EVERYTHING, IMAGE], ids=lambda lock: lock.name)
def test_every_dependency_is_locked_within_its_bounds(lock: Path, python: dict[str, str]) -> None:
    installed = {one.name: one.version for one in read(lock) if one.holds(python)}
    extras = list(EXTRAS) if lock == EVERYTHING else image_extras()
    assert extras
    due = {
        canonicalize_name(one.name): one
        for one in wanted(*extras)
        if not one.marker or one.marker.evaluate(python)
    }
    if lock == IMAGE:
        assert not OWN_INDEX & set(installed), "they come from the device's index"
        due = {name: one for name, one in due.items() if name not in OWN_INDEX}
    missing = {
        f"{one}, locked: {installed.get(name)}"
        for name, one in due.items()
        if not fits(one, installed.get(name))
    }
    assert not missing, "renew the lock: make lock"


def fits(requirement: Requirement, version: str | None) -> bool:
    return version is not None and requirement.specifier.contains(version, prereleases=True)


@pytest.mark.parametrize("lock", [EVERYTHING, IMAGE], ids=lambda lock: lock.name)
def test_every_line_of_a_lock_is_one_release_with_hashes_and_names_no_place(lock: Path) -> None:
    rows = read(lock)
    assert len(rows) > 90
    for row in rows:
        assert row.version
        assert row.requirement.url is None
        assert row.hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in row.hashes), row.name
    assert not re.search(r"://|^\s*-[^-]|^--", lock.read_text(), re.MULTILINE)


def test_the_image_is_of_the_same_releases() -> None:
    everything = {key(one): one for one in read(EVERYTHING)}
    assert all(everything.get(key(one)) is not None for one in read(IMAGE))
    assert all(set(one.hashes) == set(everything[key(one)].hashes) for one in read(IMAGE))
    torch = dict(line.split("==") for line in (FOLDER / "torch.txt").read_text().split())
    assert torch == {one.name: one.version for one in read(EVERYTHING) if one.name in OWN_INDEX}


def key(one: Locked) -> tuple[str, str]:
    return one.name, one.version


def installing(file: str) -> list[list[str]]:
    """The arguments of pip of each line in `file` that installs a lock."""
    text = (ROOT / file).read_text()
    made = text.replace(
        "$(LOCKED)", re.findall(r"^LOCKED := (.*)$", text, re.MULTILINE)[0] if "LOCKED :=" in text else ""
    )
    return [line.split() for line in re.findall(r"pip install (.*\.lock)$", made, re.MULTILINE)]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of the package `shop`, and with no more than the source of `sewn`."""
    folder = tmp_path_factory.mktemp("wheels")
    about = {
        "METADATA": "Metadata-Version: 2.1\nName: shop\nVersion: 1\n",
        "WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / "shop-1-py3-none-any.whl", "w") as wheel:
        for name, text in {**about, "RECORD": ""}.items():
            wheel.writestr(f"shop-1.dist-info/{name}", text)
    with zipfile.ZipFile(folder / "sewn-1.zip", "w") as source:
        source.writestr("sewn-1/setup.py", "from setuptools import setup\nsetup(name='sewn', version='1')\n")
    return folder


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        ("shop==1 --hash=sha256:{shop}", None),
        ("shop==1 --hash=sha256:{other}", "DO NOT MATCH THE HASHES"),
        ("shop==1", "Hashes are required"),
        ("sewn==1 --hash=sha256:{sewn}", "No matching distribution found for sewn"),
    ],
    ids=["as locked", "another file", "no hash", "a program to be built"],
)
def test_what_is_not_as_locked_is_refused(
    file: str, line: str, trouble: str | None, wheels: Path, tmp_path: Path
) -> None:
    ((*options, _, _),) = installing(file)
    hashes = {path.name.partition("-")[0]: sha256(path.read_bytes()).hexdigest() for path in wheels.iterdir()}
    lock = tmp_path / "a.lock"
    lock.write_text(line.format(**hashes, other=sha256(b"").hexdigest()) + "\n")
    where = ["--no-index", f"--find-links={wheels}", f"--target={tmp_path / 'site'}", "--isolated"]
    argv = [sys.executable, "-m", "pip", "install", *options, *where, "--requirement", str(lock)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (trouble is None), done.stderr
    assert (trouble or "") in done.stderr
