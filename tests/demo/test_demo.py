"""The demo as a newcomer types it, small, on real services with real worker processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

COMMAND = (sys.executable, "-m", "workers.cli", "demo", "--photos", "60", "--shelves", "20", "--json")


def demo() -> dict[str, Any]:
    run = subprocess.run(COMMAND, capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    return result


@pytest.mark.timeout(600)
def test_it_does_everything_once_and_shows_it_twice(
    tagmill_environment: dict[str, str], engine: sa.Engine
) -> None:
    first = demo()
    assert first["ok"]
    assert first["photos"] == 80
    assert first["ingest"]["photos_new"] == 80
    assert first["work"]["states"] == {"done": 80 * len(first["models"])}
    assert set(first["work"]["states_fine_mask"]) == {"done"}
    assert first["throughput"]["photos"] == 80
    assert not first["throughput"]["earlier_run"]
    assert first["boxes"].keys() >= {"at_50", "at_50_95"}
    assert 0 < first["masks"]["fast"]["mean"] <= 1
    assert [len(one["columns"]) > 1 for one in first["queries"]] == [True] * 5

    sheet = Path(first["contact_sheet"])
    assert sheet.parent == Path(tagmill_environment["TAGMILL_HOME"]) / "demo"
    assert 100_000 < sheet.stat().st_size < 5_000_000

    again = demo()
    assert again["work"]["items_new"] == 0
    assert again["throughput"]["earlier_run"]
    for same in ("photos", "tags", "boxes", "masks", "handful", "queries"):
        assert again[same] == first[same]
    with engine.connect() as connection:
        items = connection.scalar(sa.text("SELECT sum(items) FROM job_progress"))
        shelved = connection.scalar(
            sa.text("SELECT category FROM product_categories WHERE sku = 'DEMO-0042'")
        )
        feed = "SELECT feed, photo FROM product_mismatches WHERE sku = 'DEMO-0042'"
        mismatch = connection.execute(sa.text(feed)).one()
    assert items == 80 * len(first["models"]) + first["handful"]
    assert mismatch.photo == shelved != mismatch.feed
