"""No decode takes more memory than was reckoned: measured in a process of its own, by the kernel's count."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

SIDE = 2_400
ALLOWANCE = 6_000_000
"""Bytes: of the allocator, of modules that are loaded late."""
MEASURE = """
import json, sys
from models.decode import decode
from models.photo import Limits, Sides, open_photo

def peak(what):
    line = next(line for line in open("/proc/self/status") if line.startswith(what))
    return int(line.split()[1]) * 1024

data = open(sys.argv[1], "rb").read()
small = open(sys.argv[2], "rb").read()
sides = Sides(256, 256) if sys.argv[3] == "scaled" else None
limits = Limits(10**9, 10**9, 10**12)
decode(small, sides=sides, limits=limits)
reckoned = open_photo(data, limits, sides).memory
open("/proc/self/clear_refs", "w").write("5")
before = peak("VmRSS")
decode(data, sides=sides, limits=limits)
print(json.dumps([reckoned, peak("VmHWM") - before]))
"""


def picture(mode: str, side: int) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (side // 20, side // 20, 4), dtype=np.uint8)
    image = Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)
    if mode == "I;16":
        return Image.fromarray(np.asarray(image)[..., 0].astype(np.uint16) * 257)
    return image.convert(mode)


def write(path: Path, form: str, mode: str, side: int, **options: object) -> str:
    file = BytesIO()
    picture(mode, side).save(file, form, **options)
    path.write_bytes(file.getvalue())
    return str(path)


KINDS: dict[str, tuple[str, str, dict[str, object]]] = {
    "jpeg": ("JPEG", "RGB", {}),
    "jpeg-progressive": ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
    "jpeg-cmyk-progressive": ("JPEG", "CMYK", {"progressive": True}),
    "png": ("PNG", "RGB", {"compress_level": 1}),
    "png-alpha": ("PNG", "RGBA", {"compress_level": 1}),
    "png-gray-alpha": ("PNG", "LA", {"compress_level": 1}),
    "png-palette": ("PNG", "P", {"compress_level": 1, "transparency": 3}),
    "png-deep": ("PNG", "I;16", {"compress_level": 1}),
    "webp": ("WEBP", "RGB", {"method": 0}),
    "webp-lossless": ("WEBP", "RGBA", {"method": 0, "lossless": True, "quality": 0}),
    "gif": ("GIF", "P", {}),
    "bmp": ("BMP", "RGB", {}),
    "tiff": ("TIFF", "RGB", {}),
    "tiff-lzw": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "tiff-one-strip": ("TIFF", "RGB", {"compression": "tiff_adobe_deflate", "tiffinfo": {278: SIDE}}),
    "tiff-jpeg": ("TIFF", "RGB", {"compression": "jpeg"}),
    "tiff-turned": ("TIFF", "RGB", {"compression": "tiff_lzw", "tiffinfo": {274: 6}}),
    "tiff-float": ("TIFF", "F", {}),
}
if features.check("avif"):
    KINDS["avif"] = ("AVIF", "RGB", {"speed": 10, "subsampling": "4:4:4"})


QUICK = ("jpeg-progressive", "webp-lossless", "tiff-one-strip")


@pytest.mark.parametrize("how", ["whole", "scaled"])
@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.chaos) for kind in KINDS]
)
def test_no_decode_takes_more_than_was_reckoned(kind: str, how: str, tmp_path: Path) -> None:
    form, mode, options = KINDS[kind]
    large = write(tmp_path / "large", form, mode, SIDE, **options)
    small = write(tmp_path / "small", form, mode, 64)
    argv = [sys.executable, "-c", MEASURE, large, small, how]
    printed = subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, check=True).stdout
    reckoned, taken = json.loads(printed)
    assert taken <= reckoned + ALLOWANCE
    assert reckoned <= 3 * max(taken, 20_000_000), "so pessimistic that photos are refused for nothing"
