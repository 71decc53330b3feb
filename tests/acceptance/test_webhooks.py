"""A shop that is told what happens: by the command line, and by a real worker."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import EACH, TAGMILL, System
from tests.acceptance.photos import write_catalog
from tests.workers.receiver import Receiver, receiving


@pytest.fixture
def receiver(system: System) -> Iterator[Receiver]:
    system.environment["TAGMILL_WEBHOOK_HOSTS"] = "127.0.0.1"
    with receiving() as made:
        yield made


def told(receiver: Receiver) -> list[dict[str, object]]:
    return [json.loads(request.body) for request in receiver.requests]


def refused(system: System, *arguments: str, code: int = 1) -> str:
    done = subprocess.run(
        [*TAGMILL, "webhooks", *arguments],
        env=system.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def test_a_shop_is_told_of_its_job_and_of_a_label(system: System, receiver: Receiver, tmp_path: Path) -> None:
    labels = system.json("models", "show", "product-type")["spec"]["labels"]
    watched = [part for label in labels for part in ("--label", label)]
    made = system.json("webhooks", "add", receiver.url, "--on", "job.done", "--on", "label.seen", *watched)
    assert made["secret"].startswith("whsec_")
    job = system.json("ingest", str(write_catalog(tmp_path / "catalog", 6)))["job_id"]
    system.drain()
    seen = [body["data"] for body in told(receiver) if body["type"] == "label.seen"]
    shown = system.rows("SELECT DISTINCT image_id, label FROM product_tags WHERE label = ANY(:of)", of=labels)
    assert seen
    assert {(data["image_id"], data["label"]) for data in seen} >= {tuple(row) for row in shown}
    assert all(data["skus"] for data in seen)
    (ended,) = (body["data"] for body in told(receiver) if body["type"] == "job.done")
    assert (ended["job_id"], ended["done"], ended["state"]) == (job, 6 * EACH, "finished")
    (listed,) = system.json("webhooks", "list")
    assert (listed["pending"], listed["failed"], listed["last_error"]) == (0, 0, None)
    assert "secret" not in listed


def test_added_tested_tried_again_and_removed(system: System, receiver: Receiver) -> None:
    system.environment["COLUMNS"] = "200"
    number = system.json("webhooks", "add", receiver.url, "--on", "version.promoted")["id"]
    assert receiver.url in system.run("webhooks", "list")
    answer = system.json("webhooks", "test", str(number))
    assert answer == {"delivered": True, "status": 200, "answer": "thanks", "error": None}
    assert "delivered: 200 thanks" in system.run("webhooks", "test", str(number))
    assert [body["type"] for body in told(receiver)] == ["webhook.test", "webhook.test"]
    receiver.statuses = [500, 500]
    assert system.json("webhooks", "test", str(number), expect=1)["status"] == 500
    assert "500 Internal Server Error" in system.run("webhooks", "test", str(number), expect=1)
    assert system.json("webhooks", "retry", str(number)) == {"again": 0}
    assert system.json("webhooks", "remove", str(number))["removed"] == number
    assert "no webhook" in refused(system, "test", str(number))
    assert "no webhooks yet" in system.run("webhooks", "list")


def test_what_cannot_be_added_is_refused_and_nothing_is_written(system: System) -> None:
    assert "TAGMILL_WEBHOOK_HOSTS" in refused(system, "add", "http://localhost/", "--on", "job.done")
    assert "'Dres'" in refused(system, "add", "http://1.1.1.1/", "--on", "label.seen", "--label", "Dres")
    assert "go together" in refused(system, "add", "http://1.1.1.1/", "--on", "label.seen", code=2)
    assert system.value("SELECT count(*) FROM webhooks") == 0


@pytest.mark.parametrize("command", ["add", "list", "remove", "test", "retry"])
def test_every_command_of_webhooks_has_help_with_an_example(command: str) -> None:
    done = subprocess.run(
        [*TAGMILL, "webhooks", command, "--help"], capture_output=True, text=True, check=True
    )
    assert f"tagmill webhooks {command}" in done.stdout
