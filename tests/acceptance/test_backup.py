"""A backup taken while work goes on, restored elsewhere, and finished there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from catalog.asset_store import S3AssetStore
from tests.acceptance.conftest import System
from tests.acceptance.photos import write_catalog

PHOTOS = 120


@pytest.fixture
def elsewhere(system: System, server: Engine, store: S3AssetStore, tmp_path: Path) -> System:
    """Another machine: an empty database, an empty bucket, another queue."""
    name = f"restored_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    url = server.url.set(database=name).render_as_string(hide_password=False)
    changed = {
        "TAGMILL_DATABASE_URL": url,
        "TAGMILL_S3_BUCKET": f"restored-{uuid4().hex[:20]}",
        "TAGMILL_QUEUE": name,
    }
    logs = tmp_path / "elsewhere"
    logs.mkdir()
    return System({**system.environment, **changed}, sa.create_engine(url), logs)


def test_restored_elsewhere_nothing_is_lost_or_done_twice(
    system: System, elsewhere: System, tmp_path: Path
) -> None:
    system.json("ingest", str(write_catalog(tmp_path / "catalog", PHOTOS)))
    worker = system.start_worker("--concurrency", "1", chunk_size="16")
    system.wait_for(lambda: system.value("SELECT count(*) FROM embeddings") > 8, seconds=120)
    folder = tmp_path / "backup"
    first = system.json("backup", str(folder))
    assert first["copied"] == first["objects"] >= PHOTOS
    worker.terminate()
    worker.wait(60)

    elsewhere.json("restore", str(folder))
    states = dict(elsewhere.rows("SELECT state, count(*) FROM work_items GROUP BY 1"))
    assert sum(states.values()) == 4 * PHOTOS
    assert "leased" not in states
    assert elsewhere.value("SELECT max(attempts) FROM work_items WHERE state <> 'done'") in (0, None)
    elsewhere.drain()
    assert elsewhere.rows("SELECT state, count(*) FROM work_items GROUP BY 1") == [("done", 4 * PHOTOS)]
    system.drain()
    tags = "SELECT sha256, label FROM classifications c JOIN images i ON i.id = image_id WHERE rank = 1 ORDER BY 1"
    assert elsewhere.rows(tags) == system.rows(tags)

    system.json("ingest", str(write_catalog(tmp_path / "more", 5, start=PHOTOS)))
    again = system.json("backup", str(folder))
    assert 5 <= again["copied"] < again["objects"]
    elsewhere.engine.dispose()


def test_what_cannot_be_restored_is_refused_and_changes_nothing(
    system: System, elsewhere: System, tmp_path: Path
) -> None:
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 5)))
    folder = tmp_path / "backup"
    system.json("backup", str(folder))

    system.run("restore", str(folder), expect=1)  # in use

    unfinished = tmp_path / "unfinished"
    shutil.copytree(folder, unfinished)
    (unfinished / "backup.json").unlink()  # as a killed backup leaves it
    elsewhere.run("restore", str(unfinished), expect=1)
    assert system.json("backup", str(unfinished))["copied"] == 0

    truncated = tmp_path / "truncated"
    shutil.copytree(folder, truncated)
    dump = truncated / "database.dump"
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    elsewhere.run("restore", str(truncated), expect=1)
    assert not sa.inspect(elsewhere.engine).has_table("products")

    newer = tmp_path / "newer"
    shutil.copytree(folder, newer)
    facts = json.loads((newer / "backup.json").read_text())
    (newer / "backup.json").write_text(json.dumps({**facts, "schema": "9999"}))
    elsewhere.run("restore", str(newer), expect=1)
    elsewhere.engine.dispose()


def test_objects_that_are_gone_are_counted_and_the_rest_is_saved(
    system: System, store: S3AssetStore, tmp_path: Path
) -> None:
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 5)))
    store.delete(next(iter(store.list("images/"))))
    done = system.json("backup", str(tmp_path / "backup"), expect=3)
    assert (done["missing"], done["copied"]) == (1, done["objects"] - 1)
