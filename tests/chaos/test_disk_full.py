"""The disk under the services is full: they fail, and when there is space again nothing is missing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.chaos.arena import Arena
from tests.chaos.conftest import SEED
from tests.chaos.fault import Fault
from tests.chaos.shop import MASK, TYPE, copy_of, open_shop
from tests.chaos.tally import Tally
from workers.embedded import services
from workers.embedded.errors import ServiceError

SLOWLY = Fault("slowly", "forward", "pause", always=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 700 MB."""
    if os.geteuid() != 0:
        pytest.skip("a disk of its own needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700m,mode=755", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    services.down(folder / "home")
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.chaos
def test_the_disk_is_full_for_a_while(small_disk: Path, tmp_path: Path, tally: Tally) -> None:
    home = small_disk / "home"
    shop = open_shop(services.up(home), home, tmp_path / "photos", 1000)
    url, store = copy_of(shop, f"full_{uuid4().hex[:8]}")
    arena = Arena(shop, "test_the_disk_is_full_for_a_while", url, store, tmp_path, tally, f"{SEED}:disk")
    try:
        arena.order(1000, TYPE)
        arena.order(300, MASK)
        arena.start(SLOWLY)
        arena.wait_until(lambda: arena.done() > 0, 60, "no start")
        arena.fault("disk full")
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        time.sleep(8)
        ballast.unlink()
        for _ in range(10):  # Postgres may have stopped, and recovers
            with contextlib.suppress(ServiceError):
                services.up(home)
                break
            time.sleep(1)
        arena.finish_supervised(SLOWLY)
    finally:
        arena.stop()
        arena.engine.dispose()
