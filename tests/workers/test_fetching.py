"""Photos ahead of need, and no more of them than memory allows."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from catalog.asset_store import MemoryAssetStore
from catalog.ledger import ClaimedImage
from models.decode import Photo
from models.photo import Limits, Sides
from workers.fetching import Fetcher

SIDES = Sides(256, 1)
MEASURE = """
import io, json
from PIL import Image
from catalog.asset_store import MemoryAssetStore
from catalog.ledger import ClaimedImage
from models.photo import Limits, Sides
from workers.fetching import Fetcher

def peak(what):
    line = next(line for line in open("/proc/self/status") if line.startswith(what))
    return int(line.split()[1]) * 1024

store, file = MemoryAssetStore(), io.BytesIO()
store.ensure_bucket()
Image.new("RGB", (3000, 3000)).save(file, "PNG", compress_level=1)
store.put("images/a", file.getvalue(), "image/png")
images = [ClaimedImage(n, "", "images/a", frozenset(), 1, 0, 3000, 3000) for n in range(8)]
del file
open("/proc/self/clear_refs", "w").write("5")
before = peak("VmRSS")
list(Fetcher(store, Limits(memory=70_000_000), 8).batches(images, 8, Sides(256, 256)))
print(json.dumps(peak("VmHWM") - before))
"""


BAD = """
import io
from PIL import Image
from catalog.asset_store import MemoryAssetStore
from catalog.ledger import ClaimedImage
from models.photo import Limits, Sides
from workers.fetching import Fetcher

class Bad(MemoryAssetStore):
    def get(self, key, *, limit=None):
        return file.getvalue()[:5_000] + bytes(20_000_000)

file = io.BytesIO()
Image.effect_noise((500, 500), 90).save(file, "PNG")
images = [ClaimedImage(n, "", "images/a", frozenset(), 1, 0, 500, 500) for n in range(48)]
for batch in Fetcher(Bad(), Limits(), 4).batches(images, 16, Sides(256, 256)):
    assert all(one.photo.code in ("truncated", "corrupt") for one in batch), batch
    pages = int(open("/proc/self/statm").read().split()[1])
    print(pages * 4096)
"""


class Counting(MemoryAssetStore):
    """Counts what was asked for."""

    asked = 0

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        self.asked += 1
        return super().get(key, limit=limit)


@pytest.fixture
def store() -> Counting:
    made, file = Counting(), io.BytesIO()
    made.ensure_bucket()
    Image.new("RGB", (20, 10)).save(file, "PNG")
    made.put("images/a", file.getvalue(), "image/png")
    return made


def claimed(count: int, width: int, height: int) -> list[ClaimedImage]:
    return [ClaimedImage(n, "", "images/a", frozenset(), 1, 0, width, height) for n in range(count)]


def test_ordinary_photos_come_in_whole_batches_in_order(store: Counting) -> None:
    found = list(Fetcher(store, Limits(), 4).batches(claimed(70, 1200, 900), 32, SIDES))
    assert [[one.image.image_id for one in batch] for batch in found] == [
        list(range(32)),
        list(range(32, 64)),
        list(range(64, 70)),
    ]
    assert all(isinstance(one.photo, Photo) for batch in found for one in batch)


def test_of_photos_that_stay_large_few_are_held(store: Counting) -> None:
    """Long and narrow ones cannot be scaled down: as many as of others would fill the memory."""
    fetcher = Fetcher(store, Limits(), 4)
    for given, batch in enumerate(fetcher.batches(claimed(6, 65_535, 500), 32, SIDES), 1):
        assert len(batch) == 1  # 98 MB
        time.sleep(0.05)
        assert store.asked <= given + 1
    store.asked = 0
    sizes = [len(batch) for batch in fetcher.batches(claimed(50, 16_000, 400), 32, SIDES)]
    assert max(sizes) == 3  # 19 MB each
    assert sum(sizes) == store.asked == 50


def test_threads_decode_no_more_at_once_than_fits() -> None:
    argv = [sys.executable, "-c", MEASURE]
    done = subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) < 130_000_000  # a photo takes 60 MB; eight threads are ready


def test_a_bad_photo_is_held_by_its_error_no_longer() -> None:
    """Files of 20 MB, 48 of them: their errors are kept until a batch is recorded, the files are not."""
    argv = [sys.executable, "-c", BAD]
    done = subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert max(map(int, done.stdout.split())) < 350_000_000  # 140 MB without any photo
