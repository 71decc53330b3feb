"""Ingest: two at once with the same photos, and killed anywhere."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.photos import write_catalog
from tests.chaos.arena import ROOT, Arena
from tests.chaos.shop import TYPE

INGEST = [sys.executable, "-m", "workers.cli", "ingest"]


def accept(arena: Arena, folder: Path) -> None:
    """What the oracle knows from the files themselves."""
    photos = {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.png")}
    arena.accepted |= {(photo, TYPE) for photo in photos}
    arena.photos += len(photos)


def start_ingest(arena: Arena, manifest: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*INGEST, str(manifest), "--model", TYPE, "--json"],
        cwd=ROOT,
        env={**os.environ, **arena.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_the_same_photos_in_two_manifests_at_once(arena: Arena) -> None:
    folder = arena.folder / "new"
    manifest = write_catalog(folder, 400, start=20_000)
    other = manifest.with_name("other.csv")
    other.write_text(manifest.read_text().replace("SKU-", "OTHER-"))
    accept(arena, folder)
    arena.start()
    arena.fault("two ingests at once")
    ingests = [start_ingest(arena, path) for path in (manifest, other, manifest)]
    assert [ingest.wait(120) for ingest in ingests] == [0, 0, 0]
    arena.finish()
    new = "sku LIKE 'SKU-2____' OR sku LIKE 'OTHER-%'"
    assert arena.value(f"SELECT count(*) FROM products WHERE {new}") == 800
    query = f"SELECT count(*) FROM product_images WHERE product_id IN (SELECT id FROM products WHERE {new})"
    assert arena.value(query) == 800


@pytest.mark.chaos
def test_killed_anywhere_and_run_again(arena: Arena) -> None:
    folder = arena.folder / "new"
    manifest = write_catalog(folder, 1500, start=30_000)
    accept(arena, folder)
    arena.start()
    for _ in range(12):
        ingest = start_ingest(arena, manifest)
        arena.sleep(arena.random.uniform(1.5, 5))
        if ingest.poll() is None:
            arena.fault("SIGKILL of an ingest")
        ingest.send_signal(signal.SIGKILL)
        if ingest.wait(30) == 0:
            break
    assert start_ingest(arena, manifest).wait(120) == 0
    arena.finish()
    assert arena.value("SELECT count(*) FROM images") == arena.shop.photos + 1500
    missing = [key for (key,) in arena.rows("SELECT object_key FROM images") if not on_disk(arena, key)]
    assert not missing


def on_disk(arena: Arena, key: str) -> bool:
    return (arena.shop.home / "s3" / arena.store.bucket / key).stat().st_size > 0
