"""Files of the taxonomy: CSV with the columns model, label, category and a column `name.LOCALE` for each locale."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import IO, Final, TextIO

import sqlalchemy as sa

from catalog.errors import ManifestError, TaxonomyError
from catalog.manifests.cells import BadCell, one_line
from catalog.manifests.records import Records, wrong_count
from catalog.manifests.rows import RowError, shown
from catalog.review.taxonomy import Rule
from models.spreadsheets import as_it_was, harmless

COLUMNS: Final = ("model", "label", "category")
LONGEST_ROW = 100_000
LONGEST_NAME = 200
LARGEST_FILE = 20_000_000  # bytes
TOLD = 10
_NAME = re.compile(r"name\.([a-z]{2,3}(?:-[a-z0-9]{2,8})*)")


def read(connection: sa.Connection, file: IO[bytes]) -> list[Rule]:
    """The rules of a file, held against the registry; labels that have no category yet are passed over.

    Raises TaxonomyError, which names up to ten lines that are wrong.
    """
    labels: dict[str, set[str]] = {}
    for model, given in connection.execute(_LABELS):
        labels.setdefault(model, set()).update(given)
    data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise TaxonomyError(f"the file has more than {LARGEST_FILE:,} bytes; that is no taxonomy")
    try:
        records = Records(
            io.BytesIO(data), LONGEST_ROW, lambda names: len({*COLUMNS} & {*map(_plain, names)})
        )
        columns = _header(records)
    except ManifestError as error:
        raise TaxonomyError(f"this is no taxonomy: {error}") from None
    rules: dict[tuple[str, str], tuple[int, Rule]] = {}
    wrong: list[str] = []
    for line, cells in records:
        if isinstance(cells, RowError) or any(cell.strip() for cell in cells):
            try:
                if rule := _rule(line, cells, columns):
                    _add(rules, labels, line, rule)
            except BadCell as bad:
                wrong.append(f"line {line}: {bad.reason}")
    if wrong:
        more = f"; and {len(wrong) - TOLD:,} more" if len(wrong) > TOLD else ""
        raise TaxonomyError(f"nothing was loaded. {'; '.join(wrong[:TOLD])}{more}")
    if not rules:
        raise TaxonomyError("the file has no rules; a row is model,label,category")
    return [rule for _, rule in rules.values()]


def write(rules: Sequence[Rule], file: TextIO) -> None:
    """A file that `read` takes back."""
    locales = sorted({locale for rule in rules for locale in rule.names})
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow((*COLUMNS, *(f"name.{locale}" for locale in locales)))
    for rule in rules:
        names = (rule.names.get(one, "") for one in locales)
        rows.writerow(map(harmless, (rule.model, rule.label, rule.category, *names)))


def _header(records: Records) -> list[str]:
    for _, names in records:
        if isinstance(names, RowError):
            raise TaxonomyError(f"the header cannot be read: {names.reason}")
        plain = [_plain(name) for name in names]
        if not any(plain):
            continue
        missing = [column for column in COLUMNS if column not in plain]
        other = [name for name in plain if name not in COLUMNS and not _NAME.fullmatch(name)]
        if missing:
            found = ", ".join(shown(name, 40) for name in names[:20])
            raise TaxonomyError(
                f"there is no column {' and no column '.join(missing)}; columns found: {found}"
            )
        if other:
            raise TaxonomyError(
                f"column {shown(other[0], 40)!r} is unknown; names are in columns such as name.de"
            )
        if len({*plain}) < len(plain):
            raise TaxonomyError("a column is there twice")
        return plain
    raise TaxonomyError("the file is empty; its first line must name the columns: model,label,category")


def _rule(line: int, cells: Sequence[str] | RowError, columns: Sequence[str]) -> Rule | None:
    if isinstance(cells, RowError):
        raise BadCell(cells.code, cells.reason)
    if len(cells) != len(columns):
        error = wrong_count(line, len(cells), len(columns))
        raise BadCell(error.code, error.reason)
    values = {
        name: one_line(as_it_was(cell), name, LONGEST_NAME) for name, cell in zip(columns, cells, strict=True)
    }
    model, label, category = (values.pop(column) for column in COLUMNS)
    if model is None or label is None:
        raise BadCell("missing", f"there is no {'label' if model else 'model'}")
    names = {name.removeprefix("name."): text for name, text in values.items() if text}
    if category is None and names:
        raise BadCell("missing", f"{shown(label)!r} has names but no category")
    return Rule(model, label, category, names) if category else None


def _add(
    rules: dict[tuple[str, str], tuple[int, Rule]], labels: Mapping[str, set[str]], line: int, rule: Rule
) -> None:
    if rule.model not in labels:
        known = ", ".join(sorted(labels)) or "none"
        raise BadCell("unknown_model", f"there is no model {shown(rule.model)!r}; registered are: {known}")
    if rule.label not in labels[rule.model]:
        near = get_close_matches(rule.label, labels[rule.model], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadCell("unknown_label", f"{rule.model} does not give the label {shown(rule.label)!r}{hint}")
    key = (rule.model, rule.label)
    if key in rules:
        raise BadCell(
            "twice", f"{shown(rule.label)!r} of {rule.model} has a rule in line {rules[key][0]} already"
        )
    rules[key] = (line, rule)


def _plain(text: str) -> str:
    return text.strip().casefold()


_LABELS = sa.text("SELECT name, labels FROM model_versions ORDER BY name, version")
