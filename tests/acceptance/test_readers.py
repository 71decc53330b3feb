"""`tagmill readers`: the command line to roles that may read the views."""

from __future__ import annotations

import json
import subprocess
from uuid import uuid4

import psycopg2
import pytest

from tests.acceptance.conftest import TAGMILL


def tagmill(
    environment: dict[str, str], *arguments: str, expect: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*TAGMILL, "readers", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done


def ask(url: str, statement: str) -> str:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return str(cursor.fetchone()[0])  # type: ignore[index]
    finally:
        connection.close()


def test_added_listed_removed(tagmill_environment: dict[str, str]) -> None:
    name = f"[bold] @/%: {uuid4().hex}"
    added = tagmill(tagmill_environment, "add", name)
    url = added.stdout.strip()
    assert "the password is shown this once" in added.stderr
    assert ask(url, "SELECT current_user FROM (SELECT count(*) FROM product_tags) counted") == name
    assert ask(url, "SHOW statement_timeout") == "5min"
    again = json.loads(tagmill(tagmill_environment, "add", name, "--timeout", "90", "--json").stdout)
    assert (again["new"], again["statement_timeout_seconds"]) == (False, 90)
    assert again["url"] != url
    listed = json.loads(tagmill(tagmill_environment, "list", "--json").stdout)
    assert listed == [{"name": name, "statement_timeout": "90s", "connections": 0}]
    assert name in tagmill(tagmill_environment, "list").stdout
    tagmill(tagmill_environment, "remove", name)
    assert "there is no reader" in tagmill(tagmill_environment, "remove", name, expect=1).stderr
    for command in ("add", "remove"):
        assert "of UTF-8" in tagmill(tagmill_environment, command, "an\udce4na", expect=1).stderr


def test_sql_for_an_administrator_changes_nothing_by_itself(
    tagmill_environment: dict[str, str], database_url: str
) -> None:
    name = f"by hand {uuid4().hex}"
    done = tagmill(tagmill_environment, "add", name, "--sql")
    assert json.loads(tagmill(tagmill_environment, "list", "--json").stdout) == []
    administrator = database_url.replace("+psycopg2", "")
    assert ask(administrator, f"{done.stdout} SELECT true") == "True"
    (url,) = (line for line in done.stderr.splitlines() if line.startswith("postgresql://"))
    assert url.split(":")[2].split("@")[0] not in done.stdout
    assert ask(url, "SELECT count(*) FROM product_tags") == "0"
    assert tagmill(tagmill_environment, "add", name, "--sql", "--json", expect=2).stdout == ""


@pytest.mark.parametrize("command", ["add", "list", "remove"])
def test_every_command_of_readers_has_help_with_an_example(command: str) -> None:
    done = subprocess.run(
        [*TAGMILL, "readers", command, "--help"], capture_output=True, text=True, check=True
    )
    assert f"tagmill readers {command}" in done.stdout
