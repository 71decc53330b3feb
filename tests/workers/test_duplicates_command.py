"""`tagmill duplicates` as people and scripts use it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import sqlalchemy as sa

from tests.catalog.near_duplicates.faces import Faces

HASH = 0x1357_9BDF_0246_8ACE


@pytest.fixture
def faces(engine: sa.Engine, tagmill_environment: dict[str, str]) -> Faces:
    return Faces.made(engine)


def tagmill(*arguments: str, expect: int = 0) -> tuple[str, str]:
    """What a command prints: standard output, and standard error as one line."""
    command = [sys.executable, "-m", "workers.cli", "duplicates", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, " ".join(done.stderr.split())


def test_from_finding_to_a_word_that_stays(faces: Faces) -> None:
    first, second = (faces.add(HASH, sku=sku) for sku in ("[red]", "B"))
    assert "2 photos compared, 1 new pairs" in tagmill("find")[0]
    assert "[red]" in tagmill("list")[0]
    (group,) = json.loads(tagmill("list", "--json")[0])["groups"]
    assert [one["image_id"] for one in group["members"]] == [first, second]
    said = json.loads(tagmill("reject", str(first), "--photo", str(second), "--author", "anna", "--json")[0])
    assert said == {"group": first, "verdict": "rejected", "pairs": 1}
    assert json.loads(tagmill("find", "--json")[0]) == {"photos": 0, "pairs": 0}
    assert "no open groups" in tagmill("list")[0]
    assert str(second) in tagmill("list", "--state", "rejected")[0]


def test_what_cannot_be_is_a_sentence(engine: sa.Engine, tagmill_environment: dict[str, str]) -> None:
    assert "no model serves that does describe" in tagmill("find", expect=1)[1]
    assert "there is no group 7" in tagmill("accept", "7", "--author", "anna", expect=1)[1]
    assert "names nobody" in tagmill("accept", "7", "--author", " ", expect=1)[1]
    assert "not one of" in tagmill("list", "--state", "nonsense", expect=2)[1]
