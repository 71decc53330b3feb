"""From manifests to committed work, on a real database and a real object store."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from PIL import Image

from catalog import holds
from catalog import ingest as ingest_module
from catalog.asset_store import S3AssetStore
from catalog.batches import Summary
from catalog.error_report import ErrorReport, report_path
from catalog.errors import JobCancelled, StoreUnavailable
from catalog.ingest import Ingest
from catalog.manifests import RowError, open_manifest
from catalog.sources import Sources
from models.photo import Limits
from tests.catalog.shop import add_version, rows

LIMITS = Limits(max_bytes=1_000_000, max_pixels=1_000_000)
HEADER = ("sku", "title", "price", "currency", "image", "image_2", "colour")


def photo(number: int, format: str = "PNG") -> bytes:
    """A small photo of its own."""
    buffer = io.BytesIO()
    Image.new("RGB", (8 + number % 3, 6), (number % 256, number // 256, 77)).save(buffer, format)
    return buffer.getvalue()


@dataclass
class Shop:
    """One test's shop: a folder of photos, a database, a bucket."""

    engine: sa.Engine
    store: S3AssetStore
    folder: Path
    versions: list[int]
    published: list[None] = field(default_factory=list)

    def ingest(
        self,
        manifest: Path | str,
        *,
        store: S3AssetStore | None = None,
        publish: Callable[[], object] | None = None,
        dry_run: bool = False,
        versions: Sequence[int] | None = None,
    ) -> Summary:
        with (
            open_manifest(str(manifest), store=self.store) as opened,
            ErrorReport(report_path(str(manifest))) as report,
        ):
            work = Ingest(
                self.engine,
                store or self.store,
                Sources(opened.base, store=self.store, max_bytes=LIMITS.max_bytes),
                LIMITS,
                self.versions if versions is None else versions,
                publish or (lambda: self.published.append(None)),
                threads=4,
            )
            return work.run(opened, report, dry_run=dry_run)

    def photos(self, *names: str) -> None:
        """Photos in the folder, each of its own by its place."""
        for number, name in enumerate(names):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo(number, "JPEG" if path.suffix == ".jpg" else "PNG"))

    def csv(self, *lines: Sequence[str], name: str = "products.csv", header: Sequence[str] = HEADER) -> Path:
        path = self.folder / name
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *lines])
        return path

    def links(self) -> dict[str, list[str]]:
        """Where the photos of each product came from, main photo first; without gaps in their places."""
        found: dict[str, list[str]] = {}
        query = """
            SELECT sku, source, position FROM products p LEFT JOIN product_images pi ON pi.product_id = p.id
            ORDER BY sku, position
        """
        for sku, source, position in rows(self.engine, query):
            sources = found.setdefault(sku, [])
            if source is not None:
                assert position == len(sources)
                sources.append(source)
        return found

    def failures(self) -> list[tuple[Any, ...]]:
        return rows(
            self.engine, "SELECT line, sku, source, code FROM failures WHERE stage = 'ingest' ORDER BY 1, 3"
        )

    def count(self, table: str) -> int:
        return int(rows(self.engine, f"SELECT count(*) FROM {table}")[0][0])

    def snapshot(self, *but: str) -> dict[str, Any]:
        """All rows of all tables, and all keys of the bucket."""
        tables = {"products", "images", "product_images", "work_items", "jobs", "ingest_errors"} - set(but)
        contents = {table: sorted(map(str, rows(self.engine, f"SELECT * FROM {table}"))) for table in tables}
        return {**contents, "objects": sorted(self.store.list())}

    def check_whole(self) -> None:
        """Every image has its bytes in the store and its work; nothing is doubled."""
        images = rows(self.engine, "SELECT sha256, object_key, bytes FROM images")
        for sha256, key, size in images:
            data = self.store.get(key)
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size)
        assert self.count("work_items") == len(images) * len(self.versions)
        assert sorted(self.store.list("images/")) == sorted(key for _, key, _ in images)


@pytest.fixture
def shop(engine: sa.Engine, store: S3AssetStore, tmp_path: Path) -> Shop:
    folder = tmp_path / "shop"
    folder.mkdir()
    return Shop(engine, store, folder, [add_version(engine, name).id for name in ("a", "b")])


