"""`tagmill export` as a process: killed, interrupted, out of disk, and what it prints."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.export.state import FILE
from tests.catalog.exported import fill_shop, read, shown
from tests.catalog.shop import execute, rows
from tests.workers.pictures import add_pictures
from workers.runtime import Runtime

COMMAND = [sys.executable, "-m", "workers.cli", "export"]


@pytest.fixture
def shop(engine: sa.Engine, tagmill_environment: dict[str, str]) -> sa.Engine:
    fill_shop(engine)
    return engine


def run(*arguments: str, expect: int = 0, before: Callable[[], None] | None = None) -> tuple[str, str]:
    """What a command prints: standard output, and standard error as one line."""
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, preexec_fn=before
    )
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, " ".join(done.stderr.split())


FAR_AWAY = """
    INSERT INTO images (id, sha256, object_key, format, bytes, width, height) OVERRIDING SYSTEM VALUE
    SELECT max(id) + 400, 'far away', 'images/far-away', 'JPEG', 1, 1, 1 FROM images
"""


def stopped(shop: sa.Engine, folder: Path, number: int, *arguments: str) -> tuple[int, str]:
    """A command to which a signal is sent in the midst of its parts: exit code, standard error."""
    execute(shop, FAR_AWAY)  # so that there are hundreds of ranges, and none is late to stop it
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background of a script, SIGINT is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (folder / FILE).exists() or progress(folder)["ranges_done"] < 2:
        assert time.monotonic() < deadline, "no part was finished"
        time.sleep(0.001)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


def progress(folder: Path) -> Any:
    return json.loads((folder / FILE).read_text())


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_killed_and_run_again_no_row_is_lost_or_doubled(shop: sa.Engine, tmp_path: Path, format: str) -> None:
    folder = tmp_path / "out"
    arguments = ("tags", str(folder), "--part", "1", "--format", format)
    code, _ = stopped(shop, folder, signal.SIGKILL, *arguments)
    assert code == -signal.SIGKILL
    killed = progress(folder)
    assert killed["finished_at"] is None, "killed too late"
    done = json.loads(run(*arguments, "--json")[0])
    assert read(folder) == shown(shop, "tags", as_text=format == "csv")
    assert (done["job_id"], done["rows"]) == (killed["job_id"], len(shown(shop, "tags")))
    assert not list(folder.glob(".*"))
    assert rows(shop, "SELECT kind, state FROM job_progress") == [("export", "finished")]


def test_interrupted_it_says_how_to_go_on(shop: sa.Engine, tmp_path: Path) -> None:
    code, said = stopped(shop, tmp_path, signal.SIGINT, "detections", str(tmp_path), "--part", "1")
    assert code == 130, said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    run("detections", str(tmp_path), "--part", "1")
    assert read(tmp_path) == shown(shop, "detections")


@pytest.mark.parametrize(("what", "limit"), [("segments", 1500), ("embeddings", 900)])
def test_on_a_full_disk_no_half_part_has_a_name_and_it_goes_on_when_there_is_room(
    shop: sa.Engine, tmp_path: Path, what: Any, limit: int
) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    arguments = (what, str(tmp_path), "--part", "10")
    _, said = run(*arguments, expect=1, before=little_room)
    assert f"cannot write {tmp_path}/part-000001.parquet: File too large" in said
    assert "make room, then run the same command again" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE]
    ((stage, reason),) = rows(shop, "SELECT stage, reason FROM failures")
    assert stage == "export"
    assert "make room" in reason
    run(*arguments)
    assert read(tmp_path) == shown(shop, what)


def test_a_folder_that_cannot_be_made_is_named(shop: sa.Engine) -> None:
    assert "cannot write /proc/none" in run("tags", "/proc/none", expect=1)[1]
    assert rows(shop, "SELECT FROM jobs WHERE closed_at IS NULL") == []


def test_a_finished_export_says_so(shop: sa.Engine, tmp_path: Path) -> None:
    folder = str(tmp_path / "out")
    assert "models     classify@1" in run("tags", folder)[0]
    assert "--again makes it anew" in run("tags", folder)[0]


def test_photos_that_failed_are_named_and_the_exit_code_is_3(runtime: Runtime, tmp_path: Path) -> None:
    pictures = add_pictures(runtime, 3)
    ((key,),) = rows(runtime.engine, "SELECT object_key FROM images WHERE id = :id", id=pictures[0].id)
    runtime.store.delete(key)
    printed, said = run("cutouts", str(tmp_path / "out"), "--json", expect=3)
    assert (json.loads(printed)["rows"], json.loads(printed)["failed"]) == (2, 1)
    assert f"failed {key}" in said
