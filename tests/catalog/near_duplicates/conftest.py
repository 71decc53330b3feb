"""A catalog to find near-duplicates in."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.catalog.near_duplicates.faces import Faces


@pytest.fixture
def faces(engine: sa.Engine) -> Faces:
    return Faces.made(engine)
