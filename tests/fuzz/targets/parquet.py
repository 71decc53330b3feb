"""Manifests as Parquet: any bytes, and a footer that lies about a file that is whole."""

from __future__ import annotations

from tests.fuzz.seeds.tables import parquets
from tests.fuzz.target import Target
from tests.fuzz.targets.rows import check_rows, read


def check(data: bytes) -> None:
    rows = read(data, "parquet")
    check_rows(rows or [])


TARGET = Target("parquet", parquets, check)
