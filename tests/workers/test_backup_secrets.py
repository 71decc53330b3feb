"""A backup holds secrets of webhooks: its files are the owner's alone, and no error shows a row of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.backup import BackupError, postgres, take
from workers.embedded import programs
from workers.runtime import Runtime
from workers.settings import Settings

INSERT = (
    "INSERT INTO webhooks (url, secret, events, labels) VALUES ('http://shop', 'whsec_canary', NULL, '{}')"
)


def test_in_a_folder_that_was_there_the_files_are_the_owners_alone(runtime: Runtime, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    folder.mkdir(mode=0o755)
    take(runtime, folder, objects=False)
    dump = folder / "database.dump"
    assert dump.stat().st_size > 10_000
    assert dump.stat().st_mode & 0o777 == 0o600


def test_the_row_at_which_postgres_failed_is_not_shown(runtime: Runtime) -> None:
    program = programs.postgres_client("psql", postgres.server_major(runtime.engine))
    with pytest.raises(BackupError, match='null value in column "events"') as caught:
        postgres._run(program, runtime.engine, [f"--command={INSERT}"])
    assert "canary" not in str(caught.value)


def test_the_password_is_no_argument(
    tagmill_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = tagmill_environment["TAGMILL_DATABASE_URL"]
    engine = Runtime(Settings()).engine
    dsn, environment = postgres._address(engine)
    assert environment["PGPASSWORD"] == engine.url.password
    assert str(engine.url.password) not in dsn
    monkeypatch.setenv("TAGMILL_DATABASE_URL", f"{url}?sslpassword=canary")
    with pytest.raises(BackupError, match="sslpassword") as caught:
        postgres._address(Runtime(Settings()).engine)
    assert "canary" not in str(caught.value)
