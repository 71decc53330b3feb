"""The command line as people meet it: help, mistakes, one's own model, Celery's own command, Flower."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import sqlalchemy as sa
import torch
import yaml
from safetensors.torch import save_file
from torchvision.models import get_model

from tests.acceptance.conftest import TAGMILL, System
from tests.acceptance.photos import write_catalog

COMMANDS = (
    "up",
    "down",
    "migrate",
    "psql",
    "flower",
    "ingest",
    "process",
    "worker",
    "status",
    "top",
    "jobs",
    "webhooks",
    "plan",
    "export",
    "readers",
    "recommend",
    "shoppers",
    "exporter",
    "models",
    "demo",
    "doctor",
    "orphans",
    "backup",
    "restore",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = subprocess.run([*TAGMILL, command, "--help"], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout


def test_without_services_the_error_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [*TAGMILL, "status"],
        env={"PATH": "", "TAGMILL_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "tagmill up" in done.stderr
    assert "Traceback" not in done.stderr


def test_mistakes_are_answered_with_sentences(system: System, tmp_path: Path) -> None:
    for arguments, hint in (
        (("ingest", str(tmp_path / "none.csv")), "there is no manifest"),
        (("process", "no-such-model"), "registered are: photo-facts@1, product-cutout@1"),
        (("status", "999"), "there is no job 999"),
        (("models", "add", str(tmp_path / "none.yaml")), "cannot read"),
    ):
        done = subprocess.run(
            [*TAGMILL, *arguments], env=system.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, arguments
        assert hint in " ".join(done.stderr.split()), done.stderr
        assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named_with_what_it_may_be(system: System) -> None:
    done = subprocess.run(
        [*TAGMILL, "worker", "--device", "tpu"],
        env=system.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "TAGMILL_DEVICE: Input should be 'auto', 'cpu' or 'cuda'" in done.stderr


def test_draining_without_services_fails_at_once(system: System) -> None:
    environment = {**system.environment, "TAGMILL_REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [*TAGMILL, "worker", "--drain"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 75
    assert "no answer from redis. Run `tagmill up`" in done.stderr


def test_a_dead_database_is_a_sentence(system: System) -> None:
    environment = {**system.environment, "TAGMILL_DATABASE_URL": "postgresql+psycopg2://a:b@127.0.0.1:1/x"}
    done = subprocess.run(
        [*TAGMILL, "models", "list"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 75
    assert "Postgres does not answer" in done.stderr

    elsewhere = sa.make_url(system.environment["TAGMILL_DATABASE_URL"]).set(
        password="wrong", username="nobody"
    )
    environment["TAGMILL_DATABASE_URL"] = elsewhere.render_as_string(hide_password=False)
    done = subprocess.run(
        [*TAGMILL, "models", "list"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 75
    assert "Postgres turns us away" in done.stderr

    environment["TAGMILL_DATABASE_URL"] = "postgresql+psycopg2://a:b@127.0.0.1:1/x"
    done = subprocess.run(
        [*TAGMILL, "status", "--json"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert [service["ok"] for service in json.loads(done.stdout)["services"]] == [False, True, True]


def test_ones_own_model_runs_beside_the_starter_pack(system: System, tmp_path: Path) -> None:
    """A torchvision builder with random weights: registered, run by Celery's own command, refused where wrong."""
    labels = ["boot", "sandal", "sneaker"]
    save_file(get_model("resnet18", weights=None, num_classes=3).state_dict(), tmp_path / "shoes.safetensors")
    fields = {
        "name": "shoes",
        "task": "classify",
        "builder": "torchvision:resnet18",
        "weights": "shoes.safetensors",
        "labels": labels,
        "preprocessing": {"size": 64, "fit": "crop"},
    }
    spec = tmp_path / "shoes.yaml"
    spec.write_text(yaml.safe_dump(fields))

    assert system.json("models", "add", str(spec)) == {"model": "shoes@1", "state": "serving", "new": True}
    assert system.json("models", "add", str(spec))["new"] is False
    shown = yaml.safe_load(system.run("models", "show", "shoes@1"))
    assert (shown["builder"], len(shown["weights_sha256"])) == ("torchvision:resnet18", 64)
    assert "shoes@1" in {model["key"] for model in system.json("models", "list")}

    spec.write_text(
        yaml.safe_dump({**fields, "labels": labels[::-1]})
    )  # corrected: another answer, so a version
    assert system.json("models", "add", str(spec))["model"] == "shoes@2"
    spec.write_text(yaml.safe_dump({**fields, "labels": [*labels, "clog"]}))
    system.run("models", "add", str(spec), expect=1)
    torch.save({"x": print}, tmp_path / "gadget.pt")
    spec.write_text(yaml.safe_dump({**fields, "weights": "gadget.pt"}))
    system.run("models", "add", str(spec), expect=1)
    assert len(system.json("models", "list")) == 8

    system.json("ingest", str(write_catalog(tmp_path / "catalog", 12)), "--model", "product-type")
    assert system.json("process", "shoes", "--limit", "5")["work_new"] == 5
    left = system.value(
        """SELECT min(sku) FROM products p JOIN product_images pi ON pi.product_id = p.id WHERE NOT EXISTS (
           SELECT FROM work_items w JOIN model_versions m ON m.id = model_version_id
           WHERE w.image_id = pi.image_id AND m.name = 'shoes')"""
    )
    assert system.json("process", "shoes", "--sku", left)["work_new"] == 1
    nothing = system.json("process", "shoes", "--again")  # none is done yet
    assert (nothing["job_id"], nothing["work_new"]) == (None, 0)
    run_celery_until_done(system)
    assert system.value("SELECT count(*) FROM classifications WHERE label = ANY(:l)", l=labels) == 6 * 3
    assert system.value("SELECT count(*) FROM work_items WHERE state = 'done'") == 12 + 6


def run_celery_until_done(system: System) -> None:
    celery = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "workers.celery_app", "worker", "--concurrency=1"],
        env=system.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        system.wait_for(lambda: not system.rows("SELECT FROM work_items WHERE state <> 'done'"), seconds=120)
    finally:
        celery.send_signal(signal.SIGTERM)
        assert celery.wait(60) == 0


def test_flower_answers_and_needs_a_password_beyond_this_machine(system: System) -> None:
    refused = subprocess.run(
        [*TAGMILL, "flower", "--address", "0.0.0.0"],
        env=system.environment,
        capture_output=True,
        timeout=60,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "TAGMILL_FLOWER_BASIC_AUTH" in refused.stderr

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flower = subprocess.Popen(
        [*TAGMILL, "flower", "--port", str(port)],
        env=system.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/workers", timeout=5) as page:
                return page.status == 200 and b"Flower" in page.read()
        except OSError:
            return False

    try:
        system.wait_for(answers, seconds=60)
    finally:
        flower.terminate()
        flower.wait(20)
