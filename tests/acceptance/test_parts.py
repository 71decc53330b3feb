"""Production's rights, from outside: each part with its own role of Postgres, and the queue's user, as in compose."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from tests.acceptance.conftest import EACH, TAGMILL, System
from tests.acceptance.photos import write_catalog
from tests.services.test_compose import TEXT
from workers.embedded.services import Endpoints

PHOTOS = 8


@pytest.fixture
def queue_user(endpoints: Endpoints) -> Iterator[str]:
    """The URL of a user of the real Redis with the rights that compose gives."""
    (rights,) = re.findall(r"user tagmill on >\$\$REDIS_PASSWORD ([^\"]+)", TEXT)
    name = f"user-{uuid4().hex}"
    with Redis.from_url(endpoints.redis_url) as administrator:
        administrator.execute_command("ACL", "SETUSER", name, "on", ">sesame", *rights.split())
        yield endpoints.redis_url.replace("//:", f"//{name}:").replace(
            endpoints.redis_url.split("//:")[1].split("@")[0], "sesame"
        )
        administrator.execute_command("ACL", "DELUSER", name)


def test_photos_become_rows_with_no_more_rights_than_compose_gives(
    system: System, queue_user: str, tmp_path: Path
) -> None:
    owner = {**system.environment}

    def become(part: str) -> None:
        system.environment = {**owner, "TAGMILL_REDIS_URL": queue_user}
        system.environment["TAGMILL_DATABASE_URL"] = urls[part]

    urls = {
        part: system.run("roles", "set", part).strip() for part in ("ingest", "worker", "exporter", "keeper")
    }
    assert {one["part"] for one in system.json("roles", "list")} == {*urls}
    become("ingest")
    system.run("ingest", str(write_catalog(tmp_path / "catalog", PHOTOS)))
    refused = subprocess.run(
        [*TAGMILL, "webhooks", "list"], env=system.environment, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "use the owner's" in refused.stderr
    become("worker")
    log = system.drain()
    assert "permission denied" not in log
    assert system.rows("SELECT state, count(*) FROM work_items GROUP BY 1") == [("done", PHOTOS * EACH)]
    become("exporter")
    assert "tagmill_serving_version" in system.run("exporter", "--once")
    become("keeper")
    keeper = subprocess.Popen([*TAGMILL, "keeper"], env=system.environment, stderr=subprocess.PIPE, text=True)
    assert keeper.stderr is not None
    assert "webhooks are told" in keeper.stderr.readline()
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(30) == 0
    keeper.stderr.close()


def test_the_queues_user_can_not_empty_copy_or_reconfigure_the_server(queue_user: str) -> None:
    with Redis.from_url(queue_user) as user:
        user.info()
        for command in (
            "FLUSHALL",
            "FLUSHDB",
            "CONFIG GET *",
            "CONFIG SET dir /tmp",
            "MODULE LOAD /tmp/x.so",
            "DEBUG SLEEP 0",
            "SHUTDOWN",
            "REPLICAOF 127.0.0.1 1",
            "ACL LIST",
            "MONITOR",
            "SAVE",
            "KEYS *",
        ):
            with pytest.raises(NoPermissionError):
                user.execute_command(*command.split())


@pytest.mark.parametrize("command", ["set", "list", "remove"])
def test_every_command_of_roles_has_help_with_an_example(command: str) -> None:
    done = subprocess.run([*TAGMILL, "roles", command, "--help"], capture_output=True, text=True, check=True)
    assert f"tagmill roles {command}" in done.stdout
