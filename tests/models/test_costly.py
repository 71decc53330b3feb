"""Files made to fill the memory or to take forever: refused before they do, each with a code."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from io import BytesIO
from threading import Event, Thread

import pytest
from PIL import Image

from models.budget import Budget
from models.decode import decode
from models.errors import PhotoError
from models.photo import Limits, Sides, inspect

SECONDS = 5.0
SMALL = Image.new("RGB", (64, 48), (200, 30, 30))


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *extra: bytes) -> bytes:
    """Black and white, 1 bit a pixel."""
    row = b"\0" * (1 + (width + 7) // 8)
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan, a few bytes, comes again and again."""
    *parts, last = encode(Image.new("RGB", (side, side)), "JPEG", progressive=True).split(b"\xff\xda")
    return b"\xff\xda".join([*parts, *[last[:-2]] * scans]) + b"\xff\xd9"


def hidden_scans(scans: int) -> bytes:
    """The same behind a comment that holds what looks like the end of the picture."""
    *parts, last = encode(Image.new("RGB", (3000, 3000)), "JPEG", progressive=True).split(b"\xff\xda")
    scan = b"\xff\xfe\x00\x04\xff\xd9" + b"\xff\xda" + last[:-2]
    return b"\xff\xda".join(parts) + scan * scans + b"\xff\xd9"


def jpeg_of(*segments: bytes) -> bytes:
    plain = encode(SMALL, "JPEG")
    return plain[:2] + b"".join(segments) + plain[2:]


def app(number: int, body: bytes) -> bytes:
    return b"\xff" + bytes([0xE0 + number]) + struct.pack(">H", len(body) + 2) + body


def many_comments(count: int) -> bytes:
    """Empty ones, behind the first scan, where they are no metadata."""
    plain = encode(SMALL, "JPEG", progressive=True)
    at = plain.index(b"\xff\xc4", plain.index(b"\xff\xda"))
    return plain[:at] + b"\xff\xfe\0\x02" * count + plain[at:]


def gif_of_blocks(count: int) -> bytes:
    plain = encode(SMALL, "GIF")
    at = plain.index(b",", 13 + 3 * 2 ** ((plain[10] & 7) + 1))
    return plain[:at] + b"!\xfe" + b"\x01a" * count + b"\0" + plain[at:]


def bmp_of_runs(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    body = head + bytes(4 * 256) + b"\x01\x07" + b"\0\0" * height + b"\0\x01"
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + 40 + 1024) + body


def tiff(*tags: tuple[int, int, int, int], extra: bytes = b"", width: int = 64, height: int = 48) -> bytes:
    """A grey TIFF, uncompressed; `tags` are tag, type, count and value, in place of those of the same number."""
    pixels = bytes(width * height)
    start = 8
    known = {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        273: (4, 1, start),
        277: (3, 1, 1),
        278: (4, 1, height),
        279: (4, 1, len(pixels)),
        **{tag: rest for tag, *rest in tags},
    }
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count)
        + (struct.pack("<I", value) if kind == 4 or count > 1 else struct.pack("<HH", value, 0))
        for tag, (kind, count, value) in sorted(known.items())
    )
    directory = struct.pack("<H", len(known)) + entries + b"\0\0\0\0"
    return b"II*\0" + struct.pack("<I", start + len(pixels) + len(extra)) + pixels + extra + directory


def tiff_of_strips(count: int) -> bytes:
    """The same strip of 1,024 x 1,000 pixels, again and again; two rows are missing, so that none is the whole."""
    width, height, rows = 1024, 1000, 998
    extra = struct.pack("<I", 8) * count
    at = 8 + width * height
    return tiff((273, 4, count, at), (278, 4, 1, rows), extra=extra, width=width, height=height)


def webp_canvas(width: int, height: int) -> bytes:
    """One small frame on a large canvas."""
    frame = encode(SMALL, "WEBP")[12:]
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    place = bytes(6) + (63).to_bytes(3, "little") + (47).to_bytes(3, "little") + bytes(4)
    body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sizes + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += b"ANMF" + struct.pack("<I", 16 + len(frame)) + place + frame
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


