"""Manifests that want to crash, to hang, to fill the memory, or to mean something else to another reader."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.errors import InteractionsError, ManifestError
from catalog.interactions.loading import load
from catalog.manifests import Row, RowError, open_manifest
from tests.catalog.measured import cost

MANY = 250_000_000


def read(path: Path) -> list[Row | RowError]:
    with open_manifest(str(path)) as manifest:
        return list(manifest)


def codes(path: Path) -> list[str]:
    return ["good" if isinstance(row, Row) else row.code for row in read(path)]


# --- memory


@pytest.mark.parametrize(
    ("name", "start", "piece", "end"),
    [
        ("m.csv", b'sku,image,description\nA,a.jpg,x\nB,b.jpg,"', b"y", b'"\nC,c.jpg,z\n'),
        ("m.csv", b"sku,image,description\nA,a.jpg,x\nB,b.jpg,", "😀".encode(), b"\nC,c.jpg,z\n"),
        ("m.csv", b"sku,image\nA,a.jpg\n", b"B,", b"\nC,c.jpg\n"),
        ("m.jsonl", b'{"sku": "A"}\n{"sku": "B', b"y", b'"}\n{"sku": "C"}\n'),
        ("m.jsonl", b'{"sku": "A"}\n{"sku": "B", "x": ', b"[", b'}\n{"sku": "C"}\n'),
    ],
)
def test_a_cell_of_a_quarter_gigabyte_is_one_bad_row(
    tmp_path: Path, name: str, start: bytes, piece: bytes, end: bytes
) -> None:
    block = piece * (1_000_000 // len(piece))
    with (tmp_path / name).open("wb") as file:
        file.write(start)
        file.writelines(block for _ in range(MANY // len(block)))
        file.write(end)
    found = cost(tmp_path / name)
    (tmp_path / name).unlink()
    assert found.codes == {"good": 2, "too_long": 1}
    assert found.peak < 250_000_000


def nulls(count: int) -> Any:
    return pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), pa.nulls(count, pa.string()))


def one_value(rows: int, size: int) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["y" * size]))


BOMBS: dict[str, Callable[[], dict[str, Any]]] = {
    "a row of nulls": lambda: {"sku": ["A"], "image": nulls(150_000_000)},
    "one value, referred to often": lambda: {
        "sku": list(map(str, range(1024))),
        "image": ["a"] * 1024,
        "description": one_value(1024, 4_000_000),
    },
    "a cell of many bytes": lambda: {
        "sku": ["A"],
        "image": ["a"],
        "description": ["y" * 1_200_000_000],
    },
}


def check_bounded(path: Path) -> None:
    """One bad row, within the bounds of the reader and of the process that unpacks."""
    found = cost(path)
    assert found.codes == {"malformed_row": 1}
    assert found.peak < 250_000_000
    assert found.peak_below < 1_300_000_000


@pytest.mark.chaos  # to make them takes time and memory, to read them little
@pytest.mark.parametrize("made", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("stored", [True, False])
def test_a_few_kilobytes_of_parquet_stand_for_gigabytes(
    tmp_path: Path, made: Callable[[], dict[str, Any]], stored: bool
) -> None:
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table(made()), path, compression="zstd", store_schema=stored, write_statistics=False)
    assert path.stat().st_size < 200_000
    check_bounded(path)


def test_parquet_is_unpacked_under_a_cap(tmp_path: Path) -> None:
    """The smallest of the bombs, which would take 2.4 GB."""
    path = tmp_path / "m.parquet"
    columns = {"sku": list(map(str, range(1024))), "image": ["a"] * 1024, "text": one_value(1024, 2_400_000)}
    pq.write_table(pa.table(columns), path, compression="zstd", store_schema=False)
    check_bounded(path)


def test_a_large_row_of_parquet_is_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    columns = {"sku": ["A", "B", "C"], "image": ["a", "b", "c"], "text": ["x", "y" * 60_000_000, "z"]}
    pq.write_table(pa.table(columns), path, compression="zstd")
    assert codes(path) == ["good", "too_long", "good"]
    assert "the row has 60,00" in str(read(path)[1])  # it was not handed on to have its cells measured


def test_parquet_of_dictionaries_extensions_and_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table({"sku": one_value(3, 5), "image": ["a", "b", "c"]}), path)
    assert [row.line for row in read(path)] == [1, 2, 3]
    pq.write_table(pa.table({"sku": pa.array([], pa.string()), "image": pa.array([], pa.string())}), path)
    assert read(path) == []


@pytest.mark.parametrize("at", [4, 40, 400, -2, -6, -7, -8])
def test_parquet_that_lies(tmp_path: Path, at: int) -> None:
    """Sizes, counts and offsets that are not so: rows, or one error."""
    path = tmp_path / "m.parquet"
    columns = {"sku": list(map(str, range(500))), "image": ["a"] * 500, "price": [1.5] * 500}
    pq.write_table(pa.table(columns), path)
    good = path.read_bytes()
    for value in (0, 0x7F, 0xFF):
        path.write_bytes(good[:at] + bytes([value]) + good[at:][1:])
        with suppress(ManifestError):
            assert len(read(path)) <= 501


def test_the_child_is_gone_when_the_manifest_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table({"sku": list(map(str, range(100_000))), "image": ["a"] * 100_000}), path)
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for _ in range(3):
        with open_manifest(str(path)) as manifest:
            next(iter(manifest))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


# --- time


@pytest.mark.parametrize("name", ["c", ""])
def test_a_million_columns_are_refused_at_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(
        "sku,image," + ",".join(f"{name}{n if name else ''}" for n in range(1_000_000)) + "\nA,a.jpg"
    )
    start = time.process_time()
    with pytest.raises(ManifestError, match="1,000,002 columns"):
        read(path)
    assert time.process_time() - start < 5


def test_a_name_that_is_twice_among_a_million_is_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    members = ",".join(f'"{n:x}":1' for n in range(500_000))
    path.write_text(f'{{"sku":"A",{members},"1":2}}\n{{"sku":"B"}}\n')
    start = time.process_time()
    assert codes(path) == ["malformed_row", "good"]
    assert time.process_time() - start < 10


# --- what it says


@pytest.mark.parametrize(
    "line",
    [
        '{"sku": "A", "sku": "B", "image": "a.jpg"}',
        '{"sku": "A", "x": {"price": 1, "price": 2}}',
        '{"sku": "A", "attributes": "{\\"a\\": 1, \\"a\\": 2}"}',
        '{"sku": "A", "n": ' + "9" * 10_000 + "}",
        '{"sku": "A", "attributes": "{\\"n\\": ' + "9" * 10_000 + '}"}',
        '{"sku": "A", "x": ' + "[" * 200_000 + "]" * 200_000 + "}",
    ],
    ids=lambda line: line[:40],
)
def test_what_two_readers_of_json_may_take_for_two_things(tmp_path: Path, line: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(f'{line}\n{{"sku": "C"}}\n')
    bad, good = read(path)
    assert isinstance(good, Row)
    assert isinstance(bad, RowError)
    assert bad.code in ("malformed_row", "bad_attributes")
    assert len(bad.reason) < 500


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("m.csv", data)
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped])
@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_archives_are_not_taken(tmp_path: Path, pack: Callable[[bytes], bytes], name: str) -> None:
    (tmp_path / name).write_bytes(pack(b"sku,image\nA,a.jpg\n"))
    with pytest.raises(ManifestError, match="archives are not taken: unpack it"):
        read(tmp_path / name)


# --- where it lies


def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "m.csv"
    os.mkfifo(pipe)
    with pytest.raises(ManifestError, match="no regular file"):
        read(pipe)
    with pytest.raises(InteractionsError, match="no regular file"):
        load(None, pipe, print)  # type: ignore[arg-type]  # it comes to no database


@pytest.mark.parametrize("name", [b"\xff.csv", b"\xfe/m.csv"])
def test_a_path_that_is_no_text_is_named(tmp_path: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.parent.mkdir(exist_ok=True)
    path.write_text("sku,image\nA,a.jpg\n")
    with pytest.raises(ManifestError, match="not valid text; rename it") as caught:
        read(path)
    assert str(caught.value).isprintable()


def test_a_folder_that_cannot_be_read_takes_no_other_down(tmp_path: Path) -> None:
    """As deep as no path is long: even root cannot look into it by its name."""
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "z.jpg").write_bytes(b"x")
    within = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=within)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=within)
        os.close(within)
        within = deeper
    os.close(within)
    good, bad, last = read(tmp_path)
    assert isinstance(good, Row)
    assert isinstance(last, Row)
    assert isinstance(bad, RowError)
    assert (bad.code, bad.sku, last.product.sku) == ("unreadable", None, "z/z")
    assert json.dumps(bad.reason).isascii()
