"""Migrations: up, down and up again; the classes in `catalog/tables/` say the same; the views are the contract."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from catalog import migrate
from catalog.tables import Base
from tests.catalog.shop import rows

CONTRACT = {
    "serving_versions": "id name version task",
    "product_tags": "sku product_id image_id label score model model_version origin brand category",
    "product_detections": (
        "sku product_id image_id ordinal label score left top right bottom model model_version"
    ),
    "product_segments": (
        "sku product_id image_id label score area left top right bottom mask_key model model_version"
    ),
    "product_embeddings": "sku product_id image_id embedding width model model_version",
    "product_facts": (
        "sku product_id image_id colour colour_hex colours sharpness exposure background product_share masked "
        "width height model model_version"
    ),
    "product_scores": (
        "sku product_id label score threshold accepted agreeing support photos model model_version"
    ),
    "product_verdicts": (
        "sku product_id label score threshold counts origin photos agreeing disagreeing disagreement "
        "model model_version"
    ),
    "product_categories": "sku product_id category names label score origin model model_version",
    "product_mismatches": ("sku product_id aspect feed photo label confidence origin model model_version"),
    "near_duplicate_groups": "group_id sku product_id image_id similarity accepted",
    "product_details": (
        "sku product_id title description brand category price currency parent_sku attributes created_at updated_at"
    ),
    "product_results": "sku product_id image_id model model_version finished_at",
    "product_overrides": "sku product_id label accepted author created_at",
    "job_progress": (
        "job_id kind subject created_at state items pending leased retry done quarantined cancelled "
        "first_finished_at last_finished_at lane error"
    ),
    "failures": "stage job_id sku image_id sha256 source line code reason attempts models failed_at",
}

OURS = """
    SELECT c.relkind::text || ' ' || c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    UNION ALL
    SELECT 'function ' || p.proname::text FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    UNION ALL
    SELECT 'type ' || t.typname::text FROM pg_type t
    WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
"""


@pytest.fixture
def empty(server: sa.Engine) -> Iterator[sa.Engine]:
    """A database that Tagmill never saw."""
    name = f"empty_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine = sa.create_engine(server.url.set(database=name))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def objects(engine: sa.Engine) -> set[str]:
    """Tables, views, indexes, sequences, functions and types that no extension brought."""
    return {name for (name,) in rows(engine, OURS)}


def test_down_to_base_leaves_nothing_and_up_again_makes_all(empty: sa.Engine) -> None:
    assert migrate.current(empty) is None
    migrate.upgrade(empty)
    made = objects(empty)
    assert migrate.current(empty) == migrate.head()
    migrate.downgrade(empty, "base")
    assert objects(empty) == {"r alembic_version", "i alembic_version_pkc"}
    migrate.upgrade(empty)
    assert objects(empty) == made


def test_the_migrated_schema_is_what_the_classes_say(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_partial_indexes_and_checks_are_what_the_classes_say(engine: sa.Engine, empty: sa.Engine) -> None:
    """Alembic compares neither; so the same database is made from the classes and read back."""
    indexes = """
        SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    """
    checks = """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid <> coalesce(to_regclass('alembic_version'), 0)
    """
    with empty.begin() as connection:
        connection.execute(sa.text("CREATE EXTENSION vector"))
        Base.metadata.create_all(connection)
    for query in (indexes, checks):
        assert set(rows(engine, query)) == set(rows(empty, query))


def test_migrators_that_start_at_once_all_succeed(empty: sa.Engine) -> None:
    url = empty.url.render_as_string(hide_password=False)
    script = "import sys, sqlalchemy as sa; from catalog import migrate; migrate.upgrade(sa.create_engine(sys.argv[1]))"
    migrators = [
        subprocess.Popen([sys.executable, "-c", script, url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [migrator.communicate(timeout=60)[1] for migrator in migrators]
    assert [migrator.returncode for migrator in migrators] == [0, 0, 0], errors
    assert migrate.current(empty) == migrate.head()


INGEST = (
    "model_versions ACCESS SHARE",
    "products ROW EXCLUSIVE",
    "images ROW EXCLUSIVE",
    "product_images ROW EXCLUSIVE",
    "work_items ROW EXCLUSIVE",
)
SETTLE = ("work_items ROW SHARE", "detections ROW EXCLUSIVE", "classifications ROW EXCLUSIVE", INGEST[-1])


@pytest.mark.parametrize(
    ("revision", "locks", "held"),
    [
        ("0006", (INGEST[1], INGEST[-1]), 1),
        *(("0006", SETTLE, held) for held in (1, 2, 3)),
        *(("0007", INGEST, held) for held in (1, 2, 3, 4)),
    ],
)
def test_a_migration_waits_for_those_who_write(
    empty: sa.Engine, revision: str, locks: tuple[str, ...], held: int
) -> None:
    """The migration waits for them, and never they for it and it for them."""
    migrate.upgrade(empty, f"{int(revision) - 1:04}")
    taken = [sa.text("LOCK TABLE {} IN {} MODE".format(*lock.split(" ", 1))) for lock in locks]
    with ThreadPoolExecutor(1) as pool, empty.connect() as writer:
        for statement in taken[:held]:
            writer.execute(statement)
        migration = pool.submit(migrate.upgrade, empty, revision)
        while not rows(empty, "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'relation'"):
            assert not migration.done()
        for statement in taken[held:]:
            writer.execute(statement)
        writer.commit()
        migration.result()
    assert migrate.current(empty) == revision


def test_who_reads_a_view_that_a_migration_changes_waits_and_then_reads(empty: sa.Engine) -> None:
    migrate.upgrade(empty, "0006")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
    with ThreadPoolExecutor(2) as pool, empty.connect() as writer:
        writer.execute(sa.text("LOCK TABLE products IN ROW EXCLUSIVE MODE"))
        migration = pool.submit(migrate.upgrade, empty, "0007")
        while rows(empty, waiting) != [(1,)]:
            assert not migration.done()
        reader = pool.submit(rows, empty, "SELECT count(*) FROM failures")
        while rows(empty, waiting) != [(2,)]:
            assert not reader.done()
        writer.commit()
        migration.result()
        assert reader.result() == [(0,)]


def test_views_have_the_columns_of_the_contract_and_a_comment(engine: sa.Engine) -> None:
    found = rows(
        engine,
        """
        SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum), obj_description(c.oid)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relkind = 'v' AND c.relnamespace = 'public'::regnamespace GROUP BY c.oid
        """,
    )
    assert {name: columns for name, columns, _ in found} == CONTRACT
    assert all(comment for _, _, comment in found)