# --- every kind of manifest


def as_csv(folder: Path) -> Path:
    path = folder / "products.csv"
    lines = ["sku;title;price;image;colour", "A;Ärmel;12,50 EUR;a1.png|a2.jpg;red", "B;;;b.png;", "C;Hat;3;;"]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def as_jsonl(folder: Path) -> Path:
    path = folder / "products.jsonl"
    products = [
        {
            "sku": "A",
            "title": "Ärmel",
            "price": 12.5,
            "currency": "EUR",
            "images": ["a1.png", "a2.jpg"],
            "colour": "red",
        },
        {"sku": "B", "images": "b.png"},
        {"sku": "C", "title": "Hat", "price": "3", "images": []},
    ]
    path.write_text("\n".join(map(json.dumps, products)))
    return path


def as_parquet(folder: Path) -> Path:
    path = folder / "products.parquet"
    columns = {
        "sku": ["A", "B", "C"],
        "title": ["Ärmel", None, "Hat"],
        "price": pa.array([12.5, None, 3.0], pa.float32()),
        "currency": ["EUR", None, None],
        "image": [["a1.png", "a2.jpg"], ["b.png"], []],
        "colour": ["red", None, None],
    }
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("write", [as_csv, as_jsonl, as_parquet])
def test_a_manifest_of_any_format_becomes_products_photos_objects_and_work(
    shop: Shop, write: Callable[[Path], Path]
) -> None:
    shop.photos("a1.png", "a2.jpg", "b.png")
    manifest = write(shop.folder)
    summary = shop.ingest(manifest)
    assert rows(shop.engine, "SELECT sku, title, price, currency, attributes FROM products ORDER BY sku") == [
        ("A", "Ärmel", Decimal("12.5"), "EUR", {"colour": "red"}),
        ("B", None, None, None, {}),
        ("C", "Hat", Decimal(3), None, {}),
    ]
    assert shop.links() == {"A": ["a1.png", "a2.jpg"], "B": ["b.png"], "C": []}
    images = "SELECT format, width, height FROM images ORDER BY width"
    assert rows(shop.engine, images) == [("PNG", 8, 6), ("JPEG", 9, 6), ("PNG", 10, 6)]
    assert rows(shop.engine, "SELECT DISTINCT state, attempts, job_id FROM work_items") == [
        ("pending", 0, summary.job_id)
    ]
    shop.check_whole()
    assert shop.published
    found = {name: value for name, value in summary.as_dict().items() if value and name != "seconds"}
    assert found == {
        "job_id": summary.job_id,
        "rows": 3,
        "photos": 3,
        "products_new": 3,
        "photos_new": 3,
        "work_new": 6,
    }
    assert rows(shop.engine, "SELECT kind, subject, closed_at IS NOT NULL, summary FROM jobs") == [
        ("ingest", str(manifest), True, summary.as_dict())
    ]
    assert not report_path(str(manifest)).exists()


def test_a_folder_is_a_manifest_of_its_photos(shop: Shop) -> None:
    shop.photos("hat.png", "shoes/red 1.jpg", "shoes/red 1.png")
    (shop.folder / "notes.txt").write_text("not a photo")
    summary = shop.ingest(shop.folder)
    assert (summary.products_new, summary.photos_new) == (2, 3)
    assert shop.links() == {"hat": ["hat.png"], "shoes/red 1": ["shoes/red 1.jpg", "shoes/red 1.png"]}
    shop.check_whole()


def test_a_prefix_of_a_bucket_is_a_manifest_of_its_photos(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.folder)
    for number, name in enumerate(("hat.png", "shoes/red.png")):
        shop.store.put(f"in/{name}", photo(number), "image/png")
    shop.store.put("other/coat.png", photo(9), "image/png")
    summary = shop.ingest(f"s3://{shop.store.bucket}/in")
    assert (summary.products_new, summary.photos_new) == (2, 2)
    assert shop.links() == {"hat": ["hat.png"], "shoes/red": ["shoes/red.png"]}
    shop.check_whole()


# --- again, and changed


