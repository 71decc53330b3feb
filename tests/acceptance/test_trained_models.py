"""From labelled photos to rows: three networks that the starter pack lacks are trained, published, promoted and run."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.asset_store import S3AssetStore
from tests.acceptance.conftest import System
from tests.acceptance.photos import write_manifest
from tests.models.training.photos import bar, write_boxes, write_class_folders, write_masks

PHOTOS = 6
STARTER = {"product-type@1", "product-detector@1", "product-mask@1", "product-embedding@1", "photo-facts@1"}
TRAINED = {"own-type@1": "classify", "own-detector@1": "detect", "own-mask@1": "segment"}
COMMON = {
    "network.pretrained": "none",
    "network.frozen": "false",
    "network.thaw_at": "null",
    "network.fixed_norms": "false",
    "preprocessing.fit": "squash",
    "augment.crop": "none",
    "augment.flip": "0",
    "data.val": "0.2",
    "data.test": "0.2",
    "batch": "4",
}
NETWORKS: Mapping[str, Mapping[str, str]] = {
    "classify": {"network.builder": "torchvision:resnet18", "preprocessing.size": "40"},
    # It has seen a few photos only, so its boxes count from a score at which it dares to draw some.
    "detect": {
        "network.builder": "torchvision:ssdlite320_mobilenet_v3_large",
        "preprocessing.size": "320",
        "options.threshold": "0.01",
    },
    "segment": {"network.builder": "smp:Unet", "network.encoder": "resnet18", "preprocessing.size": "64"},
}
EPOCHS = {"classify": 2, "detect": 1, "segment": 5}


@pytest.fixture
def labelled(tmp_path: Path) -> dict[str, Path]:
    """Labelled photos by task."""
    return {
        "classify": write_class_folders(tmp_path / "labelled" / "classify", 24),
        "detect": write_boxes(tmp_path / "labelled" / "detect", 12),
        "segment": write_masks(tmp_path / "labelled" / "segment", 24),
    }


def test_trained_models_serve_beside_the_starter_pack(
    system: System, store: S3AssetStore, labelled: dict[str, Path], tmp_path: Path
) -> None:
    system.environment |= {"TAGMILL_LOADERS": "0", "OMP_NUM_THREADS": "1"}  # so little is learnt faster alone
    for key, task in TRAINED.items():
        serve(system, key, task, labelled[task], tmp_path / "runs" / task)
    states = {row["key"]: row["state"] for row in system.json("models", "list")}
    assert {key for key, state in states.items() if state == "serving"} >= STARTER | set(TRAINED)

    system.json("ingest", str(write_bars(tmp_path / "catalog")))
    system.drain()

    every_photo_once_a_model(system)
    tags_boxes_and_masks(system, store)


def serve(system: System, key: str, task: str, data: Path, run: Path) -> None:
    """Train, publish and promote, as one would by hand."""
    name = key.partition("@")[0]
    changes = [f"--set={field}={value}" for field, value in {**COMMON, **NETWORKS[task]}.items()]
    told = ["--data", str(data), "--name", name, "--epochs", str(EPOCHS[task]), "--out", str(run)]
    report = system.json("train", task, *told, *changes, "--device", "cpu")
    assert report["task"] == task
    assert report["recipe"]["network"]["builder"] == NETWORKS[task]["network.builder"]
    published = system.json("models", "publish", str(run))
    assert published == {"model": key, "state": "candidate", "new": True}
    assert system.json("models", "promote", key)["model"] == key


def write_bars(folder: Path) -> Path:
    """A catalog of photos that no model learnt from, of other sizes than theirs."""
    folder.mkdir()
    for n in range(PHOTOS):
        Image.fromarray(bar(1000 + n, bool(n % 2), 40 + 8 * n)[0]).save(folder / f"{n}.png")
    return write_manifest(
        folder / "products.csv", [(f"SKU-{n}", f"Bar {n}", f"{n}.png") for n in range(PHOTOS)]
    )


def every_photo_once_a_model(system: System) -> None:
    done = system.rows(
        "SELECT v.name || '@' || v.version AS key, count(*) AS items, count(DISTINCT w.image_id) AS photos,"
        " bool_and(w.state = 'done') AS done FROM work_items w JOIN model_versions v ON v.id = w.model_version_id"
        " GROUP BY 1"
    )
    found = {row.key: (row.items, row.photos, row.done) for row in done}
    assert found == dict.fromkeys(STARTER | set(TRAINED), (PHOTOS, PHOTOS, True))
    assert system.rows("SELECT * FROM failures") == []


def tags_boxes_and_masks(system: System, store: S3AssetStore) -> None:
    """Each table has rows of the trained model and of the starter's beside them."""
    labels = {key: set(system.json("models", "show", key)["spec"]["labels"]) for key in TRAINED}

    tags = system.rows(
        "SELECT image_id, label, model_version FROM product_tags WHERE model = 'own-type' AND origin = 'model'"
    )
    assert len({row.image_id for row in tags}) == PHOTOS  # of two labels one has half the score
    assert {row.label for row in tags} <= labels["own-type@1"]
    assert {row.model_version for row in tags} == {1}

    boxes = system.rows(
        'SELECT d.image_id, d.label, d.score, d."left", d.top, d."right", d.bottom, i.width, i.height'
        " FROM product_detections d JOIN images i ON i.id = d.image_id"
        " WHERE d.model = 'own-detector' AND d.model_version = 1"
    )
    assert {row.image_id for row in boxes} == {row.image_id for row in tags}
    assert {row.label for row in boxes} <= labels["own-detector@1"]
    assert all(row.score >= float(NETWORKS["detect"]["options.threshold"]) for row in boxes)
    assert all(0 <= row.left < row.right <= row.width for row in boxes)
    assert all(0 <= row.top < row.bottom <= row.height for row in boxes)

    masks = system.rows(
        "SELECT s.label, s.area, s.mask_key, i.width, i.height FROM product_segments s"
        " JOIN images i ON i.id = s.image_id WHERE s.model = 'own-mask' AND s.model_version = 1"
    )
    assert masks
    assert {row.label for row in masks} <= labels["own-mask@1"]
    for row in masks:
        assert row.mask_key.startswith("masks/own-mask@1/")
        with Image.open(io.BytesIO(store.get(row.mask_key))) as mask:
            assert mask.size == (row.width, row.height)
            numbers = np.asarray(mask)
            assert set(np.unique(numbers)) <= {0, 1, 2}
            assert (numbers > 0).mean() >= row.area - 1e-3

    assert system.value("SELECT count(DISTINCT image_id) FROM embeddings") == PHOTOS
    assert system.value("SELECT count(*) FROM segments") > len(masks)
