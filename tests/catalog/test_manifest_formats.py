"""JSON Lines, Parquet, folders and buckets as manifests."""

from __future__ import annotations

import datetime
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.asset_store import MemoryAssetStore
from catalog.errors import BucketMissing, ManifestError
from catalog.manifests import Limits, Progress, Row, RowError, open_manifest
from catalog.sources import Sources


def read(path: Path | str, **options: Any) -> list[Row | RowError]:
    with open_manifest(str(path), **options) as manifest:
        return list(manifest)


def skus(rows: list[Row | RowError]) -> list[tuple[int, str]]:
    return [(row.line, row.product.sku if isinstance(row, Row) else row.code) for row in rows]


def json_lines(folder: Path, *lines: object, name: str = "m.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def test_json_lines(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path,
        {"sku": "A", "image": "a.jpg|b.jpg", "price": 12.1, "currency": "usd", "size": {"eu": [40, 41]}},
        "",
        {"ID": 7, "Photos": ["a|b.jpg", "c.jpg", None], "price": "12,10", "new": True, "none": None},
        {"sku": "C", "price": 19, "attributes": {"a": 1.5}},
    )
    a, b, c = read(path)
    assert isinstance(a, Row)
    assert isinstance(b, Row)
    assert isinstance(c, Row)
    assert (a.photos, a.product.price, a.product.currency) == (("a.jpg", "b.jpg"), Decimal("12.1"), "USD")
    assert a.product.attributes == {"size": {"eu": [40, 41]}}
    assert (b.line, b.product.sku, b.photos) == (3, "7", ("a|b.jpg", "c.jpg"))
    assert (b.product.price, b.product.attributes) == (Decimal("12.1"), {"new": True})
    assert (c.photos, c.product.price, c.product.attributes) == ((), Decimal(19), {"a": 1.5})


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("not json", "malformed_row"),
        ('{"sku": "B"', "malformed_row"),
        ("[1, 2]", "malformed_row"),
        ('"text"', "malformed_row"),
        ("[" * 100_000, "malformed_row"),
        ('{"sku": "B", "SKU": "C"}', "malformed_row"),
        ('{"sku": "B", "price": NaN}', "malformed_row"),
        ('{"sku": "B", "n": ' + "9" * 5000 + "}", "malformed_row"),
        ('{"sku": "B", "a\\u0000": 1}', "malformed_row"),
        ('{"sku": "B", "price": 1e999}', "bad_price"),
        ('{"sku": "B", "price": -0.01}', "bad_price"),
        ('{"sku": "B", "price": true}', "bad_price"),
        ('{"sku": "B", "price": [1]}', "bad_price"),
        ('{"sku": "B", "price": ' + "9" * 400 + "}", "bad_price"),
        ("{}", "missing_sku"),
        ('{"sku": null}', "missing_sku"),
        ('{"sku": 1.5}', "bad_sku"),
        ('{"sku": true}', "wrong_type"),
        ('{"sku": ["B"]}', "wrong_type"),
        ('{"sku": "B", "title": {"en": "x"}}', "wrong_type"),
        ('{"sku": "B", "image": {"url": "x"}}', "wrong_type"),
        ('{"sku": "B", "image": [1]}', "wrong_type"),
        ('{"sku": "B", "image": ["a\\u0000.jpg"]}', "control_characters"),
        ('{"sku": "B", "x": {"y": ["\\u0000"]}}', "control_characters"),
        ('{"sku": "B", "x": {"\\u0000": 1}}', "control_characters"),
        ('{"sku": "B", "title": "\\ud800"}', "wrong_encoding"),
        ('{"sku": "B", "x": 1e999}', "bad_attributes"),
        ('{"sku": "B", "x": ' + "[" * 30 + "]" * 30 + "}", "bad_attributes"),
        ('{"sku": "B", "x": "' + "x" * 1_000_001 + '"}', "too_long"),
        ('{"sku": "B", "x": "' + "x" * 9_000_000 + '"}', "too_long"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(tmp_path: Path, line: str, code: str) -> None:
    rows = read(json_lines(tmp_path, {"sku": "A"}, line, {"sku": "C"}))
    assert skus(rows) == [(1, "A"), (2, code), (3, "C")]
    (error,) = (row for row in rows if isinstance(row, RowError))
    assert error.reason.isprintable()
    assert len(error.reason) < 500


def test_wrong_bytes_in_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"sku": "A"}\n{"sku": "Gr\xf6\xdfe"}\n{"sku": "C"}\n')
    rows = read(path)
    assert skus(rows) == [(1, "A"), (2, "wrong_encoding"), (3, "C")]
    assert "0xF6" in str(rows[1])


