"""A backup taken while work goes on, restored elsewhere, and finished there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog.asset_store import S3AssetStore
from models.starter.pack import starter_specs
from tests.acceptance.conftest import EACH, TAGMILL, System
from tests.acceptance.photos import write_catalog
from workers.backup.manifest import SealedFile
from workers.embedded import programs
from workers.embedded.errors import ServiceError

PHOTOS = 60
MODELS = len(starter_specs())


@pytest.fixture
def elsewhere(system: System, server: sa.Engine, tmp_path: Path) -> Iterator[System]:
    """Another machine: its database belongs to a role that is no superuser, its bucket is not there yet."""
    name = f"restored_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE ROLE {name} LOGIN PASSWORD 'other'"))
        connection.execute(sa.text(f"CREATE DATABASE {name} OWNER {name}"))
    superuser = sa.create_engine(server.url.set(database=name))
    with superuser.begin() as connection:
        connection.execute(sa.text("CREATE EXTENSION vector"))
    superuser.dispose()
    url = server.url.set(username=name, password="other", database=name)
    changed = {
        "TAGMILL_DATABASE_URL": url.render_as_string(hide_password=False),
        "TAGMILL_S3_BUCKET": f"restored-{uuid4().hex[:20]}",
        "TAGMILL_QUEUE": name,
        "TAGMILL_CACHE_DIR": str(tmp_path / "other-cache"),
    }
    logs = tmp_path / "elsewhere"
    logs.mkdir()
    made = System({**system.environment, **changed}, sa.create_engine(url), logs)
    yield made
    made.stop()
    made.engine.dispose()
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        connection.execute(sa.text(f"DROP ROLE {name}"))


def refused(system: System, *arguments: str) -> str:
    """What a command that must fail says, as one line."""
    done = subprocess.run(
        [*TAGMILL, *arguments], env=system.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def edit_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "backup.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def best_labels(system: System) -> list[Any]:
    return system.rows(
        """
        SELECT sha256, name, label FROM classifications c JOIN images i ON i.id = image_id
        JOIN model_versions m ON m.id = model_version_id WHERE rank = 1 ORDER BY 1, 2, 3
        """
    )


def test_taken_while_a_worker_runs_and_finished_elsewhere(
    system: System, elsewhere: System, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    system.json("ingest", str(write_catalog(tmp_path / "catalog", PHOTOS)))
    worker = system.start_worker("--concurrency", "1", chunk_size="16", store_batch="4")
    system.wait_for(lambda: system.value("SELECT count(*) FROM embeddings") >= 4, seconds=120)
    os.killpg(worker.pid, signal.SIGSTOP)  # else it might be done before the backup begins
    first = system.json("backup", str(folder))
    os.killpg(worker.pid, signal.SIGCONT)
    assert first["images"] == PHOTOS
    assert first["missing"] == first["present"] == 0
    assert (
        first["copied"] == first["objects"] == len([p for p in folder.rglob("objects/**/*") if p.is_file()])
    )

    restored = elsewhere.json("restore", str(folder))
    assert restored["copied"] == first["objects"]
    states = dict(elsewhere.rows("SELECT state, count(*) FROM work_items GROUP BY 1"))
    assert 0 < states["done"] < EACH * PHOTOS, "the backup was not taken in the midst of work"
    assert restored["released"] > 0, "nothing was leased when the backup was taken"
    assert "leased" not in states
    assert elsewhere.rows("SELECT FROM work_items WHERE state <> 'done' AND attempts > 0") == []
    assert elsewhere.rows("SELECT FROM work_items WHERE state <> 'done' AND published_at IS NOT NULL") == []

    elsewhere.drain()
    system.wait_for(lambda: not system.rows("SELECT FROM work_items WHERE state <> 'done'"), seconds=120)
    assert elsewhere.rows("SELECT state, count(*) FROM work_items GROUP BY 1") == [("done", EACH * PHOTOS)]
    assert elsewhere.value("SELECT max(attempts) FROM work_items") == 1
    assert best_labels(elsewhere) == best_labels(system) != []

    system.json("ingest", str(write_catalog(tmp_path / "more", 5, start=PHOTOS)))
    again = system.json("backup", str(folder))
    assert again["present"] == first["objects"]
    assert again["copied"] == again["objects"] - first["objects"] >= 5


def test_a_killed_backup_is_refused_and_goes_on_when_run_again(
    system: System, elsewhere: System, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    system.json("ingest", str(write_catalog(tmp_path / "few", 5)))
    finished = system.json("backup", str(folder))
    system.json("ingest", str(write_catalog(tmp_path / "more", 300, start=5)))
    backup = subprocess.Popen([*TAGMILL, "backup", str(folder), "--threads", "1"], env=system.environment)

    def copied() -> int:
        return len(list((folder / "objects" / "images").rglob("*.png")))

    system.wait_for(lambda: copied() > 15)
    backup.send_signal(signal.SIGKILL)
    backup.wait(10)
    assert 5 < copied() < 305, "killed too late"

    assert f"unfinished; run `tagmill backup {folder}` again" in refused(elsewhere, "restore", str(folder))
    assert not sa.inspect(elsewhere.engine).has_table("products")
    again = system.json("backup", str(folder))
    assert again["missing"] == 0
    assert finished["objects"] < again["present"] < again["objects"]
    assert not (folder / ".partial").exists()
    assert elsewhere.json("restore", str(folder))["copied"] == again["objects"]


def test_what_cannot_be_restored_is_refused_and_changes_nothing(
    system: System, elsewhere: System, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 5)))
    system.json("backup", str(folder))
    elsewhere.json("restore", str(folder))
    assert "--replace" in refused(elsewhere, "restore", str(folder))

    (tmp_path / "empty").mkdir()
    assert "there is no backup" in refused(elsewhere, "restore", str(tmp_path / "empty"))

    newer = shutil.copytree(folder, tmp_path / "newer")
    edit_manifest(newer, revision="9999")
    assert "newer release" in refused(elsewhere, "restore", str(newer), "--replace")

    with elsewhere.engine.begin() as connection:
        connection.execute(sa.text("UPDATE products SET title = 'changed since'"))
    cut = shutil.copytree(folder, tmp_path / "cut")
    dump = cut / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-2000])
    assert "cut short" in refused(elsewhere, "restore", str(cut), "--replace")
    edit_manifest(
        cut, database=SealedFile.seal(dump, dump.name).model_dump()
    )  # pg_restore finds it by itself
    assert "pg_restore failed" in refused(elsewhere, "restore", str(cut), "--replace")
    assert elsewhere.rows("SELECT DISTINCT title FROM products") == [("changed since",)]

    assert elsewhere.json("restore", str(folder), "--replace")["copied"] == 0
    assert elsewhere.value("SELECT count(*) FROM products WHERE title LIKE 'Item%'") == 5


def test_missing_objects_are_named_and_the_rest_is_saved(
    system: System, elsewhere: System, store: S3AssetStore, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 5)))
    lost, damaged = (key for (key,) in system.rows("SELECT object_key FROM images ORDER BY id LIMIT 2"))
    store.delete(lost)
    said = subprocess.run(
        [*TAGMILL, "backup", str(folder)], env=system.environment, capture_output=True, text=True, check=False
    )
    assert said.returncode == 3
    assert lost in said.stderr
    again = system.json("backup", str(folder), expect=3)
    assert (again["missing"], again["copied"], again["present"]) == (1, 0, again["objects"] - 1)

    (folder / "objects" / damaged).write_bytes(b"")  # as a disk that is full leaves it
    assert elsewhere.json("restore", str(folder), expect=3)["missing"] == 2
    assert system.json("backup", str(folder), expect=3)["copied"] == 1


def test_without_objects_only_the_database_is_saved(
    system: System, elsewhere: System, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 5)))
    assert system.json("backup", str(folder), "--no-objects")["objects"] is None
    assert sorted(path.name for path in folder.iterdir()) == [
        ".tagmill-backup",
        "backup.json",
        "database.dump",
    ]
    assert elsewhere.json("restore", str(folder))["copied"] == 0
    assert elsewhere.value("SELECT count(*) FROM model_versions") == MODELS


def test_a_folder_with_other_things_in_it_is_left_alone(system: System, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert "holds other things" in refused(system, "backup", str(tmp_path))


def test_a_missing_or_too_old_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "wheel_folder", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ServiceError, match=r"not installed.*tagmill\[embedded\]"):
        programs.postgres_client("pg_dump", 18)
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 16.9'\n")
    old.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(old))
    assert programs.postgres_client("pg_dump", 16) == old
    with pytest.raises(ServiceError, match="only of version 16"):
        programs.postgres_client("pg_dump", 18)
