"""What shoppers did: from files and one by one, each once; forgotten when asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from catalog import migrate
from catalog.errors import BadShopper, InteractionsError
from catalog.interactions import Interaction, Loaded, forget, load, loading, read, record, shopper_name
from catalog.manifests import RowError
from tests.catalog.shop import add_product, execute, rows

HEADER = "shopper,sku,kind,happened_at\n"
NOW = datetime.now(UTC)


def take(engine: sa.Engine, path: Path) -> tuple[Loaded, list[RowError]]:
    errors: list[RowError] = []
    return load(engine, path, errors.append), errors


def written(folder: Path, text: str | bytes, name: str = "acts.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def known(engine: sa.Engine) -> list[tuple[Any, ...]]:
    query = """
        SELECT i.shopper, p.sku, i.kind, to_char(i.happened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
        FROM interactions i JOIN products p ON p.id = i.product_id ORDER BY i.happened_at, p.sku
    """
    return rows(engine, query)


@pytest.fixture
def products(engine: sa.Engine) -> None:
    for sku in ("a", "b"):
        add_product(engine, sku)


def test_a_file_is_taken_in_once_however_often_it_is_loaded(
    engine: sa.Engine, products: None, tmp_path: Path
) -> None:
    text = (
        "SKU;shopper;Happened at;kind;channel\n"
        "a;anna;2026-01-02T03:04;View;app\n"
        "b;anna;2026-01-02T04:05+02:00;purchase;app\n"
        "b;7;2026-01-03;cart;app\n"
        "a;anna;2026-01-02 03:04;view;web\n"
    )
    path = written(tmp_path, text)
    done, errors = take(engine, path)
    assert (done.as_dict(), errors) == ({"rows": 4, "new": 3, "known": 1, "refused": {}}, [])
    assert (take(engine, path)[0].new, take(engine, path)[0].known) == (0, 4)
    assert known(engine) == [
        ("anna", "b", "purchase", "2026-01-02 02:05"),
        ("anna", "a", "view", "2026-01-02 03:04"),
        ("7", "b", "cart", "2026-01-03 00:00"),
    ]


def test_bad_rows_are_named_and_the_rest_goes_on(
    engine: sa.Engine, products: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH_ROWS", 4)
    soon = (NOW + timedelta(days=1)).isoformat()
    text = HEADER + (
        "anna,a,view,2026-01-02\n"
        ",a,view,2026-01-02\n"
        "anna,,view,2026-01-02\n"
        "anna,nobody,view,2026-01-02\n"
        "anna,a,click,2026-01-02\n"
        "anna,a,,2026-01-02\n"
        "anna,a,view,\n"
        "anna,a,view,1767322800\n"
        "anna,a,view,02.01.2026\n"
        f"anna,a,view,{soon}\n"
        "anna,a,view,0001-01-01T00:00+14:00\n"
        "anna,a,view\n"
        f"{'x' * 201},a,view,2026-01-02\n"
        '"an\nna",a,view,2026-01-02\n'
        "anna,b,view,2026-01-03\n"
        "anna,b,view,1764123112345\n"
    )
    done, errors = take(engine, written(tmp_path, text))
    assert [(error.line, error.code) for error in errors] == [
        (3, "missing_shopper"),
        (4, "missing_sku"),
        (5, "unknown_sku"),
        (6, "bad_kind"),
        (7, "missing_kind"),
        (8, "missing_happened_at"),
        (9, "bad_happened_at"),
        (10, "bad_happened_at"),
        (11, "future"),
        (12, "bad_happened_at"),
        (13, "wrong_cell_count"),
        (14, "too_long"),
        (15, "bad_shopper"),
        (18, "bad_happened_at"),
    ]
    assert (done.rows, done.new, done.refused.total()) == (16, 2, 14)
    assert "view, cart, purchase" in errors[3].reason


def test_json_lines_and_parquet_are_read(engine: sa.Engine, products: None, tmp_path: Path) -> None:
    lines = (
        '{"shopper": "anna", "sku": "a", "kind": "view", "happened_at": "2026-01-02T03:04:05Z", "page": {"n": 1}}\n'
        '{"shopper": 7, "sku": "a", "kind": "cart", "happened_at": "2026-01-02T03:05:00Z"}\n'
        '{"shopper": "anna", "sku": "a", "happened_at": "2026-01-02"}\n'
        '{"shopper": "anna", "sku": "a", "kind": "view", "happened_at": 1767322800}\n'
        "[1]\n"
    )
    _, errors = take(engine, written(tmp_path, lines, "acts.jsonl"))
    assert [(error.line, error.code) for error in errors] == [
        (3, "missing_kind"),
        (4, "bad_happened_at"),
        (5, "malformed_row"),
    ]
    moment = datetime(2026, 1, 2, 3, 6, tzinfo=UTC)
    table = pa.table(
        {
            "shopper": ["anna", None],
            "sku": ["b", "b"],
            "kind": pa.array(["purchase", "view"]).dictionary_encode(),
            "happened_at": pa.array([moment, moment], pa.timestamp("ns", "UTC")),
        }
    )
    path = tmp_path / "acts.parquet"
    pq.write_table(table, path)
    done, errors = take(engine, path)
    assert (done.new, [(error.line, error.code) for error in errors]) == (1, [(2, "missing_shopper")])
    assert [row[:3] for row in known(engine)] == [
        ("anna", "a", "view"),
        ("7", "a", "cart"),
        ("anna", "b", "purchase"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("shopper,sku\nanna,a\n", "no column kind and no column happened_at; columns found: shopper, sku"),
        (b"\0\0\0\0", "NUL"),
    ],
)
def test_what_is_no_file_of_interactions_is_refused_as_a_whole(
    engine: sa.Engine, tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    with pytest.raises(InteractionsError, match=sentence):
        take(engine, written(tmp_path, text))


def test_a_file_that_is_not_there_is_an_answer(engine: sa.Engine, tmp_path: Path) -> None:
    for name in ("nowhere.csv", "\0.csv", ""):
        with pytest.raises(InteractionsError, match="cannot read"):
            take(engine, tmp_path / name)


def test_interactions_are_told_one_by_one_and_twice(engine: sa.Engine, products: None) -> None:
    zone = timezone(timedelta(hours=-5))
    act = read(1, "anna", "a", "cart", datetime(2026, 1, 1, 22, tzinfo=zone))
    assert isinstance(act, Interaction)
    stranger = read(2, "anna", "z", "view", "2026-01-02")
    bad = read(3, None, "a", "view", "2026-01-02")
    with engine.begin() as connection:
        told = record(connection, [act, stranger, bad, act])
    assert (told.new, told.known) == (1, 1)
    assert [(error.line, error.code) for error in told.refused] == [
        (2, "unknown_sku"),
        (3, "missing_shopper"),
    ]
    with engine.begin() as connection:
        assert record(connection, [act]).known == 1
        assert record(connection, []).new == 0
    assert known(engine) == [("anna", "a", "cart", "2026-01-02 03:00")]


HOSTILE = ["%_'\"\\;", "анна", "👟", "DROP TABLE interactions; --", "{1,2}", "NULL", ":shopper", "מתן"]


def test_names_are_only_names(engine: sa.Engine, products: None) -> None:
    with engine.begin() as connection:
        acts = [read(1, name, "a", "view", NOW) for name in HOSTILE]
        assert record(connection, acts).new == len(HOSTILE)
        assert [forget(connection, name) for name in HOSTILE] == [1] * len(HOSTILE)


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "a\nb", "\ud800", "x" * 10_000, "\u202eanna"])
def test_what_is_no_name_is_refused(name: str) -> None:
    assert isinstance(read(1, name, "a", "view", NOW), RowError)
    with pytest.raises(BadShopper, match="names no shopper"):
        shopper_name(name)


def test_a_shopper_is_forgotten_and_no_other(engine: sa.Engine, products: None) -> None:
    with engine.begin() as connection:
        told = [
            read(n, name, "a", "view", NOW - timedelta(days=n)) for n in (1, 2) for name in ("anna", "ann%")
        ]
        record(connection, told)
        assert forget(connection, "ann%") == 2
        assert forget(connection, "nobody") == 0
    assert [row[0] for row in known(engine)] == ["anna", "anna"]


def test_twins_that_were_there_before_the_migration_become_one(server: sa.Engine) -> None:
    name = f"twins_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine = sa.create_engine(server.url.set(database=name), poolclass=sa.NullPool)
    migrate.upgrade(engine, "0006")
    product = add_product(engine, "a")
    insert = "INSERT INTO interactions (shopper, product_id, kind, happened_at) VALUES ('anna', :p, :k, :at)"
    for kind in ("view", "view", "cart"):
        execute(engine, insert, p=product, k=kind, at=NOW)
    migrate.upgrade(engine)
    assert rows(engine, "SELECT kind FROM interactions ORDER BY kind") == [("cart",), ("view",)]
    migrate.downgrade(engine, "0006")
    assert rows(engine, "SELECT count(DISTINCT id) FROM interactions") == [(2,)]
    engine.dispose()
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}"))
