"""Small tables: manifests, labels, taxonomies, interactions, in the dialects that there are."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

PRODUCTS = """sku,title,description,brand,category,price,currency,parent_sku,image,image_2,Colour,attributes
A1,Red shirt,"Two
lines, ""quoted\""",Acme,Shirts,12.50,eur,A,a.jpg|b.jpg,c.jpg,red,"{""size"": [1, {""a"": null}]}"
A2,,,,,"9,99",,,d.jpg,,,
A1,Red shirt,,,,,,,e.jpg,,,
B1,Größe шляпа,=cmd(),,,0.0001 USD,,../x,/etc/passwd,s3://other/key,,{}
"""
RECORDS = (
    {
        "sku": "A1",
        "title": "Red",
        "price": 12.5,
        "image": ["a.jpg", "b.jpg"],
        "attributes": {"a": [1, None, {"b": 2.5}]},
    },
    {"id": 7, "image": "a.jpg|b.jpg", "price": "12,50", "Colour": "red", "big": 10**30, "small": 1e-300},
    {"sku": "A1", "image": None, "deep": [[[[[["x"]]]]]]},
    {"sku": "Größe", "photo": "\\u0000 \U0001f600", "currency": "eur", "parent_sku": "A1"},
)


@cache
def csvs() -> tuple[bytes, ...]:
    """Manifests as CSV."""
    plain = PRODUCTS.encode()
    semicolons = b'sep=;\r\nSKU;Image;Preis\r\nA;a.jpg;1,5\r\nB;"b;c.jpg";2\r\n'
    return (
        plain,
        b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"),
        PRODUCTS.encode("utf-16"),
        b"\xfe\xff" + PRODUCTS.encode("utf-16-be"),
        b"sku\timage\nA\ta.jpg\n\nB\tb.jpg\n",
        semicolons,
        b"id|photo|photo 2\r1|a.jpg|b.jpg\r2|c.jpg|\r",
        b"sku,image\n" + b"".join(b"S%d,%d.jpg\n" % (k, k) for k in range(40)),
        b'sku,image\n"A,a.jpg\nB,b.jpg\nC,"c"x.jpg\nD,d.jpg\n',
    )


@cache
def jsonls() -> tuple[bytes, ...]:
    """Manifests as JSON Lines."""
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS)
    return (
        text.encode(),
        b"\xef\xbb\xbf" + text.encode() + b"\r\n",
        text.encode("utf-16"),
        json.dumps(RECORDS).encode(),
        b'{"sku": "A", "image": "a.jpg", "attributes": "{\\"a\\": 1}"}\n\n{"sku": "A"}\n[1]\nnull\n{"sku": NaN}\n',
        b'{"sku": "D", "image": ' + b"[" * 60 + b"]" * 60 + b"}\n",
    )


@cache
def parquets() -> tuple[bytes, ...]:
    """Manifests as Parquet, of every type that a column may have."""
    return tuple(_parquets())


def _parquets() -> Iterator[bytes]:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    columns = {
        "sku": ["A", "B", "C"],
        "image": [["a.jpg", None], [], ["c.jpg"]],
        "price": [1.5, None, 3.25],
        "when": [now, None, now + timedelta(days=1)],
        "attributes": [{"a": 1}, {"a": 2}, None],
    }
    yield _parquet(pa.table(columns))
    yield _parquet(pa.table({"sku": pa.array(["A", "B"]).dictionary_encode(), "image": ["a.jpg", "b.jpg"]}))
    odd = {
        "sku": pa.array([1, 2], pa.int64()),
        "image": pa.array(["a.jpg", "b.jpg"], pa.large_string()),
        "price": pa.array([Decimal("1.5"), None], pa.decimal128(12, 2)),
        "day": pa.array([0, 20_000], pa.date32()),
        "ns": pa.array([0, 10**18], pa.timestamp("ns", "Europe/Berlin")),
        "second": pa.array([0, 10], pa.timestamp("ms")),
        "time": pa.array([0, 10], pa.time64("us")),
        "long": pa.array([0, 10], pa.duration("s")),
        "half": pa.array([1.5, 2.5], pa.float32()),
        "bytes": pa.array([b"a", b"\xff"], pa.binary()),
        "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int32())),
        "truth": pa.array([True, None]),
    }
    table = pa.table(odd)
    for packing in ("none", "snappy", "zstd", "gzip"):
        yield _parquet(table, compression=packing)
    yield _parquet(table, use_dictionary=False, data_page_version="2.0", store_schema=False)
    rows = pa.table({"sku": [f"S{k}" for k in range(60)], "image": [f"{k}.jpg" for k in range(60)]})
    yield _parquet(rows, row_group_size=20, write_page_index=True, write_page_checksum=True)


def _parquet(table: pa.Table, **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()
