"""Files of people's labels: CSV with columns sku, label and, where a label may be turned down, accepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final

from catalog.errors import LabelsError, ManifestError
from catalog.manifests.cells import BadCell, identifier, one_line
from catalog.manifests.records import Records, wrong_count
from catalog.manifests.rows import RowError, shown
from models.spreadsheets import as_it_was

COLUMNS: Final = ("sku", "label", "accepted")
LONGEST_ROW = 1_000_000
LONGEST_LABEL = 200  # as in models.spec

_WORDS: Final = {
    **dict.fromkeys(("", "true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a row says. `line` counts from 1."""

    line: int
    sku: str
    label: str
    accepted: bool


def read(file: IO[bytes]) -> Iterator[Told | RowError]:
    """Rows as they come; other columns are passed over. Raises LabelsError: it is no such file."""
    try:
        records = Records(file, LONGEST_ROW, lambda names: len({*COLUMNS} & {*map(_plain, names)}))
        width, chosen = _header(records)
    except ManifestError as error:
        raise LabelsError(f"this is no file of labels: {error}") from None
    for line, cells in records:
        if isinstance(cells, RowError):
            yield cells
        elif len(cells) == width:
            yield _told(line, [as_it_was(cells[place]) if place is not None else "" for place in chosen])
        elif any(cell.strip() for cell in cells):
            yield wrong_count(line, len(cells), width)


def _header(records: Records) -> tuple[int, list[int | None]]:
    """How many cells a row has, and where sku, label and accepted are."""
    for _, names in records:
        if isinstance(names, RowError):
            raise LabelsError(f"the header cannot be read: {names.reason}")
        if any(name.strip() for name in names):
            return len(names), _places(names)
    raise LabelsError("the file is empty; its first line must name the columns: sku,label")


def _places(names: Sequence[str]) -> list[int | None]:
    plain = [_plain(name) for name in names]
    missing = [column for column in COLUMNS[:2] if column not in plain]
    if missing:
        found = ", ".join(shown(name, 40) for name in names[:20])
        raise LabelsError(f"there is no column {' and no column '.join(missing)}; columns found: {found}")
    return [plain.index(column) if column in plain else None for column in COLUMNS]


def _told(line: int, cells: Sequence[str]) -> Told | RowError:
    sku = shown(cells[0].strip()) or None
    try:
        return Told(line, *_values(*cells))
    except BadCell as bad:
        return RowError(line, sku, None, bad.code, bad.reason)


def _values(sku: str, label: str, accepted: str) -> tuple[str, str, bool]:
    product, said = identifier(sku, "sku"), one_line(label, "label", LONGEST_LABEL)
    if product is None:
        raise BadCell("missing_sku", "the row has no sku")
    if said is None:
        raise BadCell("missing_label", "the row has no label")
    word = _WORDS.get(_plain(accepted))
    if word is None:
        raise BadCell("bad_accepted", f"accepted is {shown(accepted, 40)!r}; write true or false")
    return product, said, word


def _plain(text: str) -> str:
    return text.strip().casefold()
