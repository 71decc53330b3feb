"""The fuzzer itself: it notices whatever a case does, a short run finds nothing, and what was found stays mended."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from PIL.PngImagePlugin import PngImageFile

from tests.fuzz.mutate import mutate, one_by_one
from tests.fuzz.parts import PNG, healed, split
from tests.fuzz.run import Run
from tests.fuzz.seeds.photos import photos
from tests.fuzz.targets import SHARES
from tests.fuzz.watch import at_hand

ROOT = Path(__file__).parents[2]
FOUND = sorted(path for path in (Path(__file__).parent / "found").iterdir() if path.suffix)

# A target whose first byte says what it does.
PLANTED = """
import ctypes, time
from tests.fuzz.target import Target
KEPT = []

def check(data):
    match data[:1]:
        case b"e":
            raise KeyError("an error that nobody promised")
        case b"h":
            while True:
                pass
        case b"c":
            ctypes.string_at(0)
        case b"m":
            bytearray(200 << 20)[::4096] = bytes(200 << 8)

TARGET = Target("planted", lambda: [b"fine"], check)
"""


def run(*argv: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *map(str, argv)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace"
    )


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    done = run(
        "tests.fuzz.mutated",
        *SHARES,
        "--seconds=10",
        "--seed=1",
        f"--folder={tmp_path}",
        f"--hand={tmp_path}/hand",
    )
    assert done.returncode == 0, (done.stderr[-3_000:], at_hand(tmp_path / "hand"))


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel here")
def test_coverage_guides_to_cases_that_chance_does_not_find(tmp_path: Path) -> None:
    plain = Run(3.0, 1, tmp_path, ("words",))
    assert plain.go()
    guided = next(part for part in plain.done if part.kind == "guided")
    assert guided.coverage > 100
    assert guided.cases > 20


def test_a_child_that_cannot_do_its_work_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SHARES, "none", 1)
    assert not Run(1.0, 1, tmp_path, ("none",)).go()
    said = capsys.readouterr().out
    assert "No module named 'tests.fuzz.targets.none'" in said
    assert f"-m tests.fuzz.again {tmp_path}/none.crash." in said


def test_what_was_found_stays_mended() -> None:
    assert FOUND
    done = run("tests.fuzz.again", *FOUND)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-3_000:]


@pytest.mark.parametrize(
    ("case", "code", "said"),
    [
        (b"fine", 0, ""),
        (b"error", 1, "an error that nobody promised"),
        (b"hang", -27, "in check"),
        (b"crash", -11, "in check"),
        (b"memory", 1, "it took 2"),
    ],
)
def test_it_notices(tmp_path: Path, case: bytes, code: int, said: str) -> None:
    """An end by a signal leaves the case in the file at hand, and the lines it came by in what was said."""
    (tmp_path / "planted.py").write_text(PLANTED)
    lines = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
from pathlib import Path; from planted import TARGET; from tests.fuzz import watch
watch.SECONDS = 0.2
one = watch.Watch(TARGET, Path({str(tmp_path)!r}), Path({str(tmp_path / "hand")!r}))
one.run(b"before"); one.run({case!r}); sys.exit(one.found)
"""
    (tmp_path / "lines.py").write_text(lines)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, tmp_path / "lines.py"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert at_hand(tmp_path / "hand") == (2, case)
    kept = [path.read_bytes() for path in tmp_path.glob("planted.*.*")]
    assert kept == ([case] if code == 1 else [])


def test_parts_are_the_file_and_a_healed_one_is_opened_again() -> None:
    for data in photos():
        assert b"".join(split(data)) == data
    png = next(data for data in photos() if data.startswith(PNG))
    wider = bytearray(png)
    wider[19] ^= 1
    with pytest.raises(SyntaxError, match="checksum"):
        PngImageFile(io.BytesIO(wider))
    assert PngImageFile(io.BytesIO(healed(bytes(wider)))).width == PngImageFile(io.BytesIO(png)).width ^ 1
    assert healed(png) == png


def test_the_same_seed_gives_the_same_cases() -> None:
    small = [data for data in photos() if len(data) < 2_000]
    first, second = ([mutate(small[0], Random(seed), small) for seed in range(50)] for _ in range(2))
    assert first == second
    assert len({*first}) > 40
    wrong = [*one_by_one(small[0])]
    assert {*range(64)} <= {len(data) for data in wrong}
    assert small[0] not in wrong