def test_a_json_array_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="jq"):
        read(json_lines(tmp_path, [{"sku": "A"}], name="m.json"))


def write_parquet(folder: Path, columns: dict[str, Any], **options: Any) -> Path:
    path = folder / "m.parquet"
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_parquet(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path,
        {
            "SKU": pa.array([1, 2, None], pa.int64()),
            "images": [["a.jpg", "b|c.jpg"], [], None],
            "price": pa.array([1234.56, None, 1.0], pa.float32()),
            "weight": pa.array([Decimal("1.50"), None, None], pa.decimal128(10, 2)),
            "since": [datetime.date(2026, 1, 2), None, None],
            "sizes": pa.array([[("eu", 40)], None, None], pa.map_(pa.string(), pa.int32())),
            "title": pa.array(["t", "t", "t"]).dictionary_encode(),
        },
    )
    with open_manifest(str(path)) as manifest:
        assert manifest.progress() == Progress(0, 3, "rows")
        first, second, third = manifest
        assert manifest.progress() == Progress(3, 3, "rows")
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert (first.product.sku, first.photos) == ("1", ("a.jpg", "b|c.jpg"))
    assert (first.product.price, first.product.title) == (Decimal("1234.56"), "t")
    assert first.product.attributes == {"weight": "1.50", "since": "2026-01-02", "sizes": {"eu": 40}}
    assert (second.line, second.photos, second.product.price) == (2, (), None)
    assert isinstance(third, RowError)
    assert (third.line, third.code) == (3, "missing_sku")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_parquet_prices_are_numbers(tmp_path: Path, value: float, kind: Any) -> None:
    path = write_parquet(tmp_path, {"sku": ["A"], "image": ["a"], "price": pa.array([value], kind)})
    assert skus(read(path)) == [(1, "bad_price")]


def test_wrong_bytes_in_parquet(tmp_path: Path) -> None:
    offsets = pa.array([0, 1, 2, 3], pa.int32()).buffers()[1]
    raw = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"A\xffC"))
    path = write_parquet(tmp_path, {"sku": raw, "image": ["a", "b", "c"]})
    assert skus(read(path)) == [(1, "A"), (2, "wrong_encoding"), (3, "C")]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"a": [1], "b": [2]}, "Columns found: a, b"),
        ({"sku": ["A"], "image": [b"bytes"]}, "binary"),
        ({"sku": ["A"], "image": [{"bytes": b"", "path": "a"}]}, "struct"),
        ({"sku": ["A"], "image": [[1]]}, "int64"),
    ],
)
def test_parquet_without_usable_columns(tmp_path: Path, columns: dict[str, Any], found: str) -> None:
    with pytest.raises(ManifestError, match=found):
        read(write_parquet(tmp_path, columns))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100, b"sku,image\n"])
def test_a_file_that_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.parquet").write_bytes(content)
    with pytest.raises(ManifestError, match="no readable Parquet"):
        read(tmp_path / "m.parquet")


def test_a_damaged_parquet_file_says_where(tmp_path: Path) -> None:
    many = {"sku": [f"S{n}" for n in range(5000)], "image": ["a.jpg"] * 5000}
    path = write_parquet(tmp_path, many, row_group_size=1000, use_dictionary=False, compression="NONE")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 9000] = b"\xff" * 9000
    path.write_bytes(data)
    rows = read(path)
    assert isinstance(rows[0], Row)
    assert isinstance(rows[-1], RowError)
    assert rows[-1].line == len(rows)


def test_parquet_is_streamed(tmp_path: Path) -> None:
    rows = 50_000
    path = write_parquet(tmp_path, {"sku": [f"S{n}" for n in range(rows)], "image": ["a.jpg"] * rows})
    before = pa.total_allocated_bytes()
    with open_manifest(str(path)) as manifest:
        peak = 0
        for n, _ in enumerate(manifest):
            if n % 1000 == 0:
                peak = max(peak, pa.total_allocated_bytes() - before)
    assert n == rows - 1
    assert peak < 2_000_000


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in (
        "b.jpg",
        "a/2.PNG",
        "a/1.webp",
        "a|b;c.jpeg",
        "b.png",
        " c.gif",
        "notes.txt",
        ".hidden.jpg",
        "x.v2.jpg",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / ".git").mkdir()
    (folder / ".git" / "d.jpg").write_bytes(b"x")
    return folder