def test_the_same_manifest_again_makes_no_new_work_and_changes_nothing(shop: Shop) -> None:
    shop.photos("a1.png", "a2.jpg", "b.png")
    manifest = as_csv(shop.folder)
    shop.ingest(manifest)
    before = shop.snapshot("jobs")
    summary = shop.ingest(manifest)
    assert shop.snapshot("jobs") == before
    found = {
        name: value
        for name, value in summary.as_dict().items()
        if value and name not in ("job_id", "seconds")
    }
    assert found == {"rows": 3, "photos": 3, "photos_known": 3}


def test_a_photo_that_is_gone_from_the_store_is_mended_by_ingesting_it_again(shop: Shop) -> None:
    shop.photos("a.png", "b.png")
    manifest = shop.csv(("A", "a.png"), ("B", "b.png"), header=("sku", "photo"))
    shop.ingest(manifest)
    key = rows(
        shop.engine,
        "SELECT i.object_key FROM images i JOIN product_images ON image_id = i.id WHERE source = 'a.png'",
    )[0][0]
    shop.store.delete(key)
    with shop.engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE work_items SET state = 'quarantined', error_code = 'object_missing', "
                "error_reason = 'gone', attempts = 4 FROM images i WHERE i.id = image_id AND object_key = :key"
            ),
            {"key": key},
        )
    assert shop.ingest(manifest).work_new == 2
    shop.check_whole()
    assert rows(shop.engine, "SELECT DISTINCT state, attempts FROM work_items") == [("pending", 0)]


def test_a_photo_of_several_products_is_stored_and_worked_on_once(shop: Shop) -> None:
    shop.photos("a.png")
    (shop.folder / "b.png").write_bytes((shop.folder / "a.png").read_bytes())
    lines = [("A", "", "", "", "a.png", "b.png", ""), ("B", "", "", "", "b.png", "", "")]
    summary = shop.ingest(shop.csv(*lines))
    assert (summary.photos, summary.photos_new, summary.work_new) == (3, 1, 2)
    assert shop.links() == {"A": ["a.png"], "B": ["b.png"]}
    shop.check_whole()


def test_rows_of_one_product_add_photos_after_those_it_has(shop: Shop) -> None:
    shop.photos("1.png", "2.png", "3.png", "4.png")
    shop.ingest(shop.csv(("A", "Hat", "", "", "1.png", "", ""), ("A", "", "", "", "2.png", "", "")))
    shop.ingest(shop.csv(("A", "Hat", "", "", "3.png", "1.png", ""), ("A", "Hat", "", "", "4.png", "", "")))
    assert shop.links() == {"A": ["1.png", "2.png", "3.png", "4.png"]}
    assert rows(shop.engine, "SELECT title FROM products") == [("Hat",)]


def test_changed_fields_are_updated_and_counted_and_blank_ones_take_nothing_away(shop: Shop) -> None:
    header = ("sku", "title", "price", "currency", "image", "size", "colour")
    shop.ingest(
        shop.csv(("A", "Hat", "5", "EUR", "", "L", ""), ("B", "Cap", "1", "", "", "", ""), header=header)
    )
    second = shop.csv(
        ("A", "Big hat", "", "", "", "", "red"), ("B", "Cap", "1.00", "", "", "", ""), header=header
    )
    query = "SELECT title, price, currency, attributes, updated_at > created_at FROM products ORDER BY sku"
    for changed in (1, 0):
        summary = shop.ingest(second)
        assert (summary.products_new, summary.products_changed) == (0, changed)
        assert rows(shop.engine, query) == [
            ("Big hat", Decimal(5), "EUR", {"size": "L", "colour": "red"}, True),
            ("Cap", Decimal(1), None, {}, False),
        ]


def test_a_new_model_version_makes_work_for_photos_that_are_known(shop: Shop) -> None:
    shop.photos("a1.png", "a2.jpg", "b.png")
    manifest = as_csv(shop.folder)
    assert shop.ingest(manifest, versions=shop.versions[:1]).work_new == 3
    assert shop.ingest(manifest).work_new == 3


# --- bad rows


