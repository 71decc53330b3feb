"""Each part of the system does its work as a role of its own, and can do nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from psycopg2.errors import InsufficientPrivilege

from catalog import events, grants, migrate, parts, rates, webhooks
from catalog.errors import RoleRefused
from catalog.outcomes import ItemKey, Quarantined, Stored
from catalog.search import vector_indexes
from catalog.tables import Base
from models.predictions import Embedding
from tests.acceptance.photos import write_catalog
from tests.catalog.shop import SHIRT, add_images, add_product, add_version, execute, expire_leases, plan, rows
from tests.workers.web.conftest import HOME
from tests.workers.web.shelf import fill
from workers import due, exporter, keeping
from workers.intake import ingest_manifest
from workers.nights import NIGHTS
from workers.reading import read
from workers.runtime import Runtime
from workers.settings import Settings
from workers.setup import prepare
from workers.training import from_catalog
from workers.training.publishing import publish
from workers.web.app import create_app
from workers.webhooks import Dispatcher

As = Callable[..., Runtime]


@pytest.fixture
def as_part(engine: sa.Engine, tagmill_environment: dict[str, str]) -> As:
    """A process's way to this test's own database, logged in as that part."""

    def logged_in(part: str, **settings: str) -> Runtime:
        with engine.begin() as connection:
            name = parts.set_password(connection, part, "sesame")
        url = engine.url.set(username=name, password="sesame").render_as_string(hide_password=False)
        return Runtime(Settings(database_url=url, **settings))  # type: ignore[arg-type]

    return logged_in


def refused(part: Runtime, statement: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError) as raised, part.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert isinstance(raised.value.orig, InsufficientPrivilege), statement


def test_every_table_has_a_line_in_the_grants() -> None:
    assert {*grants.TABLES} == {*Base.metadata.tables, "alembic_version"}


def test_an_ingest_takes_products_in(as_part: As, engine: sa.Engine, tmp_path: Path) -> None:
    add_version(engine)
    ingest = as_part("ingest")
    ingest.store.ensure_bucket()
    manifest = write_catalog(tmp_path / "catalog", 3)
    assert ingest_manifest(ingest, str(manifest))[0].work_new == 3
    manifest.write_text(manifest.read_text().replace("SKU", "sku") + "bad,,,\n")
    summary, report = ingest_manifest(ingest, str(manifest), lane="fresh")
    assert (summary.photos_known, bool(report.count)) == (3, True)


def test_a_worker_claims_stores_and_sweeps(as_part: As, engine: sa.Engine) -> None:
    images = add_images(engine, 5)
    add_product(engine, "A", images)
    shirts, looks = add_version(engine).id, add_version(engine, "looks", task="embed", labels=[]).id
    job = plan(engine, images, shirts, looks)
    with engine.begin() as connection:
        webhooks.add(connection, "https://shop.example", list(events.Event), ["Shirt"])
    worker = as_part("worker")
    ledger, token = worker.ledger, uuid4()
    assert ledger.publishable(100)
    assert ledger.claim(images[:2], token)
    assert ledger.heartbeat(token)
    vector = Embedding(np.eye(4, dtype=np.float32)[0])
    outcomes = [
        *(Stored(ItemKey(image, shirts), SHIRT) for image in images[:2]),
        Stored(ItemKey(images[0], looks), vector),
        Quarantined(ItemKey(images[1], looks), "truncated", "Cut."),
    ]
    ledger.settle(token, outcomes)
    assert rows(engine, "SELECT event FROM webhook_deliveries") == [("label.seen",)] * 2
    for _ in range(2):
        ledger.claim(images[2:], uuid4())
        expire_leases(engine)
        ledger.sweep()
    ledger.claim(images[2:], token)
    ledger.release(token)
    execute(engine, "UPDATE jobs SET held = 'cancelled', closed_at = now()")
    ledger.cancel()
    assert ledger.end_jobs() == 1
    with worker.engine.begin() as connection:
        rates.record(connection, 2, 1.0, [shirts])
    assert read(worker, None)
    assert rows(engine, "SELECT state FROM job_progress WHERE job_id = :job", job=job) == [("cancelled",)]


def test_a_worker_has_its_nights(as_part: As, engine: sa.Engine, tmp_path: Path) -> None:
    add_version(engine)
    add_product(engine, "A", add_images(engine, 2))
    manifest = str(write_catalog(tmp_path / "catalog", 2))
    worker = as_part("worker", reprocess_manifest=manifest)
    worker.store.ensure_bucket()
    as_part("ingest")
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied for table products"):
        due.run(worker, NIGHTS["reprocess"], datetime.now(UTC), lambda: False)
    with engine.begin() as connection:
        parts.let_worker_ingest(connection, True)
    at = datetime.now(UTC)
    for schedule in NIGHTS.values():
        due.run(worker, schedule, at, lambda: False)
    with engine.begin() as connection:
        parts.let_worker_ingest(connection, False)
    refused(worker, "INSERT INTO products (sku) VALUES ('B')")
    assert rows(engine, "SELECT count(*) FROM products") == [(3,)]
    analysed = "SELECT count(*) FROM pg_stat_user_tables WHERE last_analyze IS NOT NULL"
    assert rows(engine, analysed)[0][0] >= len(Base.metadata.tables)


def test_what_a_worker_may_not_do_the_keeper_does(
    as_part: As, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_indexes, "WORTH_IT", 3)
    images, looks = add_images(engine, 4), add_version(engine, "looks", task="embed", labels=[]).id
    execute(
        engine,
        "INSERT INTO embeddings SELECT unnest(CAST(:images AS bigint[])), :v, '[1,0,0]'",
        images=images,
        v=looks,
    )
    with engine.begin() as connection:
        hook = webhooks.add(connection, "http://127.0.0.1:1", [events.Event.JOB_DONE])
    owed = (
        "INSERT INTO webhook_deliveries (webhook_id, event, key, payload) VALUES (:id, 'job.done', 'x', '{}')"
    )
    execute(engine, owed, id=hook.id)
    for part, indexes, attempts in (("worker", 0, 0), ("keeper", 1, 1)):
        runtime = as_part(part)
        dispatcher = Dispatcher(runtime.engine, ())
        for thread in keeping.duties(runtime, dispatcher):
            thread.start()
            thread.stop()
            thread.join(30)
        dispatcher.flush(10)
        assert len(rows(engine, "SELECT FROM pg_indexes WHERE indexname LIKE '%hnsw%'")) == indexes
        assert rows(engine, "SELECT attempts FROM webhook_deliveries") == [(attempts,)]


def test_a_trainer_learns_from_the_catalog_and_publishes_a_candidate(
    as_part: As, runtime: Runtime, finished_run: Path, tmp_path: Path
) -> None:
    fill(runtime)
    execute(
        runtime.engine,
        "INSERT INTO overrides SELECT id, 'Shirt', true, 'anna' FROM products WHERE sku = 'SKU-0'",
    )
    trainer = as_part("trainer")
    trainer.ledger.sweep()
    trainer.ledger.publishable(10)
    trainer.ledger.forget_published(datetime.now(UTC))
    trainer.ledger.end_jobs()
    assert len(from_catalog.export(trainer, None, tmp_path).read_text().splitlines()) == 2

    def train(_: due.Turn) -> tuple[str, dict[str, bool]]:
        version, new = publish(trainer, finished_run, {})
        return version.key, {"new": new}

    training = due.Schedule("retrain", "retrain", lambda _: "bars", train)
    due.run(trainer, training, datetime.now(UTC), lambda: False)
    assert rows(runtime.engine, "SELECT state FROM model_versions WHERE name = 'bars'") == [("candidate",)]


def test_pages_and_api_decide_and_hold_jobs(as_part: As, runtime: Runtime) -> None:
    shelf = fill(runtime)
    app = create_app(as_part("web", web_rate="10000"))
    decision = {"sku": "SKU-0", "label": "Shirt", "decision": "accept"}
    act = {"shopper": "s", "sku": "SKU-1", "kind": "view", "happened_at": "2026-11-01T00:00:00Z"}
    with TestClient(app, base_url=HOME, follow_redirects=False) as visitor:
        for path in (
            "/",
            "/?q=linen",
            "/products/SKU-0",
            "/review",
            "/duplicates",
            "/jobs",
            "/failures",
            "/models",
        ):
            assert visitor.get(path, headers={"accept": "text/html"}).status_code == 200, path
        for path, told in (
            ("decisions", [decision]),
            ("interactions", [act]),
            (f"jobs/{shelf.job_id}/pause", None),
            ("failures/retry", {}),
            ("review/dismiss", {"sku": "SKU-0"}),
        ):
            answer = visitor.post(f"/api/v1/{path}", json=told)
            assert answer.status_code in (200, 201), (path, answer.text)
        assert visitor.get("/api/v1/recommend/shopper/s").status_code == 200
        assert visitor.get(f"/photos/{shelf.pictures[0].id}/thumb/160").status_code == 200


def test_the_exporter_tells_how_work_stands(as_part: As, engine: sa.Engine) -> None:
    plan(engine, add_images(engine, 1), add_version(engine).id)

    class Queue:
        def depth(self, lane: str) -> int:
            return 0

    told = {family.name for family in exporter.Exporter(as_part("exporter"), Queue()).collect()}  # type: ignore[arg-type]
    assert {"tagmill_work_items", "tagmill_jobs", "tagmill_serving_version"} <= told


NEVER = (
    "DROP TABLE products",
    "TRUNCATE work_items",
    "ALTER TABLE products ADD COLUMN mine int",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "UPDATE webhooks SET url = 'https://evil.example'",
    "INSERT INTO webhooks (url, secret, events) VALUES ('https://evil.example', 'x', '{job.done}')",
    "DELETE FROM products",
    "DELETE FROM images",
    "DELETE FROM model_versions",
    "DELETE FROM jobs",
    "UPDATE alembic_version SET version_num = ''",
    "UPDATE model_versions SET state = 'serving'",
    "UPDATE model_versions SET spec = '{}'",
    "UPDATE thresholds SET threshold = 0",
    "SELECT rolpassword FROM pg_authid",
    "COPY products TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/mine')",
)
ONLY_KEEPER = (
    "CREATE TABLE mine (n int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT secret FROM webhooks",
    "DROP TABLE embeddings",
)
MORE = {
    "ingest": (
        "SELECT * FROM embeddings",
        "SELECT * FROM product_embeddings",
        "SELECT * FROM product_tags",
        "SELECT * FROM interactions",
    ),
    "worker": ("UPDATE products SET title = ''", "INSERT INTO overrides VALUES (1, 'x', true, 'me', now())"),
    "trainer": (
        "UPDATE products SET title = ''",
        "INSERT INTO classifications VALUES (1, 1, 'x', 1, 1)",
    ),
    "web": (
        "INSERT INTO classifications VALUES (1, 1, 'x', 1, 1)",
        "UPDATE embeddings SET embedding = embedding",
        "UPDATE products SET title = ''",
        "SELECT payload FROM webhook_deliveries",
    ),
    "exporter": (
        "UPDATE jobs SET held = 'paused'",
        "SELECT * FROM interactions",
        "SELECT * FROM overrides",
        "SELECT * FROM product_overrides",
    ),
    "keeper": (
        "SELECT * FROM products",
        "SELECT * FROM product_details",
        "SELECT * FROM work_items",
        "SELECT * FROM interactions",
        "DELETE FROM webhooks",
    ),
}


@pytest.mark.parametrize("part", grants.PARTS)
def test_no_part_can_do_what_it_does_not_need(as_part: As, engine: sa.Engine, part: str) -> None:
    runtime = as_part(part)
    for statement in (*NEVER, *MORE[part], *(ONLY_KEEPER if part != "keeper" else ())):
        refused(runtime, statement)


def test_no_part_becomes_another_role(as_part: As, engine: sa.Engine) -> None:
    runtimes = [as_part(part) for part in grants.PARTS]
    names = [str(runtime.engine.url.username) for runtime in runtimes]
    for runtime, own in zip(runtimes, names, strict=True):
        for name in {*names, str(engine.url.username)} - {own}:
            refused(runtime, f"SET ROLE {name}")
            refused(runtime, f"SET SESSION AUTHORIZATION {name}")


def test_migrations_give_rights_anew_and_take_away_what_is_not_listed(as_part: As, engine: sa.Engine) -> None:
    worker = as_part("worker")
    execute(engine, f"REVOKE ALL ON work_items FROM {worker.engine.url.username}")
    execute(engine, f"GRANT SELECT (secret) ON webhooks TO {worker.engine.url.username}")
    migrate.downgrade(engine, "0006")  # which leaves both tables as they are
    migrate.upgrade(engine)
    assert not worker.ledger.has_open_items()
    refused(worker, "SELECT secret FROM webhooks")


def test_migrate_makes_the_roles_that_the_settings_name(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = ",".join(f"{part}:sesame{number}" for number, part in enumerate(parts.PARTS))
    monkeypatch.setenv("TAGMILL_ROLE_PASSWORDS", named)
    made = Runtime(Settings())
    prepare(made)
    prepare(made)
    with runtime.engine.connect() as connection:
        assert {one.part for one in parts.every(connection)} == {*parts.PARTS}
        name = parts.role_name(connection, "web")
    url = runtime.engine.url.set(username=name, password=f"sesame{parts.PARTS.index('web')}")
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        assert connection.scalar(sa.text("SELECT current_user")) == name


def test_a_role_that_tagmill_did_not_make_is_left_alone(engine: sa.Engine) -> None:
    execute(engine, f'CREATE ROLE "{engine.url.database}_web"')
    with engine.begin() as connection:
        with pytest.raises(RoleRefused, match="left alone"):
            parts.set_password(connection, "web", "sesame")
        with pytest.raises(RoleRefused, match="there is no role"):
            parts.remove(connection, "web")
        with pytest.raises(RoleRefused, match="no part of the system"):
            parts.set_password(connection, "boss", "sesame")
    execute(engine, f'DROP ROLE "{engine.url.database}_web"')


def test_an_owner_without_a_superusers_rights_gives_roles_too(server: sa.Engine) -> None:
    """As where Postgres is rented."""
    owner, database = f"owner_{uuid4().hex[:12]}", f"owned_{uuid4().hex[:12]}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD 'secret'")
        connection.exec_driver_sql(f"CREATE DATABASE {database} OWNER {owner}")
    admin = sa.create_engine(server.url.set(database=database), poolclass=sa.NullPool)
    execute(admin, "CREATE EXTENSION vector")
    engine = sa.create_engine(admin.url.set(username=owner, password="secret"), poolclass=sa.NullPool)
    migrate.upgrade(engine)
    with engine.begin() as connection:
        for part in parts.PARTS:
            parts.set_password(connection, part, "sesame")
    migrate.downgrade(engine, "0006")
    migrate.upgrade(engine)
    for part, readable in (("worker", "work_items"), ("keeper", "embeddings")):
        url = admin.url.set(username=f"{database}_{part}", password="sesame")
        assert rows(sa.create_engine(url, poolclass=sa.NullPool), f"SELECT * FROM {readable}") == []
    execute(engine, "DELETE FROM embeddings")
    with engine.begin() as connection:
        parts.remove(connection, "keeper")
    assert rows(engine, "SELECT tableowner FROM pg_tables WHERE tablename = 'embeddings'") == [(owner,)]
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {database} WITH (FORCE)")
        for part in {*parts.PARTS} - {"keeper"}:
            connection.exec_driver_sql(f"DROP ROLE {database}_{part}")
        connection.exec_driver_sql(f"DROP ROLE {owner}")


def test_a_role_that_is_removed_is_gone(as_part: As, engine: sa.Engine) -> None:
    worker = as_part("worker")
    worker.ledger.has_open_items()
    with engine.begin() as connection:
        parts.remove(connection, "worker")
        assert parts.every(connection) == []
    with pytest.raises(sa.exc.OperationalError):
        worker.ledger.has_open_items()