def test_a_folder(photos: Path) -> None:
    (photos / "link").symlink_to(photos)
    (photos / "z.jpg").symlink_to("/etc/passwd")
    with open_manifest(str(photos)) as manifest:
        assert manifest.progress() == Progress(0, 8, "files")
        rows = list(manifest)
        assert manifest.progress() == Progress(8, 8, "files")
        assert manifest.base == str(photos)
    found = [(row.product.sku, row.photos, row.repeats) for row in rows if isinstance(row, Row)]
    assert found == [
        ("c", (" c.gif",), None),
        ("a|b;c", ("a|b;c.jpeg",), None),
        ("b", ("b.jpg",), None),
        ("b", ("b.png",), 3),
        ("x.v2", ("x.v2.jpg",), None),
        ("z", ("z.jpg",), None),
        ("a/1", ("a/1.webp",), None),
        ("a/2", ("a/2.PNG",), None),
    ]
    sources = Sources(manifest.base)
    assert all(sources.read(reference) == b"x" for sku, (reference,), _ in found if sku != "z")


def test_strange_names_in_a_folder(photos: Path) -> None:
    (photos / "\u202egpj.jpg").write_bytes(b"x")
    (photos / "two\nlines.jpg").write_bytes(b"x")
    (photos / ("long" * 50 + ".jpg")).write_bytes(b"x")
    (photos / ("long" * 60 + ".jpg")).write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(photos) + b"/\xff.jpg")).write_bytes(b"x")
    codes = sorted(row.code for row in read(photos) if isinstance(row, RowError))
    assert codes == ["bad_sku", "bad_sku", "too_long", "wrong_encoding"]


def test_a_folder_without_photos(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no photos below"):
        read(tmp_path)


@pytest.fixture
def store() -> MemoryAssetStore:
    shop = MemoryAssetStore("shop")
    shop.ensure_bucket()
    for key in ("feed/a.jpg", "feed/b/c.png", "feed/notes.txt", "feed-2/x.jpg"):
        shop.put(key, b"x", "image/jpeg")
    shop.put("lists/m.csv", b"sku,image\nA,../x\nB,b.jpg\n", "text/csv")
    shop.put("lists/b.jpg", b"photo b", "image/jpeg")
    return shop


@pytest.mark.parametrize("location", ["s3://shop/feed", "s3://shop/feed/"])
def test_a_bucket(store: MemoryAssetStore, location: str) -> None:
    with open_manifest(location, store=store.in_bucket("elsewhere")) as manifest:
        rows = list(manifest)
        assert manifest.progress() == Progress(2, None, "objects")
        assert manifest.base == "s3://shop/feed/"
    assert skus(rows) == [(1, "a"), (2, "b/c")]
    sources = Sources(manifest.base, store=store)
    assert [sources.read(row.photos[0]) for row in rows if isinstance(row, Row)] == [b"x", b"x"]


def test_a_whole_bucket(store: MemoryAssetStore) -> None:
    assert len(read("s3://shop", store=store)) == len(read("s3://shop/", store=store)) == 4


def test_a_manifest_in_a_bucket(store: MemoryAssetStore) -> None:
    with open_manifest("s3://shop/lists/m.csv", store=store) as manifest:
        assert skus(list(manifest)) == [(2, "A"), (3, "B")]
        assert Sources(manifest.base, store=store).read("b.jpg") == b"photo b"


def test_nothing_in_the_bucket(store: MemoryAssetStore) -> None:
    with pytest.raises(ManifestError, match="no photos below"):
        read("s3://shop/none/", store=store)
    with pytest.raises(ManifestError, match="no manifest"):
        read("s3://shop/none.csv", store=store)
    with pytest.raises(BucketMissing):
        read("s3://none/", store=store)
    with pytest.raises(ManifestError, match="bucket's name"):
        read("s3://", store=store)
    with pytest.raises(ManifestError, match="object store"):
        read("s3://shop/feed")


def test_places_that_are_no_manifest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "m.xlsx").write_bytes(b"PK")
    for place, found in [
        (str(tmp_path / "none.csv"), "no manifest"),
        ("nul\0.csv", "no manifest"),
        ("x" * 5000, "no manifest"),
        (str(tmp_path / "pipe.csv"), "no regular file"),
        (str(tmp_path / "m.xlsx"), "unknown format '.xlsx'"),
    ]:
        with pytest.raises(ManifestError, match=found):
            read(place)


def test_a_format_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_text("sku,image\nA,a.jpg\n")
    assert skus(read(path, format="csv")) == [(2, "A")]
    with pytest.raises(ManifestError, match="unknown format"):
        read(path, limits=Limits())
