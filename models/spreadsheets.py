"""Cells that a spreadsheet would run as a formula (https://owasp.org/www-community/attacks/CSV_Injection).

A spreadsheet that divides at `;`, as many in Europe do, begins a cell in the midst of ours: what follows a mark that
may divide is looked at, too. `-5` as text is treated like all text; columns of numbers stay numbers.
"""

from __future__ import annotations

import re

FORMULA = r"=+\-@\t\r＝＋－＠"
DIVIDERS = r";\t\r\n"

_RUN = re.compile(f"(?:^|(?<=[{DIVIDERS}]))(?='*[{FORMULA}])")
_SHOWN = re.compile(f"(?:^|(?<=[{DIVIDERS}]))'(?='*[{FORMULA}])")


def harmless(cell: str) -> str:
    """The cell with an apostrophe where a formula would begin, and where `as_it_was` would take one away."""
    return _RUN.sub("'", cell)


def as_it_was(cell: str) -> str:
    """The cell that `harmless` was given."""
    return _SHOWN.sub("", cell)