COSTLY: dict[str, tuple[Callable[[], bytes], str]] = {
    "JPEG of 40,000 scans": (lambda: many_scans(2000, 40_000), "too_costly"),
    "JPEG of 400 scans of 9 megapixels": (lambda: many_scans(3000, 400), "too_costly"),
    "JPEG of scans behind comments": (lambda: hidden_scans(400), "too_costly"),
    "JPEG of 20 MB of EXIF": (
        lambda: jpeg_of(*[app(1, b"Exif\0\0" + bytes(65_000))] * 310),
        "too_costly",
    ),
    "JPEG of three million comments between scans": (lambda: many_comments(3_000_000), "too_costly"),
    "JPEG of junk between markers": (lambda: jpeg_of(app(15, b"junk"), bytes(600_000)), "too_costly"),
    "JPEG of arithmetic coding": (
        lambda: encode(SMALL, "JPEG").replace(b"\xff\xc0", b"\xff\xc9"),
        "format_refused",
    ),
    "PNG of 300,000 chunks": (lambda: png(8, 8, *[chunk(b"quIz", b"")] * 300_000), "too_costly"),
    "PNG one pixel wide": (lambda: png(1, 1_000_000), "too_many_pixels"),
    "GIF of 300,000 blocks": (lambda: gif_of_blocks(300_000), "too_costly"),
    "GIF without end": (lambda: encode(SMALL, "GIF")[:13] + b"!\xfe" + b"\x01a" * 600_000, "too_costly"),
    "BMP of runs": (lambda: bmp_of_runs(8000, 8000), "too_costly"),
    "TIFF of ten million numbers": (
        lambda: tiff((258, 3, 10_000_000, 8), extra=bytes(20_000_000)),
        "too_costly",
    ),
    "TIFF of one strip 30,000 times": (lambda: tiff_of_strips(30_000), "too_costly"),
    "TIFF of a tile of 3 gigapixels": (
        lambda: tiff(
            (259, 3, 1, 5), (322, 4, 1, 60_000), (323, 4, 1, 50_000), (324, 4, 1, 8), (325, 4, 1, 100)
        ),
        "too_costly",
    ),
    "TIFF by LZMA": (lambda: encode(SMALL, "TIFF", compression="lzma"), "format_refused"),
    "TIFF of a fax": (lambda: encode(SMALL.convert("1"), "TIFF", compression="group4"), "format_refused"),
    "WebP of a large canvas": (lambda: webp_canvas(7900, 7900), "too_costly"),
}


@pytest.mark.parametrize("name", COSTLY)
def test_costly_files_are_refused_in_time(name: str) -> None:
    make, code = COSTLY[name]
    data = make()
    assert len(data) < 50_000_000
    started = time.thread_time()
    with pytest.raises(PhotoError) as caught:
        decode(data, sides=Sides(256, 256))
    assert caught.value.code == code, caught.value.sentence
    assert len(caught.value.sentence) > 20
    assert time.thread_time() - started < SECONDS


def test_what_only_decoding_shows_is_refused_by_ingest_too() -> None:
    for name in ("JPEG of 40,000 scans", "PNG one pixel wide", "TIFF by LZMA", "WebP of a large canvas"):
        make, code = COSTLY[name]
        with pytest.raises(PhotoError) as caught:
            inspect(make())
        assert caught.value.code == code


def test_memory_is_reckoned_before_anything_is_decoded() -> None:
    """Of a photo that is within the limit when it is scaled down the whole may be beyond it."""
    photo = Image.new("RGB", (2000, 2000))
    for form, options in (
        ("PNG", {}),
        ("JPEG", {"progressive": True}),
        ("WEBP", {}),
        ("TIFF", {}),
        ("BMP", {}),
    ):
        data = encode(photo, form, **options)
        with pytest.raises(PhotoError) as caught:
            decode(data, sides=Sides(256, 256), limits=Limits(memory=10_000_000))
        assert caught.value.code == "too_costly"
        assert "2000 x 2000" in caught.value.sentence
    data = encode(photo, "JPEG")
    assert decode(data, sides=Sides(256, 256), limits=Limits(memory=10_000_000)).width == 2000
    with pytest.raises(PhotoError):
        decode(data, limits=Limits(memory=10_000_000))


def test_a_progressive_photo_of_many_scans_is_a_photo() -> None:
    assert decode(many_scans(300, 60)).width == 300
    assert decode(encode(SMALL, "JPEG", progressive=True, optimize=True)).pixels.shape == (48, 64, 3)


def test_what_follows_the_picture_does_not_count() -> None:
    """As the film behind a phone's photo: its bytes are no scans."""
    data = encode(SMALL, "JPEG", progressive=True) + b"\xff\xda\x00\x08\x01" * 5_000
    assert decode(data).width == 64


def test_exif_that_names_itself_again_and_again_costs_nothing() -> None:
    """A hundred tags, each of them the whole block of two megabytes; one of them is the turn, a million times over."""
    entries = b"".join(struct.pack("<HHII", 0x0100 + tag, 3, 1_000_000, 8) for tag in range(100))
    blob = b"II*\0\x08\0\0\0" + struct.pack("<H", 100) + entries + bytes(2_000_000)
    started = time.thread_time()
    for form in ("PNG", "WEBP"):
        assert decode(encode(SMALL, form, exif=blob)).width == 64
    assert time.thread_time() - started < 1.0


def test_threads_wait_for_memory_that_others_hold() -> None:
    budget, entered = Budget(100), Event()

    def second() -> None:
        with budget.hold(60):
            entered.set()

    with budget.hold(60):
        other = Thread(target=second)
        other.start()
        assert not entered.wait(0.2)
        with budget.hold(40):  # what fits goes on
            pass
    assert entered.wait(5)
    other.join()
    with budget.hold(1_000):  # more than all: it is had alone
        pass
