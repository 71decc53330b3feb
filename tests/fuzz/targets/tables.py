"""Tables besides manifests: labels, the taxonomy, interactions, and labelled photos to train on."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from catalog.errors import LabelsError, ManifestError, TaxonomyError
from catalog.interactions.rows import INTERACTIONS
from catalog.label_file import read as read_labels
from catalog.manifests.open import FileFormat, open_reader
from catalog.manifests.rows import RowError
from catalog.review.taxonomy_file import read as read_taxonomy
from tests.fuzz.seeds.tables import csvs
from tests.fuzz.target import Target


class Registry:
    """What the taxonomy asks the database for."""

    def execute(self, _: object) -> list[tuple[str, list[str]]]:
        return [("product-type", ["bag", "shoe"]), ("material", ["wool"])]


def check(data: bytes) -> None:
    _labels(data)
    _taxonomy(data)
    _interactions(data, "csv")
    _interactions(data, "jsonl")


def _labels(data: bytes) -> None:
    try:
        rows = list(read_labels(BytesIO(data)))
    except LabelsError as error:
        _sentence(error)
        return
    _lines(rows)


def _taxonomy(data: bytes) -> None:
    registry: Any = Registry()
    try:
        rules = read_taxonomy(registry, BytesIO(data))
    except TaxonomyError as error:
        _sentence(error)
        return
    for rule in rules:
        assert rule.label in ("bag", "shoe", "wool") and rule.category
        "".join((rule.category, *rule.names, *rule.names.values())).encode()


def _interactions(data: bytes, format: FileFormat) -> None:
    try:
        reader = open_reader("i", BytesIO(data), INTERACTIONS, format)[1]
        rows = list(reader.rows())
    except ManifestError as error:
        _sentence(error)
        return
    _lines(rows)


def _lines(rows: list[Any]) -> None:
    before = 0
    for row in rows:
        assert row.line > before
        before = row.line
        if isinstance(row, RowError):
            assert row.reason.isprintable() and row.code.isidentifier(), row
        else:
            row.sku.encode()
            assert 0 < len(row.sku) <= 200 and "\0" not in row.sku


def _sentence(error: Exception) -> None:
    assert 10 < len(str(error)) < 6_000 and str(error).isprintable(), str(error)


def _seeds() -> tuple[bytes, ...]:
    return (
        b'sku,label,accepted\nA,shoe,true\nB,bag,no\nB,"b\nag",1\n',
        b"model;label;category;name.de\nproduct-type;shoe;Shoes;Schuhe\nmaterial;wool;Wool;\nmaterial;wood;x;\n",
        b"shopper,sku,kind,happened_at\nann,A,view,2026-11-29T18:30:00Z\nbob,B,buy,20261129\n,,,0001-01-01T00:00:00+14\n",
        b'{"shopper": "ann", "sku": 7, "kind": "view", "happened_at": "2026-11-29"}\n{"happened_at": 17.5}\n',
        csvs()[0],
    )


TARGET = Target("tables", _seeds, check)
