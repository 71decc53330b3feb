"""The main job, from outside: a manifest goes in, rows and objects come out, and bad photos hurt nobody."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from catalog.asset_store import S3AssetStore, mask_key
from tests.acceptance.conftest import EACH, System
from tests.acceptance.photos import odd_files, write_catalog, write_manifest

GOOD = 40


def test_good_and_odd_photos_in_one_manifest(system: System, store: S3AssetStore, tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    write_catalog(folder, GOOD)
    odd = odd_files()
    for name, (data, _) in odd.items():
        (folder / name).write_bytes(data)
    rows = [(f"SKU-{n}", f"Item {n}", f"{n}.png") for n in range(GOOD)]
    rows += [(f"ODD-{name}", "odd", name) for name in odd]
    manifest = write_manifest(folder / "products.csv", rows)

    summary = system.json("ingest", str(manifest), expect=3)
    log = system.drain()

    assert "photo failed" in log  # the truncated one, whose header was in order
    failures = {row.source: row for row in system.rows("SELECT source, code, reason, sku FROM failures")}
    assert {name: failures[name].code for name, (_, code) in odd.items() if code} == {
        name: code for name, (_, code) in odd.items() if code
    }
    assert all(len(failure.reason) > 15 for failure in failures.values())
    assert set(failures) == {name for name, (_, code) in odd.items() if code}

    processed = GOOD + sum(code is None for _, code in odd.values())
    query = "SELECT image_id FROM work_items WHERE state = 'done' GROUP BY 1 HAVING count(*) = :each"
    done = system.rows(query, each=EACH)
    assert len(done) == processed
    assert system.value("SELECT count(*) FROM work_items WHERE state NOT IN ('done', 'quarantined')") == 0
    assert system.value("SELECT count(*) FROM embeddings") == processed
    assert summary["work_new"] == EACH * (processed + 1)

    again = system.json("ingest", str(manifest), expect=3)
    assert (again["work_new"], again["photos_new"], again["products_changed"]) == (0, 0, 0)

    check_objects(system, store)
    check_status(system, summary["job_id"])


def check_objects(system: System, store: S3AssetStore) -> None:
    """Originals and masks are in the store under their hashes; a mask has its photo's size."""
    originals = {row.object_key for row in system.rows("SELECT object_key FROM images")}
    assert set(store.list("images/")) == originals
    masks = system.rows(
        "SELECT mask_key, width, height, sha256 FROM segments JOIN images i ON i.id = image_id"
    )
    assert masks
    for row in masks[:5]:
        assert row.mask_key == mask_key("product-mask@1", row.sha256)
        with Image.open(io.BytesIO(store.get(row.mask_key))) as mask:
            assert mask.size == (row.width, row.height)
            assert set(np.unique(np.asarray(mask))) <= {0, 1}


def check_status(system: System, job_id: int) -> None:
    """`tagmill status` says what the views say."""
    job = next(job for job in system.json("status", str(job_id))["jobs"] if job["job_id"] == job_id)
    view = system.rows("SELECT * FROM job_progress WHERE job_id = :job", job=job_id)[0]
    assert (job["state"], job["done"], job["quarantined"]) == ("finished", view.done, view.quarantined)
    printed = system.run("psql", "--", "-Atc", "select count(*) from product_tags")
    assert int(printed) == system.value("SELECT count(*) FROM product_tags")
