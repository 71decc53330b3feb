"""The shop that all scenarios share: thousands of real product photos, and two small real networks."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa
import torch
from safetensors.torch import save_file
from torchvision.models import get_model
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from catalog import migrate
from catalog.asset_store import S3AssetStore
from catalog.errors import BucketMissing
from models.spec import ModelSpec, Preprocessing
from tests.acceptance.photos import write_catalog
from tests.chaos.oracle import WITNESS
from workers import registry
from workers.embedded.services import Endpoints
from workers.runtime import Runtime
from workers.settings import Settings

TYPE, MASK = "chaos-type", "chaos-mask"
DATABASE = "chaos_shop"


@dataclass(frozen=True, slots=True)
class Shop:
    """A database and a bucket to copy from; both hold `photos` photos, no work, and the models TYPE and MASK."""

    endpoints: Endpoints
    home: Path
    bucket: str
    photos: int


def open_shop(endpoints: Endpoints, home: Path, folder: Path, photos: int) -> Shop:
    """Ingest `photos` photos of `folder` into a new database and bucket, as any shop would."""
    bucket = f"chaos-{uuid4().hex[:12]}"
    url = sa.make_url(endpoints.database_url).set(database=DATABASE)
    with sa.create_engine(endpoints.database_url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {DATABASE}"))
    environment = {
        **endpoints.environment(),
        "TAGMILL_DATABASE_URL": url.render_as_string(hide_password=False),
        "TAGMILL_S3_BUCKET": bucket,
    }
    runtime = Runtime(
        Settings(**{name.removeprefix("TAGMILL_").lower(): v for name, v in environment.items()})
    )
    migrate.upgrade(runtime.engine)
    runtime.store.ensure_bucket()
    manifest = write_catalog(folder, photos)  # before there are models: photos, and no work yet
    argv = [sys.executable, "-m", "workers.cli", "ingest", str(manifest), "--json"]
    subprocess.run(argv, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
    for spec, weights in _models(folder):
        registry.add(runtime.engine, runtime.store, spec, weights)
    with runtime.engine.begin() as connection:
        connection.exec_driver_sql(WITNESS)
    runtime.engine.dispose()
    return Shop(endpoints, home, bucket, photos)


def copy_of(shop: Shop, name: str) -> tuple[str, S3AssetStore]:
    """A database (its URL) and a bucket with the contents of the shop, for one scenario alone."""
    ends = shop.endpoints
    server = sa.create_engine(ends.database_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {DATABASE}"))
    server.dispose()
    # Behind the server's back, as links: copying ten thousand objects through it would take a minute.
    folder, bucket = shop.home / "s3", name.replace("_", "-")
    subprocess.run(["cp", "-al", str(folder / shop.bucket), str(folder / bucket)], check=True)
    store = S3AssetStore.connect(ends.s3_endpoint, ends.s3_access_key, ends.s3_secret_key, bucket)
    _wait_until_seen(store)
    url = sa.make_url(ends.database_url).set(database=name).render_as_string(hide_password=False)
    return url, store


def _wait_until_seen(store: S3AssetStore) -> None:
    """The server looks at its folder once a second."""
    deadline = time.monotonic() + 10
    while True:
        try:
            if next(store.list("images/"), None):
                return
        except BucketMissing:
            pass
        assert time.monotonic() < deadline, "the server does not see the copy"
        time.sleep(0.1)


def _models(folder: Path) -> list[tuple[ModelSpec, Path]]:
    """Real builders with random weights: what they say does not matter, but they must say it each time alike."""
    torch.manual_seed(7)
    networks = {
        TYPE: (get_model("squeezenet1_1", weights=None, num_classes=4), "classify", "squeezenet1_1"),
        MASK: (_segmenter(), "segment", "lraspp_mobilenet_v3_large"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, (network, task, builder) in networks.items():
        path = folder / f"{name}.safetensors"
        save_file(network.state_dict(), path)
        labels = ("coat", "dress", "shirt", "shoe") if task == "classify" else ("product",)
        spec = ModelSpec(
            name=name,
            version=1,
            task=task,
            builder=f"torchvision:{builder}",
            weights=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            labels=labels,
            preprocessing=Preprocessing(size=32, fit="squash"),
        )
        made.append((spec, path))
    return made


def _segmenter() -> torch.nn.Module:
    network: torch.nn.Module = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=2)
    with torch.no_grad():
        network.classifier.low_classifier.bias[1] += 100.0  # product everywhere, so that no answer is empty
    return network
