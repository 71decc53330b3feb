"""Daft: a data frame of keys; expressions fetch and decode, a class predicts, and the frame is written to SQL."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import Any

import daft
import numpy as np
import torch
from daft import DataType, Series, col
from daft.functions import decode_image, download, unnest
from daft.io import IOConfig, S3Config
from PIL import Image

from benchmarks.peers import common, processes
from benchmarks.peers.model import EagerModel, SharedModel, rows
from benchmarks.peers.photos import SIZE, TRANSFORMS, to_pixels

BATCH = 32
STEP = 8
"""Tuned: photos a forward pass."""
TAG = DataType.struct({"rank": DataType.int32(), "label": DataType.string(), "score": DataType.float32()})


# Made once, by the query before the clock starts: Daft makes its instances anew for each query.
@cache
def eager() -> EagerModel:
    return EagerModel()


@cache
def compiled() -> SharedModel:
    return SharedModel()


@cache
def inserting() -> Lock:
    """Daft calls from several threads, and a connection holds one transaction."""
    return Lock()


@cache
def connection() -> Any:
    return common.connect()


@daft.cls(use_process=False)
class Predictor:
    """torchvision's transforms and one forward pass a batch; gives each photo's five tags."""

    def __init__(self) -> None:
        self.model = eager()

    @daft.method.batch(return_dtype=DataType.list(TAG), batch_size=BATCH)
    def tags(self, images: Series) -> list[list[dict[str, Any]]]:
        batch = torch.stack([TRANSFORMS(Image.fromarray(image)) for image in images.to_pylist()])
        found = [
            {"rank": rank, "label": label, "score": score}
            for _, rank, label, score in rows([""] * len(batch), self.model(batch))
        ]
        return [found[k : k + common.TOP] for k in range(0, len(found), common.TOP)]


@daft.func.batch(return_dtype=DataType.binary(), batch_size=STEP, use_process=False)
def shrink(photos: Series) -> list[bytes]:
    """Pixels of JPEGs. Daft runs it on all cores, since Pillow lets go of the interpreter."""
    return [to_pixels(photo).tobytes() for photo in photos.to_pylist()]


@daft.cls(use_process=False)
class Tagger:
    """A compiled model on one thread, and one statement a batch; gives the number of rows of each photo."""

    @daft.method.batch(return_dtype=DataType.int64(), batch_size=BATCH)
    def store(self, keys: Series, pixels: Series) -> list[int]:
        torch.set_num_threads(1)  # here too: the setting belongs to a thread
        names = keys.to_pylist()
        photos = [np.frombuffer(one, np.uint8).reshape(SIZE, SIZE, 3) for one in pixels.to_pylist()]
        found = rows(names, compiled()(photos))
        with inserting():
            common.insert(connection(), found)
        return [common.TOP] * len(names)


def frame(keys: Sequence[str]) -> daft.DataFrame:
    """Keys and the bytes of their photos."""
    endpoint = common.setting("S3_ENDPOINT")
    store = S3Config(
        endpoint_url=endpoint,
        region_name="us-east-1",
        key_id=common.setting("S3_ACCESS_KEY"),
        access_key=common.setting("S3_SECRET_KEY"),
        use_ssl=endpoint.startswith("https"),
    )
    bucket = common.setting("S3_BUCKET")
    urls = [f"s3://{bucket}/{key}" for key in keys]
    photos = daft.from_pydict({"key": list(keys), "url": urls})
    return photos.with_column("photo", download(col("url"), io_config=IOConfig(s3=store)))


def documented(keys: Sequence[str]) -> None:
    tags = frame(keys).with_column("image", decode_image(col("photo"), mode="RGB"))
    tags = tags.with_column("tag", Predictor().tags(col("image"))).select("key", "tag").explode("tag")
    tags.select("key", unnest(col("tag"))).write_sql("peer_tags", common.setting("DATABASE_URL"))


def tuned(keys: Sequence[str]) -> None:
    """Pillow's quick decoding in place of Daft's, and rows written where they are made."""
    pixels = frame(keys).select("key", shrink(col("photo")).alias("pixels"))
    pixels.select(Tagger().store(col("key"), col("pixels"))).collect()


def main() -> int:
    asked = common.arguments(__doc__)
    processes.end_on_signals()
    run = tuned if asked.tuned else documented
    common.empty_table()
    run(asked.keys[:1])  # loads the model, opens connections and imports what Daft needs
    common.empty_table()
    start = time.time()
    run(asked.keys)
    return common.finish(len(asked.keys), time.time() - start)
