"""`tagmill failures` and `tagmill models diff` from outside: what they print, write, try again and refuse."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from tests.acceptance.conftest import EACH, TAGMILL, System
from tests.acceptance.photos import odd_files, write_catalog, write_manifest
from tests.catalog.compared import add_pair, classified, say
from tests.catalog.shop import add_images, add_product


def refused(system: System, *arguments: str) -> str:
    done = subprocess.run(
        [*TAGMILL, *arguments], env=system.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not done.stdout
    return " ".join(done.stderr.split())


@pytest.fixture
def failed(system: System, tmp_path: Path) -> Path:
    """A manifest of which a photo is refused, one cannot be decoded, and one was given up for two models."""
    manifest = write_catalog(tmp_path / "catalog", 2)
    data = odd_files()
    rows = [("SKU-0", "Item 0", "0.png"), ("SKU-1", "Item 1", "1.png")]
    for name in ("truncated.jpg", "text.jpg"):
        (manifest.parent / name).write_bytes(data[name][0])
        rows.append((name, "<b>odd</b>", name))
    write_manifest(manifest, rows)
    system.run("ingest", str(manifest), expect=3)
    with system.engine.begin() as connection:
        connection.execute(sa.text(_GIVE_UP), {"code": "truncated", "sku": "truncated.jpg", "model": "%"})
        connection.execute(
            sa.text(_GIVE_UP), {"code": "out_of_memory", "sku": "SKU-0", "model": "product-mask"}
        )
    return manifest


_GIVE_UP = """
    UPDATE work_items w SET state = 'quarantined', error_code = :code, error_reason = 'it is so', finished_at = now()
    FROM product_images pi JOIN products p ON p.id = pi.product_id, model_versions m
    WHERE pi.image_id = w.image_id AND p.sku = :sku AND m.id = w.model_version_id AND m.name LIKE :model
"""


def test_failures_are_told_shown_and_tried_again(system: System, failed: Path, tmp_path: Path) -> None:
    page = tmp_path / "failures.html"
    told = system.json("failures", "--html", str(page))
    groups = {group["code"]: group for group in told["groups"]}
    assert {code: group["failures"] for code, group in groups.items()} == {
        "truncated": 1,
        "out_of_memory": 1,
        "not_an_image": 1,
    }
    assert groups["out_of_memory"]["commands"] == ["tagmill jobs retry --code out_of_memory"]
    for code in ("not_an_image", "truncated"):
        assert groups[code]["commands"] == [f"tagmill ingest {failed}"]
    assert told["html"] == str(page)
    assert told["work_reopened"] is None
    text = page.read_text()
    assert text.count("data:image/webp") == 1
    assert "&lt;b&gt;" not in text  # titles are not shown
    assert "cannot be decoded" in text

    shown = system.run("failures", "--code", "out_of_memory", "--model", "product-mask")
    assert "try again where a worker has more memory" in " ".join(shown.split())
    assert "tagmill jobs retry --code out_of_memory --model product-mask@1" in " ".join(shown.split())
    again = system.json("failures", "--code", "out_of_memory", "--retry")
    assert again["work_reopened"] == 1
    assert (
        system.value("SELECT count(*) FROM work_items WHERE state = 'pending' AND published_at IS NULL") == 0
    )
    assert system.json("jobs", "retry", "--where", "sku=truncated.jpg")["work_reopened"] == EACH
    assert "nothing failed that fits" in system.run("failures", "--code", "truncated")


def test_failures_that_cannot_be_told(system: System, tmp_path: Path) -> None:
    assert "there is no job 99" in refused(system, "failures", "--job", "99")
    assert "no model 'none'" in refused(system, "failures", "--model", "none")
    assert "no condition" in refused(system, "failures", "--where", "sku")
    for command in (["failures"], ["jobs", "retry"]):
        assert "no failure code 'trunkated': nothing failed" in refused(
            system, *command, "--code", "trunkated"
        )
    nowhere = tmp_path / "no" / "failures.html"
    assert f"cannot write {nowhere}" in refused(system, "failures", "--html", str(nowhere)).replace("\n", "")
    assert "nothing failed" in system.run("failures")


def test_a_comparison_is_told_and_shown(system: System, tmp_path: Path) -> None:
    old, new = add_pair(system.engine)
    images = add_images(system.engine, 3)
    for number, image in enumerate(images):
        add_product(system.engine, f"SKU-{number}", [image])
        say(system.engine, old, image, classified(Shirt=0.9))
    assert "run `tagmill process thing@2`" in refused(system, "models", "diff", "thing@2")
    for number, image in enumerate(images):
        say(system.engine, new, image, classified(Coat=0.8) if number else classified(Shirt=0.9))
    page = tmp_path / "diff.html"
    found = system.json("models", "diff", "thing@2", "--html", str(page))
    assert (found["old"], found["new"], found["task"]) == ("thing@1", "thing@2", "classify")
    assert found["photos"] == {"old": 3, "new": 3, "both": 3}
    assert (found["compared"], found["changed"]) == (3, 2)
    assert [(flow["before"], flow["after"], flow["count"]) for flow in found["flows"]] == [
        ("Shirt", "Coat", 2)
    ]
    assert np.isclose(found["score_after"], (0.9 + 0.8 + 0.8) / 3)
    assert "2 of 3 products would change" in page.read_text()
    shown = system.run("models", "diff", "thing@1", "thing@2", "--where", "sku=SKU-1")
    assert "1 of 1 products change (100.0%)" in shown
    assert "Shirt → Coat" in shown


def test_versions_that_cannot_be_compared(system: System) -> None:
    assert "no model 'none@1'" in refused(system, "models", "diff", "none@1")
    assert "with itself" in refused(system, "models", "diff", "product-type@1")
    assert "compare like with like" in refused(system, "models", "diff", "product-type", "product-mask")


@pytest.mark.parametrize("command", [("failures",), ("models", "diff")])
def test_help_has_an_example(command: tuple[str, ...]) -> None:
    done = subprocess.run([*TAGMILL, *command, "--help"], capture_output=True, text=True, check=True)
    assert f"tagmill {' '.join(command)} " in done.stdout
