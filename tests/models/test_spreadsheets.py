"""No cell is run, however a spreadsheet divides it, and none is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.spreadsheets import as_it_was, harmless

_RUN = re.compile(r"(?:^|[;\t\r\n])[=+\-@\t\r＝＋－＠]")


@given(st.text(alphabet="a'=;+-@\t\r\n ＝,\""))
def test_no_formula_is_left_and_the_cell_comes_back(cell: str) -> None:
    shown = harmless(cell)
    assert not _RUN.search(shown)
    assert as_it_was(shown) == cell


@pytest.mark.parametrize("cell", ["", "Shirt", "a=b", "5-7", "mail@shop.example", "'quoted'", "it's", "a; b"])
def test_usual_cells_are_left_as_they_are(cell: str) -> None:
    assert harmless(cell) == as_it_was(cell) == cell


def test_text_that_is_a_number_is_text() -> None:
    assert (harmless("-5"), as_it_was("'-5")) == ("'-5", "-5")
