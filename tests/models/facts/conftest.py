"""The describer, whose table is unfolded once for all tests."""

from __future__ import annotations

import pytest

from models.facts.describer import Describer
from tests.models.facts.drawn import load_describer


@pytest.fixture(scope="session")
def describer() -> Describer:
    return load_describer()
