"""The doctor, on real services that are well, ill or away."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from redis import Redis

from catalog.asset_store import S3AssetStore, image_key
from tests.catalog.shop import add_images, add_product, add_version, execute, make_ledger, plan, rows
from workers.doctor import Finding, examine
from workers.runtime import Runtime
from workers.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def runtime(tagmill_environment: dict[str, str]) -> Runtime:
    return Runtime(Settings())


def of(runtime: Runtime, code: str) -> list[Finding]:
    return [finding for finding in examine(runtime) if finding.code == code]


def levels(runtime: Runtime) -> set[tuple[str, str]]:
    return {(finding.code, finding.level) for finding in examine(runtime) if finding.level != "ok"}


def test_a_healthy_system_has_no_failure(runtime: Runtime, server: sa.Engine) -> None:
    # The services of the tests may lose their data, and the doctor says so.
    assert levels(runtime) <= {("postgres_durability", "fail"), ("free_space", "warn")}
    assert of(runtime, "schema")[0].level == "ok"


def test_what_may_be_lost_in_a_power_cut_is_a_failure(runtime: Runtime, server: sa.Engine) -> None:
    found = {finding.sentence: finding.level for finding in of(runtime, "postgres_durability")}
    assert found["full_page_writes is off"] == "fail"


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("database_url", "postgresql+psycopg2://a:secret@127.0.0.1:1/x", "postgres_answers"),
        ("redis_url", "redis://:secret@127.0.0.1:1/0", "redis_answers"),
        ("s3_endpoint", "http://127.0.0.1:1", "s3_answers"),
    ],
)
def test_a_service_that_is_away_is_a_finding_without_its_password(
    runtime: Runtime, setting: str, value: str, code: str
) -> None:
    away = Runtime(Settings(**{setting: value}))
    (finding,) = of(away, code)
    assert (finding.level, bool(finding.remedy)) == ("fail", True)
    assert "secret" not in finding.sentence


def test_an_old_schema_is_a_failure(runtime: Runtime, engine: sa.Engine) -> None:
    execute(engine, "DROP TABLE alembic_version")
    assert of(runtime, "schema")[0].level == "fail"


def test_redis_that_evicts_is_a_warning(runtime: Runtime) -> None:
    with Redis.from_url(runtime.settings.redis_url.get_secret_value()) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert of(runtime, "redis_eviction")[0].level == "warn"
        finally:
            client.config_set("maxmemory-policy", "noeviction")


def test_leases_that_nobody_takes_back_and_work_that_nobody_takes(
    runtime: Runtime, engine: sa.Engine
) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    plan(engine, images, version)
    execute(engine, "UPDATE work_items SET next_attempt_at = now() - interval '1 hour'")
    assert ("work_waits", "warn") in levels(runtime)
    make_ledger(engine).claim(images, uuid4())
    assert ("work_waits", "warn") not in levels(runtime)
    execute(engine, "UPDATE work_items SET lease_expires_at = now() - interval '1 hour'")
    assert ("stuck_leases", "fail") in levels(runtime)


def test_work_on_hold_is_told(runtime: Runtime, engine: sa.Engine) -> None:
    job = plan(engine, add_images(engine, 2), add_version(engine).id)
    execute(engine, "UPDATE jobs SET held = 'paused'")
    (finding,) = of(runtime, "jobs_paused")
    assert (finding.level, finding.sentence) == ("warn", f"jobs {job} are paused")
    execute(engine, "UPDATE work_items SET state = 'cancelled'")
    assert of(runtime, "jobs_paused")[0].level == "ok"


def test_quarantine_interrupted_ingests_and_missing_objects(
    runtime: Runtime, engine: sa.Engine, store: S3AssetStore
) -> None:
    shown, replaced = add_images(engine, 2)
    add_product(engine, "A", [shown])
    plan(engine, [shown, replaced], add_version(engine).id)
    execute(
        engine,
        "UPDATE work_items SET state = 'quarantined', error_code = 'truncated', error_reason = 'short'",
    )
    execute(engine, "UPDATE jobs SET created_at = now() - interval '2 hours'")
    wanted = {("quarantine", "warn"), ("ingest_interrupted", "warn"), ("objects_missing", "fail")}
    assert wanted <= levels(runtime)
    (finding,) = of(runtime, "quarantine")
    assert finding.sentence == "1 items are in quarantine as truncated"
    assert "tagmill failures --code truncated" in finding.remedy
    for image_id, sha256 in rows(engine, "SELECT id, sha256 FROM images"):
        key = image_key(sha256, "PNG")
        execute(engine, "UPDATE images SET object_key = :key WHERE id = :id", key=key, id=image_id)
        store.put(key, b"photo", "image/png")
    assert of(runtime, "objects_missing")[0].level == "ok"


def test_settings_that_do_not_fit_together(runtime: Runtime) -> None:
    odd = Runtime(Settings(sweep_seconds=60, stall_seconds=10))
    assert {("sweep_interval", "warn"), ("stall_interval", "warn")} <= levels(odd)


def test_every_code_is_documented() -> None:
    folder = ROOT / "workers" / "doctor"
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    codes = set(re.findall(r'(?:judge|Finding)\(\s*"([a-z0-9_]+)"', source)) | {
        f"{service}_answers" for service in ("postgres", "redis", "s3")
    }
    documented = set(
        re.findall(r"^\| `([a-z0-9_]+)`", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE)
    )
    assert len(codes) > 15
    assert codes == documented