def write_bad_manifest(shop: Shop) -> Path:
    shop.photos("good.png", "also.png")
    (shop.folder / "text.jpg").write_text("I am no photo")
    (shop.folder / "empty.jpg").write_bytes(b"")
    (shop.folder / "large.png").write_bytes(photo(1) + bytes(2_000_000))
    lines = [
        b"sku,title,price,image",
        b"A,Hat,5,good.png",
        b"B,Cap,5,gone.png",
        b"C,Cap,5,text.jpg|good.png|empty.jpg",
        b"A,Coat,5,also.png",
        b"D,\xe9t\xe9\xff,5,good.png",
        b"E,Bag,much,good.png",
        b"F,Bag,5,../../etc/passwd",
        b"G,Bag,5,large.png",
        b"=H,Bag,5,also.png",
        b"=I,Bag,much,also.png",
    ]
    path = shop.folder / "products.csv"
    path.write_bytes(b"\n".join(lines))
    return path


BAD = [
    (3, "B", "gone.png", "missing_file"),
    (4, "C", "empty.jpg", "empty_file"),
    (4, "C", "text.jpg", "not_an_image"),
    (5, "A", None, "contradicting_product"),
    (6, "D", None, "wrong_encoding"),
    (7, "E", None, "bad_price"),
    (8, "F", "../../etc/passwd", "outside_root"),
    (9, "G", "large.png", "too_many_bytes"),
    (11, "=I", None, "bad_price"),
]


def test_bad_rows_are_listed_with_line_and_reason_and_the_rest_goes_on(shop: Shop) -> None:
    manifest = write_bad_manifest(shop)
    summary = shop.ingest(manifest)
    assert shop.failures() == BAD
    assert sum(summary.errors.values()) == len(BAD)
    assert shop.links() == {
        "A": ["good.png"],
        "B": [],
        "C": ["good.png"],
        "F": [],
        "G": [],
        "=H": ["also.png"],
    }
    shop.check_whole()
    with report_path(str(manifest)).open(newline="", encoding="utf-8") as file:
        report = list(csv.DictReader(file))
    safe = [(line, sku and sku.replace("=I", "'=I"), source, code) for line, sku, source, code in BAD]
    listed = [(int(r["line"]), r["sku"] or None, r["source"] or None, r["code"]) for r in report]
    assert sorted(listed, key=str) == sorted(safe, key=str)
    assert all(r["reason"] for r in report)
    assert [path.name for path in shop.folder.parent.rglob("*partial*")] == []


def test_a_mended_manifest_clears_its_errors_from_whatever_folder_it_is_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_bad_manifest(shop)
    other = shop.folder / "other"
    other.mkdir()
    (other / "products.csv").write_text("sku,image\nX,gone.png")
    monkeypatch.chdir(other)
    shop.ingest("products.csv")
    shop.ingest(manifest)
    theirs = [(2, "X", "gone.png", "missing_file")]
    assert shop.failures() == [*theirs, *BAD]
    shop.ingest("../products.csv")
    assert shop.failures() == [*theirs, *BAD]
    shop.csv(("A", "Hat", "5", "", "good.png", "", ""))
    monkeypatch.chdir(shop.folder)
    shop.ingest("products.csv")
    assert shop.failures() == theirs
    assert not report_path(str(manifest)).exists()


def test_a_dry_run_reports_everything_and_changes_nothing(shop: Shop) -> None:
    manifest = write_bad_manifest(shop)
    before = shop.snapshot()
    summary = shop.ingest(manifest, dry_run=True)
    assert shop.snapshot() == before
    assert shop.published == []
    assert (summary.job_id, summary.rows, summary.photos_new) == (None, 10, 2)
    assert sum(summary.errors.values()) == len(BAD)


