"""Ingest: two at once with the same photos, and killed anywhere."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from catalog.orphans import collect
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
        time.sleep(arena.random.uniform(1.5, 5))
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


@pytest.mark.chaos
def test_what_a_killed_ingest_uploaded_is_collected_and_nothing_else(arena: Arena) -> None:
    """Killed between upload and commit, and never run again; workers and another ingest go on meanwhile."""
    abandoned = write_catalog(arena.folder / "abandoned", 600, start=50_000)
    before = set(arena.store.list("images/"))
    for _ in range(20):
        ingest = start_ingest(arena, abandoned)
        arena.wait_until(lambda: uploaded(arena, before), 60, "no upload")
        arena.fault("SIGKILL of an ingest")
        ingest.send_signal(signal.SIGKILL)
        ingest.wait(30)
        if orphans(arena):
            break
    committed = {sha for (sha,) in arena.rows("SELECT sha256 FROM images")}
    arena.accepted |= {(sha, TYPE) for (sha,) in arena.rows(PLANNED)}
    arena.photos += len(arena.accepted)
    kept = write_catalog(arena.folder / "kept", 300, start=60_000)
    accept(arena, arena.folder / "kept")
    arena.start()
    going_on = start_ingest(arena, kept)
    while going_on.poll() is None:
        collect(arena.engine, arena.store, older_than=timedelta(), delete=True)
    collect(arena.engine, arena.store, older_than=timedelta(), delete=True)
    arena.finish()
    assert going_on.returncode == 0
    assert not orphans(arena)
    stored = {Path(key).stem for key in arena.store.list("images/")}
    assert committed <= stored


PLANNED = "SELECT i.sha256 FROM work_items w JOIN images i ON i.id = w.image_id"


def uploaded(arena: Arena, before: set[str]) -> bool:
    folder = arena.shop.home / "s3" / arena.store.bucket / "images"
    return sum(len(files) for _, _, files in os.walk(folder)) > len(before)


def orphans(arena: Arena) -> int:
    named = {key for (key,) in arena.rows("SELECT object_key FROM images")}
    return len(set(arena.store.list("images/")) - named)
