"""Exports of rows: just what the views show, whatever happens on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet
import pytest
import sqlalchemy as sa

from catalog import filters, jobs, locks, promotion
from catalog.errors import ExportError, JobCancelled, UnknownModel
from catalog.export.place import PARTIAL, Folder
from catalog.export.queries import ROWS
from catalog.export.rows import RowsWriter
from catalog.export.state import FILE, Format, Part, Range, State, What
from catalog.holds import act
from models.spreadsheets import as_it_was, harmless
from tests.catalog.exported import (
    Interrupted,
    Silence,
    export_rows,
    fill_shop,
    lose_rights,
    read,
    shown,
)
from tests.catalog.shop import add_images, add_product, add_version, execute, rows

ROWS_OF: tuple[What, ...] = ("tags", "detections", "segments", "embeddings")


@pytest.fixture
def shop(engine: sa.Engine) -> sa.Engine:
    fill_shop(engine)
    return engine


def job(engine: sa.Engine, job_id: int) -> Any:
    ((summary, state),) = rows(
        engine, "SELECT summary, state FROM jobs j JOIN job_progress ON job_id = id WHERE id = :id", id=job_id
    )
    return {"state": state, **summary}


@pytest.mark.parametrize("what", ROWS_OF)
@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_an_export_is_what_the_view_shows(
    shop: sa.Engine, tmp_path: Path, what: What, format: Format
) -> None:
    state, is_new = export_rows(shop, tmp_path / "out", what, format)
    expected = shown(shop, what, as_text=format == "csv")
    assert read(tmp_path / "out") == expected != []
    assert (state.rows, is_new) == (len(expected), True)
    assert len(state.parts) >= 5
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {FILE, *(f"part-{n:06d}.{format}" for n in range(1, len(state.parts) + 1))}
    assert state.bytes == sum(path.stat().st_size for path in (tmp_path / "out").glob("part-*"))
    summary = job(shop, state.job_id)
    assert (summary["state"], summary["rows"], summary["models"]) == (
        "finished",
        state.rows,
        [*state.versions],
    )


def test_a_view_has_no_column_that_an_export_lacks(engine: sa.Engine) -> None:
    for what in ROWS_OF:
        found = [column["name"] for column in sa.inspect(engine).get_columns(f"product_{what}")]
        assert found == list(ROWS[what].columns)
    assert {*ROWS} | {"coco", "cutouts"} == {*get_args(What)}


def test_embeddings_are_lists_of_fixed_size(shop: sa.Engine, tmp_path: Path) -> None:
    export_rows(shop, tmp_path, "embeddings")
    schema = pyarrow.parquet.read_schema(tmp_path / "part-000001.parquet")
    assert schema.field("embedding").type == pa.list_(pa.float32(), 2)
    assert schema.field("sku").type == pa.string()


def test_embeddings_of_two_widths_are_refused(shop: sa.Engine, tmp_path: Path) -> None:
    wide = add_version(shop, "wide", task="embed").id
    execute(shop, "INSERT INTO embeddings SELECT id, :wide, '[1,2,3]' FROM images", wide=wide)
    with pytest.raises(ExportError, match="differ in width: choose one model"):
        export_rows(shop, tmp_path / "both", "embeddings")
    assert not list((tmp_path / "both").glob("*part*"))
    ((code, reason),) = rows(shop, "SELECT code, reason FROM failures WHERE stage = 'export'")
    assert code == "export_failed"
    assert "differ in width" in reason
    execute(shop, "DELETE FROM embeddings WHERE model_version_id = :wide", wide=wide)
    assert export_rows(shop, tmp_path / "both", "embeddings")[0].rows
    assert rows(shop, "SELECT FROM failures WHERE stage = 'export'") == []
    states = rows(shop, "SELECT state FROM job_progress ORDER BY job_id")
    assert states == [("failed",), ("finished",)]
    execute(shop, "INSERT INTO embeddings SELECT id, :wide, '[1,2,3]' FROM images", wide=wide)
    export_rows(shop, tmp_path / "one", "embeddings", models=["wide"])
    assert {row[3] == [1, 2, 3] for row in read(tmp_path / "one")} == {True}


def test_stopped_and_gone_on_with_nothing_is_lost_or_doubled_and_models_stay(
    shop: sa.Engine, tmp_path: Path
) -> None:
    expected = shown(shop, "tags")
    with pytest.raises(KeyboardInterrupt):
        export_rows(shop, tmp_path, "tags", listener=Interrupted())
    before = json.loads((tmp_path / FILE).read_text())
    assert before["ranges_done"] == 2
    assert before["finished_at"] is None
    assert job(shop, before["job_id"])["interrupted"] is True
    with shop.begin() as connection:
        promotion.promote(connection, "classify@2")
    state, _ = export_rows(shop, tmp_path, "tags")
    assert read(tmp_path) == expected != shown(shop, "tags")
    assert state.versions == ("classify@1",)
    assert state.job_id != before["job_id"]  # which was closed
    again, _ = export_rows(shop, tmp_path, "tags", again=True)
    assert again.versions == ("classify@2",)
    assert read(tmp_path) == shown(shop, "tags")


def test_made_again_and_stopped_it_goes_on_too(shop: sa.Engine, tmp_path: Path) -> None:
    export_rows(shop, tmp_path, "tags")
    begun: list[int] = []

    class Notes(Silence):
        def at(self, done: int, total: int, rows: int) -> None:
            begun.append(done)

    with pytest.raises(KeyboardInterrupt):
        export_rows(shop, tmp_path, "tags", listener=Interrupted(), again=True)
    export_rows(shop, tmp_path, "tags", listener=Notes(), again=True)
    assert begun[0] == 10
    assert read(tmp_path) == shown(shop, "tags")


def test_a_part_that_was_written_and_not_noted_is_not_counted_twice(shop: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        export_rows(shop, tmp_path, "tags", listener=Interrupted())
    noted = (tmp_path / FILE).read_bytes()
    export_rows(shop, tmp_path, "tags")
    (tmp_path / FILE).write_bytes(noted)  # as if it had been killed, with all parts there
    (tmp_path / f"{PARTIAL}killed-part-000003.parquet").write_bytes(b"half")
    execute(shop, "DELETE FROM classifications WHERE image_id > 20")
    export_rows(shop, tmp_path, "tags")
    assert read(tmp_path) == shown(shop, "tags")
    assert not list(tmp_path.glob(f"{PARTIAL}*"))


def test_one_that_lost_its_right_to_write_leaves_the_place_to_another(
    shop: sa.Engine, tmp_path: Path
) -> None:
    def found() -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in tmp_path.iterdir()}

    of_other: dict[str, int] = {}

    class Loses(Silence):
        def at(self, done: int, total: int, rows: int) -> None:
            if done == 10:
                lose_rights(shop)
                export_rows(shop, tmp_path, "tags")
                of_other.update(found())

    with pytest.raises(ExportError, match="was lost; run the same command again"):
        export_rows(shop, tmp_path, "tags", listener=Loses())
    assert found() == of_other
    assert read(tmp_path) == shown(shop, "tags")
    state, is_new = export_rows(shop, tmp_path, "tags")
    assert not is_new
    assert job(shop, state.job_id)["rows"] == state.rows


def test_a_part_in_which_the_right_to_write_was_lost_is_not_noted(shop: sa.Engine, tmp_path: Path) -> None:
    class Loses(RowsWriter):
        def write(self, ranged: Range, state: State) -> Part | None:
            lose_rights(shop)
            return super().write(ranged, state)

    with pytest.raises(ExportError, match="was lost; run the same command again"):
        export_rows(shop, tmp_path, "tags", writer=Loses)
    noted = json.loads((tmp_path / FILE).read_text())
    assert noted["ranges_done"] == 0
    state, _ = export_rows(shop, tmp_path, "tags")
    assert state.job_id == noted["job_id"]  # who goes on takes it up
    assert read(tmp_path) == shown(shop, "tags")


def test_two_writers_of_one_name_spoil_nothing_of_each_other(tmp_path: Path) -> None:
    with Folder(tmp_path).writing("ab/x") as file:
        file.write(b"first")
        Folder(tmp_path).write("ab/x", b"second")
        assert (tmp_path / "ab/x").read_bytes() == b"second"
    assert (tmp_path / "ab/x").read_bytes() == b"first"


def test_an_open_job_is_taken_up(shop: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        export_rows(shop, tmp_path / "out", "tags", listener=Interrupted())
    killed = json.loads((tmp_path / "out" / FILE).read_text())["job_id"]
    execute(shop, "UPDATE jobs SET closed_at = NULL, summary = '{}'")  # as a kill leaves it
    state, _ = export_rows(shop, (tmp_path / "out").rename(tmp_path / "moved"), "tags")
    assert state.job_id == killed
    assert job(shop, killed)["state"] == "finished"


def test_the_job_of_an_export_that_was_killed_when_it_was_whole_is_closed(
    shop: sa.Engine, tmp_path: Path
) -> None:
    state, _ = export_rows(shop, tmp_path, "tags")
    summary = job(shop, state.job_id)
    execute(shop, "UPDATE jobs SET closed_at = NULL, summary = '{}'")  # as a kill leaves it
    assert export_rows(shop, tmp_path, "tags") == (state, False)
    closed_at = rows(shop, "SELECT closed_at FROM jobs")
    assert job(shop, state.job_id) == summary
    export_rows(shop, tmp_path, "tags")
    assert rows(shop, "SELECT closed_at FROM jobs") == closed_at  # once


def test_a_job_that_was_killed_before_anything_was_written_is_closed(shop: sa.Engine, tmp_path: Path) -> None:
    with shop.begin() as connection:
        killed = jobs.create(connection, "export", f"tags to {Folder(tmp_path).identity}")
        other = jobs.create(connection, "export", f"tags to elsewhere:{tmp_path}")
    export_rows(shop, tmp_path, "tags")
    assert job(shop, killed) == {"state": "finished", "interrupted": True}
    assert job(shop, other) == {"state": "running"}


def test_a_cancelled_job_stops_and_the_export_can_be_gone_on_with(shop: sa.Engine, tmp_path: Path) -> None:
    class Cancels(Silence):
        def at(self, done: int, total: int, rows: int) -> None:
            if done == 5:
                with shop.begin() as connection:
                    act(connection, jobs.progress(connection)[0].job_id, "cancel")

    with pytest.raises(JobCancelled, match="the same command goes on"):
        export_rows(shop, tmp_path, "tags", listener=Cancels())
    before = json.loads((tmp_path / FILE).read_text())
    assert before["ranges_done"] == 1
    assert job(shop, before["job_id"])["state"] == "cancelled"
    state, _ = export_rows(shop, tmp_path, "tags")
    assert state.job_id != before["job_id"]
    assert read(tmp_path) == shown(shop, "tags")


def test_a_finished_export_is_left_as_it_is_unless_it_is_wanted_again(
    shop: sa.Engine, tmp_path: Path
) -> None:
    first, _ = export_rows(shop, tmp_path, "tags")
    execute(shop, "DELETE FROM classifications WHERE image_id > 10")
    assert export_rows(shop, tmp_path, "tags") == (first, False)
    assert len(read(tmp_path)) == first.rows
    state, is_new = export_rows(shop, tmp_path, "tags", again=True)
    assert is_new
    assert read(tmp_path) == shown(shop, "tags")
    assert len(state.parts) < len(first.parts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "csv"}, "format: parquet there, csv now"),
        ({"where": ["sku=SKU-1"]}, "where: "),
        ({"models": ["classify@2"]}, "models: "),
        ({"what": "detections"}, "what: tags there, detections now"),
    ],
)
def test_another_export_into_the_same_folder_is_refused(
    shop: sa.Engine, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    export_rows(shop, tmp_path, "tags")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for again in (False, True):
        with pytest.raises(ExportError, match=said):
            export_rows(shop, tmp_path, **{"what": "tags", **change}, again=again)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_was_begun_from_another_database_is_refused(
    shop: sa.Engine, server: sa.Engine, tmp_path: Path
) -> None:
    """The same name is not enough: numbers of photos and jobs mean something else there."""
    with pytest.raises(KeyboardInterrupt):
        export_rows(shop, tmp_path / "begun", "tags", listener=Interrupted())
    export_rows(shop, tmp_path / "whole", "tags")
    shop.dispose()
    name = shop.url.database
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE tagmill_template"))
    fill_shop(shop)
    for folder in ("begun", "whole"):
        with pytest.raises(ExportError, match="of another database"):
            export_rows(shop, tmp_path / folder, "tags")
    with pytest.raises(ExportError, match="of another database"):
        export_rows(shop, tmp_path / "whole", "tags", again=True)
    assert rows(shop, "SELECT FROM jobs") == []


def test_a_role_without_special_rights_may_export(shop: sa.Engine) -> None:
    query = "SELECT has_function_privilege('nobody_in_particular', 'pg_control_system()', 'execute')"
    with shop.connect() as connection:
        connection.execute(sa.text("CREATE ROLE nobody_in_particular"))  # rolled back
        assert connection.scalar(sa.text(query))


def test_places_that_cannot_be_written_to_are_named(shop: sa.Engine, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ExportError, match="holds other things"):
        export_rows(shop, tmp_path, "tags")
    with pytest.raises(ExportError, match=r"letter\.txt is a file"):
        export_rows(shop, tmp_path / "letter.txt", "tags")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / FILE).write_text("{")
    with pytest.raises(ExportError, match="is damaged"):
        export_rows(shop, tmp_path / "damaged", "tags")
    with locks.exporting(shop, Folder(tmp_path / "busy").identity) as lock:
        assert lock is not None
        assert lock.holds()
        with pytest.raises(ExportError, match="another export is writing"):
            export_rows(shop, tmp_path / "busy", "tags")
    assert rows(shop, "SELECT FROM jobs") == []


def test_models_that_do_not_fit_are_named(shop: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match="detect@1 is a model to detect, and tags are of models to classify"
    ):
        export_rows(shop, tmp_path, "tags", models=["detect"])
    with pytest.raises(UnknownModel, match="no model 'none'"):
        export_rows(shop, tmp_path, "tags", models=["none"])
    execute(shop, "UPDATE model_versions SET state = 'retired'")
    with pytest.raises(ExportError, match="no model serves"):
        export_rows(shop, tmp_path, "detections")
    assert not list(tmp_path.iterdir())
    export_rows(shop, tmp_path, "tags")  # what people said is there without a model
    assert read(tmp_path) == shown(shop, "tags") != []


def test_results_that_were_collected_are_not_exported_as_if_they_were_whole(
    shop: sa.Engine, tmp_path: Path
) -> None:
    collected = "UPDATE model_versions SET state = 'retired', collected_at = now() WHERE name = 'embed'"

    class Collects(Silence):
        def at(self, done: int, total: int, rows: int) -> None:
            if done == 10:
                execute(shop, collected)

    refused = pytest.raises(ExportError, match=r"embed@1 were collected: .* `tagmill models promote embed@1`")
    export_rows(shop, tmp_path / "before", "embeddings", models=["embed@1"])
    with refused:
        export_rows(shop, tmp_path / "out", "embeddings", models=["embed@1"], listener=Collects())
    assert json.loads((tmp_path / "out" / FILE).read_text())["finished_at"] is None
    before = rows(shop, "SELECT id, summary FROM jobs")
    with refused:
        export_rows(shop, tmp_path / "out", "embeddings", models=["embed@1"])
    with refused:
        export_rows(shop, tmp_path / "new", "embeddings", models=["embed@1"])
    assert not (tmp_path / "new").exists()
    assert rows(shop, "SELECT id, summary FROM jobs") == before
    assert not export_rows(shop, tmp_path / "before", "embeddings", models=["embed@1"])[1]
    execute(shop, "UPDATE model_versions SET collected_at = NULL")
    export_rows(shop, tmp_path / "out", "embeddings", models=["embed@1"])
    assert read(tmp_path / "out") == read(tmp_path / "before")


def test_a_named_model_is_read_by_its_own_thresholds(shop: sa.Engine, tmp_path: Path) -> None:
    export_rows(shop, tmp_path, "detections", models=["detect@2"])
    with shop.begin() as connection:
        promotion.promote(connection, "detect@2")
    assert read(tmp_path) == shown(shop, "detections")


@pytest.mark.parametrize("what", ROWS_OF)
def test_conditions_hold_for_the_product_of_each_row(shop: sa.Engine, tmp_path: Path, what: What) -> None:
    where = ["sku=shared|SKU-19|SKU-3"]
    state, _ = export_rows(shop, tmp_path, what, where=where)
    wanted = {"shared", "SKU-19", "SKU-3"}
    expected = [row for row in shown(shop, what) if row[0] in wanted]
    assert read(tmp_path) == expected != []
    assert len(state.parts) < len(state.ranges())  # ranges without rows leave no file
    if what == "tags":
        assert {"model", "person"} <= {cell for row in expected for cell in row}


@pytest.mark.parametrize(
    "condition",
    [
        "price<20",
        "title~50%",
        "brand!=x' OR true --",
        "attributes.stock<3",
        "created_at>=2020-01-01",
        "brand=",
    ],
)
def test_values_of_conditions_are_data_to_copy_too(engine: sa.Engine, tmp_path: Path, condition: str) -> None:
    execute(
        engine,
        """
        INSERT INTO products (sku, price, title, brand, attributes) VALUES
        ('A', 9.99, '50% off', 'x', jsonb_build_object('stock', 2)), ('B', 20, '50 off', 'x'' OR true --', '{}'),
        ('C', NULL, '', '', '{}')
        """,
    )
    execute(engine, "INSERT INTO overrides SELECT id, 'Hat', true, 'Ann' FROM products")
    export_rows(engine, tmp_path, "tags", where=[condition])
    meant, parameters = filters.parse([condition]).of_product()
    expected = rows(engine, f"SELECT sku FROM products p WHERE {meant} ORDER BY 1", **parameters)
    assert [(row[0],) for row in read(tmp_path)] == expected != []


@pytest.mark.parametrize("what", ROWS_OF)
@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_an_export_of_nothing_is_a_file_without_rows(
    shop: sa.Engine, tmp_path: Path, what: What, format: Format
) -> None:
    state, _ = export_rows(shop, tmp_path, what, format, where=["sku=none"])
    assert (state.rows, len(state.parts)) == (0, 1)
    path = tmp_path / f"part-000001.{format}"
    if format == "csv":
        assert path.read_text() == ",".join(state.asked.columns) + "\n"
    else:
        assert pyarrow.parquet.read_schema(path).names == [*state.asked.columns]


def test_an_empty_catalog_is_exported(engine: sa.Engine, tmp_path: Path) -> None:
    assert export_rows(engine, tmp_path, "tags")[0].rows == 0
    assert read(tmp_path) == []


@pytest.mark.parametrize(
    "evil",
    [
        *(f"{start}cmd|' /C calc'!A0" for start in "=+-@\t\r＝＋－＠"),
        "x;=cmd|' /C calc'!A0;",
        "x\n@y",
        "'=1",
        "''-1;'+2\t=3",
        "-5",
    ],
)
def test_no_cell_of_a_csv_file_is_run_as_a_formula(engine: sa.Engine, tmp_path: Path, evil: str) -> None:
    product_id = add_product(engine, evil)
    word = "INSERT INTO overrides (product_id, label, accepted, author) VALUES (:p, :label, true, 'Ann')"
    execute(engine, word, p=product_id, label=evil)
    export_rows(engine, tmp_path / "csv", "tags", "csv")
    ((sku, _, _, label, *_),) = read(tmp_path / "csv")
    assert sku == label == harmless(evil) != evil
    assert as_it_was(sku) == evil
    export_rows(engine, tmp_path / "parquet", "tags")
    ((sku, _, _, label, *_),) = read(tmp_path / "parquet")
    assert (sku, label) == (evil, evil)


def test_a_tag_that_a_person_gives_meanwhile_is_not_lost(shop: sa.Engine, tmp_path: Path) -> None:
    """The model gave it, too: its row is the person's from then on."""
    execute(shop, "DELETE FROM overrides WHERE product_id <> (SELECT min(id) FROM products)")
    late = """
        SELECT product_id, label FROM product_tags
        WHERE origin = 'model' AND image_id > (SELECT min(id) + 10 FROM images) ORDER BY product_id DESC LIMIT 1
    """

    class Speaks(Silence):
        def at(self, done: int, total: int, rows: int) -> None:
            if done == 5:
                execute(
                    shop, f"INSERT INTO overrides SELECT product_id, label, true, 'Ann' FROM ({late}) found"
                )

    export_rows(shop, tmp_path, "tags", listener=Speaks())
    assert read(tmp_path) == shown(shop, "tags")


def test_what_is_taken_in_later_is_not_part_of_it(shop: sa.Engine, tmp_path: Path) -> None:
    expected = shown(shop, "segments")
    with pytest.raises(KeyboardInterrupt):
        export_rows(shop, tmp_path, "segments", listener=Interrupted())
    (image_id,) = add_images(shop, 1)
    add_product(shop, "new", [image_id])
    execute(
        shop,
        "INSERT INTO segments SELECT :image, id, 'Shirt', 1, 0.1, 1, 2, 3, 4, 'x' FROM serving_versions "
        "WHERE task = 'segment'",
        image=image_id,
    )
    export_rows(shop, tmp_path, "segments")
    assert read(tmp_path) == expected
    assert len(shown(shop, "segments")) > len(expected)