@pytest.mark.parametrize(
    "row",
    [
        {"title": "\0"},
        {"attributes": {"a": "\0"}},
        {"attributes": {"\0": 1}},
        {"attributes": {"a": ["\ud800"]}},
        {"\ud800": 1},
        {"brand": "\udcff"},
        {"image": "\0.png"},
        {"image": "\udcff.png"},
        {"image": "x" * 5000},
        {"price": 1e300},
        {"price": float("nan")},
        {"category": "c" * 100_000},
        {"sku": "s" * 100_000},
        {"parent_sku": "\u202e"},
    ],
    ids=str,
)
def test_no_row_takes_the_others_down(shop: Shop, row: dict[str, Any]) -> None:
    shop.photos("a.png")
    manifest = shop.folder / "products.jsonl"
    good = [{"sku": "A", "image": "a.png"}, {"sku": "Z", "image": "a.png"}]
    lines = [json.dumps(good[0]), json.dumps({"sku": "B", **row}), json.dumps(good[1])]
    manifest.write_text("\n".join(lines))
    summary = shop.ingest(manifest)
    assert sum(summary.errors.values()) == 1
    assert {"A", "Z"} <= shop.links().keys()
    assert [line for line, *_ in shop.failures()] == [2]


def test_no_key_of_a_bucket_takes_the_others_down(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers turn some keys down, and the client some others."""
    monkeypatch.chdir(shop.folder)  # the report goes there
    shop.store.put("feed/a.png", photo(1), "image/png")
    keys = (
        "",
        " ",
        "a//b",
        "/a",
        "x" * 1100,
        "x/" * 600,
        "\u202e",
        "%2e%2e/x",
        "a?b=1",
        "a#b",
        "\\",
        "..",
    )
    references = [f"s3://{shop.store.bucket}/feed/{key}" for key in (*keys, "a.png")]
    shop.store.put("feed/m.jsonl", json.dumps({"sku": "A", "image": references}).encode(), "application/json")
    summary = shop.ingest(f"s3://{shop.store.bucket}/feed/m.jsonl")
    assert sum(summary.errors.values()) == len(keys)
    assert set(summary.errors) <= {"missing_file", "unreadable", "outside_root", "control_characters"}
    assert shop.links() == {"A": [references[-1]]}


def test_a_row_of_many_photos_is_read_in_parts(shop: Shop) -> None:
    """A thousand names of one large photo would else be a thousand times its bytes."""
    names = [f"{n}.png" for n in range(11)]
    shop.photos(*names)
    manifest = shop.folder / "products.jsonl"
    manifest.write_text(json.dumps({"sku": "A", "title": "Hat", "image": [*names, "gone.png"]}))
    summary = shop.ingest(manifest)
    assert (summary.rows, summary.photos, summary.products_new, summary.products_changed) == (1, 12, 1, 0)
    assert summary.errors == {"missing_file": 1}
    assert shop.links() == {"A": names}
    again = shop.ingest(manifest)
    assert (again.photos_new, again.work_new, again.products_changed, shop.links()) == (0, 0, 0, {"A": names})


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_one_large_photo_under_many_names_does_not_fill_the_memory(shop: Shop) -> None:
    Image.effect_noise((900, 900), 50).save(shop.folder / "a.png", compress_level=0)
    large = (shop.folder / "a.png").read_bytes()
    names = ["./" * n + "a.png" for n in range(600)]
    manifest = shop.folder / "products.jsonl"
    manifest.write_text(json.dumps({"sku": "A", "image": names}))
    tracemalloc.start()
    try:
        summary = shop.ingest(manifest)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (summary.photos, len(large) > 800_000) == (600, True)
    assert peak < 60 * len(large)


@pytest.mark.parametrize("name", ["n" * 251 + ".csv", "ü" * 125 + ".csv"])
def test_the_longest_name_of_a_manifest_has_a_report(shop: Shop, name: str) -> None:
    shop.photos("a.png")
    manifest = shop.folder / name
    manifest.write_text("sku,image\n,a.png\n")
    assert shop.ingest(manifest).errors == {"missing_sku": 1}
    report = report_path(str(manifest))
    assert report.parent == shop.folder
    assert "missing_sku" in report.read_text()


def test_a_folder_in_the_place_of_the_report(shop: Shop) -> None:
    (shop.folder / "products.csv.errors.csv").mkdir()
    manifest = shop.csv(("", "t", "", "", "", "", ""))
    with open_manifest(str(manifest)) as opened, ErrorReport(report_path(str(manifest))) as report:
        for row in opened:
            assert isinstance(row, RowError)
            report.add(row)
    assert "missing_sku" in report.path.read_text()
    with ErrorReport(report_path(str(manifest))):
        """Nothing is refused, and nothing can be removed."""


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_a_file_name_that_is_no_text_is_one_bad_row(shop: Shop) -> None:
    shop.photos("a.png", "z.png")
    Path(os.fsdecode(os.fsencode(shop.folder) + b"/m\xff.png")).write_bytes(photo(5))
    assert sum(shop.ingest(shop.folder).errors.values()) == 1
    assert shop.links().keys() == {"a", "z"}


@pytest.mark.parametrize("writable", ["current", "temporary"])
def test_a_report_that_cannot_lie_beside_its_manifest_goes_elsewhere(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, writable: str
) -> None:
    places = {"current": shop.folder, "temporary": shop.folder}
    places |= {"current": shop.folder / "gone"} if writable == "temporary" else {}
    monkeypatch.setattr(Path, "cwd", lambda: places["current"])
    monkeypatch.setattr(tempfile, "tempdir", str(places["temporary"]))
    with open_manifest(str(write_bad_manifest(shop))) as opened:
        errors = [row for row in opened if not hasattr(row, "product")]
    with ErrorReport(shop.folder / "no such folder" / "products.csv.errors.csv") as report:
        for error in errors:
            report.add(error)
    assert report.path == shop.folder / "products.csv.errors.csv"
    assert len(report.path.read_text().splitlines()) == 1 + len(errors)


# --- at once, killed, cut off


def many_products(shop: Shop, count: int, name: str = "products.csv") -> Path:
    shop.photos(*(f"{n}.png" for n in range(count)))
    return shop.csv(
        *((f"P{n:04}", f"Hat {n}", "", "", f"{n}.png", "gone.png", "") for n in range(count)), name=name
    )


def test_two_ingests_of_one_manifest_at_once_end_with_each_row_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.batches.BATCH_PHOTOS", 16)
    manifest = many_products(shop, 120)
    both = threading.Barrier(2)

    def run(_: int) -> Summary:
        both.wait()
        return shop.ingest(manifest)

    with ThreadPoolExecutor(2) as pool:
        summaries = list(pool.map(run, range(2)))
    assert sum(summary.products_new for summary in summaries) == 120
    assert sum(summary.photos_new for summary in summaries) == 120
    assert sum(summary.work_new for summary in summaries) == 240
    assert all(len(photos) == 1 for photos in shop.links().values())
    shop.check_whole()
    assert {line for line, *_ in shop.failures()} == set(range(2, 122))
    assert len(report_path(str(manifest)).read_text().splitlines()) == 121


def test_ingests_of_the_same_photos_for_other_products_do_not_deadlock(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.batches.BATCH_PHOTOS", 64)
    manifest = many_products(shop, 128)
    shop.ingest(manifest)
    header, *lines = manifest.read_text().splitlines()
    orders = [lines, lines[::-1], lines[::2] + lines[1::2], lines[64:] + lines[:64]]
    manifests = []
    for n, order in enumerate(orders):
        manifests.append(shop.folder / f"products-{n}.csv")
        manifests[-1].write_text("\n".join([header, *order]).replace("\nP", f"\nQ{n}-"))
    shop.versions += [add_version(shop.engine, name).id for name in ("c", "d")]
    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(shop.ingest, manifests))
    assert sum(summary.work_new for summary in summaries) == 256
    shop.check_whole()


class Killed(Exception):
    """The process ends here."""


class DyingStore(S3AssetStore):
    """Stores so many objects, then dies: after an object is there, before anything says so."""

    puts = 0
    dies_at = 25

    def put(self, key: str, data: bytes, content_type: str) -> None:
        super().put(key, data, content_type)
        self.puts += 1
        if self.puts >= self.dies_at:
            raise Killed


def dying_store(shop: Shop) -> S3AssetStore:
    return DyingStore(shop.store._client, shop.store.bucket)


@pytest.mark.parametrize("where", ["upload", "publish"])
def test_an_ingest_killed_in_the_middle_and_run_again_ends_right(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr("catalog.batches.BATCH_PHOTOS", 16)
    manifest = many_products(shop, 40)

    def publish() -> None:
        if where == "publish":
            raise Killed

    with pytest.raises(Killed):
        shop.ingest(manifest, publish=publish, store=dying_store(shop) if where == "upload" else None)
    assert 0 < shop.count("images") < 40
    assert shop.count("work_items") == 2 * shop.count("images")
    summary = shop.ingest(manifest)
    assert summary.photos_new + summary.photos_known == 40
    assert shop.links() == {f"P{n:04}": [f"{n}.png"] for n in range(40)}
    shop.check_whole()


def test_an_ingest_whose_job_is_cancelled_ends_and_is_no_failure(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.batches.BATCH_PHOTOS", 16)

    def cancel() -> None:
        with shop.engine.begin() as connection:
            holds.act(connection, 1, "cancel")

    with pytest.raises(JobCancelled):
        shop.ingest(many_products(shop, 60), publish=cancel)
    assert 0 < shop.count("images") < 60
    assert rows(shop.engine, "SELECT error FROM job_progress") == [(None,)]
    assert not {"ingest_failed"} & {code for *_, code in shop.failures()}


def test_without_an_object_store_nothing_is_half_committed(shop: Shop) -> None:
    manifest = many_products(shop, 3)
    away = S3AssetStore.connect("http://127.0.0.1:1", "tagmill-key", "tagmill-secret", "tagmill", retries=0)
    with pytest.raises(StoreUnavailable):
        shop.ingest(manifest, store=away)
    assert [shop.count(table) for table in ("products", "images", "product_images", "work_items")] == [0] * 4
    ((state, error),) = rows(shop.engine, "SELECT state, error FROM job_progress")
    assert state == "failed"
    assert "object store failed" in error
    stopped = "SELECT reason FROM failures WHERE code = 'ingest_failed'"
    assert rows(shop.engine, stopped) == [(error,)]
    shop.ingest(manifest)
    assert rows(shop.engine, stopped) == []
    shop.check_whole()


# --- size


@pytest.mark.parametrize(
    ("limit", "value", "batches"),
    [("BATCH_PHOTOS", 10, 4), ("BATCH_PHOTOS", 1000, 1), ("BATCH_BYTES", 4 * len(photo(0)), 10)],
)
def test_a_batch_is_bounded_by_photos_and_by_bytes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, batches: int
) -> None:
    monkeypatch.setattr(f"catalog.batches.{limit}", value)
    manifest = many_products(shop, 40)
    for number in range(40):
        (shop.folder / f"{number}.png").write_bytes(photo(3 * number))
    shop.ingest(manifest)
    assert len(shop.published) == batches


def test_batches_take_the_lock_of_uploads_in_their_order(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way round a collector between them would make each wait for the other."""
    order: list[int] = []
    calls = itertools.count()
    real = ingest_module.uploading

    @contextmanager
    def first_is_slow(engine: sa.Engine) -> Iterator[sa.Connection]:
        if (call := next(calls)) == 0:
            time.sleep(0.5)
        with real(engine) as connection:
            order.append(call)
            yield connection

    monkeypatch.setattr(ingest_module, "uploading", first_is_slow)
    monkeypatch.setattr("catalog.batches.BATCH_PHOTOS", 2)
    manifest = many_products(shop, 6)
    for number in range(6):
        (shop.folder / f"{number}.png").write_bytes(photo(3 * number))
    assert shop.ingest(manifest).photos_new == 6
    assert order == [0, 1, 2]


def peak_memory() -> int:
    """The most memory this process had since `forget_peak`, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_memory_stays_flat_over_fifty_thousand_rows(shop: Shop) -> None:
    shop.photos(*(f"{n}.png" for n in range(7)))
    manifest = shop.folder / "large.csv"
    with manifest.open("w", encoding="utf-8") as file:
        file.write("sku,title,description,image\n")
        for n in range(50_000):
            file.write(f"P{n},Hat {n},{str(n) * 200},{f'{n % 7}.png' if n % 50 == 0 else ''}\n")
    forget_peak()
    before = peak_memory()
    started = time.perf_counter()
    summary = shop.ingest(manifest)
    seconds = time.perf_counter() - started
    assert (summary.rows, summary.products_new, summary.photos_new) == (50_000, 50_000, 7)
    assert shop.count("product_images") == 1_000
    assert peak_memory() - before < 50_000_000, "held together, the rows are more than twice that"
    assert seconds < 60
