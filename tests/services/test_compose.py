"""docker-compose.yml fits the Compose Specification and our own rules. No container engine is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from catalog.parts import PARTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRETS = (
    *("POSTGRES_PASSWORD", "REDIS_PASSWORD", "MESSAGE_KEY", "S3_ACCESS_KEY", "S3_SECRET_KEY"),
    *("FLOWER_BASIC_AUTH", "GRAFANA_PASSWORD", "METRICS_PASSWORD", "API_KEYS"),
    *(f"POSTGRES_{part.upper()}_PASSWORD" for part in PARTS),
)
ONCE = ("migrate", "ingest")
ROLES = {
    **{name: name for name in ("ingest", "worker", "trainer", "web", "exporter", "keeper")},
    "worker-gpu": "worker",
}
DATA_SERVICES = ("postgres", "redis", "minio", "rustfs")


def test_fits_the_compose_specification() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    errors = [
        f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(COMPOSE)
    ]
    assert not errors


def test_has_every_part() -> None:
    assert set(SERVICES) == {
        *(*DATA_SERVICES, "migrate", "worker", "worker-gpu", "trainer", "beat", "flower", "web"),
        *("ingest", "keeper", "exporter", "prometheus", "grafana"),
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_restarts(name: str) -> None:
    wanted = {"migrate": "on-failure:5", "ingest": "no"}.get(name, "unless-stopped")
    assert SERVICES[name]["restart"] == wanted


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {*ONCE}))
def test_every_lasting_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_required_and_have_no_default(secret: str) -> None:
    uses = re.findall(r"\$\{" + secret + r"([^}]*)\}", TEXT)
    assert uses
    assert all(use.startswith(":?") for use in uses)


def test_no_password_is_written_down() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|ACCESS_KEY|ROOT_USER|AUTH$", key):
                for one in str(value).split(", "):
                    assert re.fullmatch(r"([a-z]+:)?\$\{\w+:\?[^}]*\}|none", one), f"{name}: {key}"
    for url in re.findall(r"\w+://[^\s]*@", TEXT):
        assert "${" in url or url.endswith("//nobody@"), url


def test_each_service_asks_the_database_as_its_own_role_or_as_nobody() -> None:
    made = dict(re.findall(r"(\w+):\$\{(\w+)", SERVICES["migrate"]["environment"]["TAGMILL_ROLE_PASSWORDS"]))
    assert {*made} == {*PARTS}
    for name, service in SERVICES.items():
        url = service.get("environment", {}).get("TAGMILL_DATABASE_URL")
        if name in ROLES:
            role = ROLES[name]
            assert f"//tagmill_{role}:${{{made[role]}:?" in url
        elif name in ("beat", "flower"):
            assert url == "postgresql+psycopg2://nobody@postgres:5432/tagmill"
        elif url is not None:
            assert (name, "//tagmill:${POSTGRES_PASSWORD:?" in url) == ("migrate", True)


@pytest.mark.parametrize("name", ["keeper", "beat", "flower"])
def test_who_needs_no_object_store_has_no_key_of_it(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert {environment[f"TAGMILL_S3_{key}_KEY"] for key in ("ACCESS", "SECRET")} == {"none"}


@pytest.mark.parametrize("name", SERVICES)
def test_containers_can_write_to_volumes_and_memory_only_and_gain_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in service


def test_whoever_asks_for_metrics_or_sends_to_the_queue_has_credentials() -> None:
    environment = SERVICES["worker"]["environment"]
    for name in (*ROLES, "beat", "flower"):
        asked = SERVICES[name]["environment"]
        assert asked["TAGMILL_REDIS_URL"].startswith("redis://tagmill:${REDIS_PASSWORD:?")
        assert asked["TAGMILL_METRICS_BASIC_AUTH"] == environment["TAGMILL_METRICS_BASIC_AUTH"]
    told = " ".join(SERVICES["prometheus"]["entrypoint"])
    scrapes = yaml.safe_load((ROOT / "docs/monitoring/prometheus.yml").read_text())["scrape_configs"]
    for scrape in scrapes:
        assert scrape["basic_auth"]["username"] == "tagmill"
        assert f'"$$METRICS_PASSWORD" > {scrape["basic_auth"]["password_file"]}' in told
    assert "ports" not in SERVICES["prometheus"]


def test_ports_are_open_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not any("network_mode" in service or service.get("privileged") for service in SERVICES.values())


@pytest.mark.parametrize("name", DATA_SERVICES)
def test_data_services_are_on_the_internal_network_with_a_volume(name: str) -> None:
    assert SERVICES[name]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    (volume,) = SERVICES[name]["volumes"]
    assert volume.split(":")[0] in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["worker", "worker-gpu", "trainer"])
def test_workers_have_time_to_end(name: str) -> None:
    worker = SERVICES[name]
    assert worker["stop_signal"] == "SIGTERM"
    assert int(worker["stop_grace_period"].removesuffix("s")) > 30
    assert worker["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("name", ["worker", "trainer"])
def test_what_computes_may_load_compiled_networks(name: str) -> None:
    """They are unpacked to /tmp and loaded as libraries, which a tmpfs forbids where nobody allows it."""
    (tmp,) = SERVICES[name]["tmpfs"]
    assert "exec" in tmp.split(":")[1].split(",")


def test_the_trainer_keeps_its_runs_and_hears_of_the_times() -> None:
    trainer = SERVICES["trainer"]
    assert trainer["profiles"] == ["trainer"]
    kept = {volume.split(":")[1] for volume in trainer["volumes"]}
    assert trainer["environment"]["TAGMILL_HOME"] in kept
    assert trainer["environment"]["TAGMILL_HOME"] in (ROOT / "Dockerfile").read_text()
    for name in ("TAGMILL_RETRAIN_RECIPE", "TAGMILL_RETRAIN_AT"):
        assert trainer["environment"][name] == SERVICES["beat"]["environment"][name]


def test_redis_keeps_its_messages() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    for setting in ("--appendonly yes", "--maxmemory-policy noeviction", "user default off"):
        assert setting in command


def test_images_of_others_have_a_tag() -> None:
    for service in SERVICES.values():
        assert ":" in service["image"]
    assert re.fullmatch(r"quay\.io/minio/minio:RELEASE\.[0-9TZ-]+", SERVICES["minio"]["image"])


def test_env_example_has_every_variable_and_no_secret() -> None:
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT)) | {"COMPOSE_PROFILES"} == set(example)
    assert all(example[secret] == "" for secret in SECRETS)


def test_the_image_runs_as_an_ordinary_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER tagmill"]
    assert "FROM python:3.12-slim" in lines


def test_what_strangers_reach_shares_no_folder_with_those_that_load_libraries() -> None:
    mounts = {
        name: {mount.partition(":")[0] for mount in SERVICES[name]["volumes"]} for name in ("web", "worker")
    }
    assert not mounts["web"] & mounts["worker"]
