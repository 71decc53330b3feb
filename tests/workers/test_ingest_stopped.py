"""`tagmill ingest` as a process that somebody stops: it says how to go on, and status says that it was stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from tests.catalog.shop import rows

COMMAND = [sys.executable, "-m", "workers.cli", "ingest"]
PHOTOS = 4000
STATES = "SELECT state, error FROM job_progress ORDER BY job_id"
FAILURES = "SELECT stage, code, reason FROM failures"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(7).integers(0, 256, (16, 16, 3), np.uint8)
    for number in range(PHOTOS):
        pixels[0, :2, 0] = divmod(number, 256)
        Image.fromarray(pixels).save(folder / f"SKU-{number}.png")
    return folder


@pytest.mark.usefixtures("tagmill_environment")
def test_stopped_it_says_so_and_goes_on(engine: sa.Engine, folder: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, str(folder), "--threads", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        # Where the tests run in the background of a script, SIGINT is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not rows(engine, "SELECT id FROM images LIMIT 1"):
        assert time.monotonic() < deadline, "nothing was committed"
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert "stopped; the same command goes on" in said
    assert "Traceback" not in said
    ((taken,),) = rows(engine, "SELECT count(*) FROM images")
    assert 0 < taken < PHOTOS
    ((state, why),) = rows(engine, STATES)
    assert (state, why) == ("failed", "it was stopped before its end")
    assert rows(engine, FAILURES) == [("ingest", "ingest_failed", why)]

    done = subprocess.run([*COMMAND, str(folder), "--json"], capture_output=True, text=True, check=True)
    summary = json.loads(done.stdout)
    assert (summary["photos"], summary["photos_new"]) == (PHOTOS, PHOTOS - taken)
    assert [state for state, _ in rows(engine, STATES)] == ["failed", "finished"]
    assert rows(engine, FAILURES) == []
