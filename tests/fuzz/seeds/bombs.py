"""Small files that stand for much: pixels, tiles, text, scans, frames, numbers of entries."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO

from PIL import Image

MUCH = 400_000_000
"""Bytes that a bomb unpacks to: three times what a case may take."""
SIDE = 30_000
_BLOCK = 1 << 20


def bombs() -> Iterator[bytes]:
    """Bombs of every format, each some kilobytes to a few hundred."""
    yield from _pngs()
    yield from _tiffs()
    yield from _jpegs()
    yield _gif(SIDE, SIDE)
    yield _gif(10, 10, SIDE, SIDE)
    yield _gif(10, 10, 10, 10, frames=2_000)
    yield from _bmps()
    yield from _webps()


@cache
def zeros(count: int) -> bytes:
    """`count` zeros as deflate packs them: one packed megabyte, again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(_BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, wbits=-15)
    rest = packer.compress(bytes(count % _BLOCK)) + packer.flush()
    adler32 = (count % 65_521) << 16 | 1
    return b"\x78\xda" + block * (count // _BLOCK) + rest + struct.pack(">I", adler32)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, pixels: bytes, *more: bytes, colour: int = 2, bits: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _pngs() -> Iterator[bytes]:
    much, few = zeros(MUCH), zeros(10 * 31)
    yield png(SIDE, SIDE, few)
    yield png(10, 10, much)  # more pixels than its header says
    yield png(10, 10, few, chunk(b"zTXt", b"Title\0\0" + much))
    yield png(10, 10, few, chunk(b"iTXt", b"Title\0\1\0en\0T\0" + much))
    yield png(10, 10, few, chunk(b"iCCP", b"icc\0\0" + much))
    yield png(10, 10, few, *[chunk(b"tEXt", b"Title\0words")] * 5_000)
    yield png(10, 10, few, chunk(b"PLTE", b"\1\2\3" * 5_000), colour=3)


def tiff(entries: dict[int, tuple[int, int]], body: bytes) -> bytes:
    """One directory of numbers: tag → (type 3 or 4, value). `body` begins at byte 8."""
    at = 8 + len(body) + (len(body) & 1)
    rows = b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(entries.items())
    )
    directory = struct.pack("<H", len(entries)) + rows + b"\0\0\0\0"
    return struct.pack("<2sHI", b"II", 42, at) + body.ljust(at - 8, b"\0") + directory


def _tiffs() -> Iterator[bytes]:
    much = zeros(MUCH)
    plain = {256: 10, 257: 10, 258: 8, 259: 8, 262: 1, 277: 1}
    strip = {**plain, 273: 8, 278: 10, 279: len(much)}
    tile = {**plain, 322: 20_000, 323: 20_000, 324: 8, 325: len(much)}
    for entries in (
        strip,
        {**strip, 278: 40_000_000},
        {**strip, 257: 40_000_000},
        tile,
        {**tile, 322: 65_536},
    ):
        yield tiff({tag: (4, value) for tag, value in entries.items()}, much)
    yield tiff({tag: (4, value) for tag, value in {**strip, 256: SIDE, 257: SIDE}.items()}, b"")
    yield tiff(dict.fromkeys(range(30_000, 64_000), (4, 1)), b"")


def _jpegs() -> Iterator[bytes]:
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG")
    plain = file.getvalue()
    yield plain.replace(b"\x00\x40\x00\x40\x03", struct.pack(">HHB", 65_000, 65_000, 3))
    file = BytesIO()
    Image.new("L", (900, 900)).save(file, "JPEG", progressive=True)
    slow = file.getvalue()
    scan = slow[slow.rindex(b"\xff\xda") : -2]
    yield slow[:-2] + scan * 3_000 + slow[-2:]  # each scan passes over all pixels again
    marker = b"\xff\xe1\xff\xff" + b"Exif\0\0" + b"\xff" * 65_527
    yield plain[:2] + marker * 5 + plain[2:]


def _gif(width: int, height: int, wide: int | None = None, high: int | None = None, frames: int = 1) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, wide or width, high or height, 0) + b"\x02\x02\x4c\x01\0"
    return screen + frame * frames + b";"


def _bmps() -> Iterator[bytes]:
    def bmp(width: int, height: int, bits: int, packing: int, body: bytes) -> bytes:
        info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, len(body), 0, 0, 0, 0)
        return (
            b"BM" + struct.pack("<IHHI", 54 + 1024 + len(body), 0, 0, 54 + 1024) + info + bytes(1024) + body
        )

    yield bmp(SIDE, SIDE, 8, 1, b"\0\1")
    yield bmp(SIDE, -SIDE, 24, 0, b"")
    yield bmp(10, 10, 8, 1, b"\xff\1" * 50_000)
    yield bmp(10, 10, 8, 1, b"\0\2\xff\xff" * 20_000)  # jumps, each over as many pixels as it can


def _webps() -> Iterator[bytes]:
    file = BytesIO()
    Image.new("RGBA", (8, 8)).save(
        file, "WEBP", save_all=True, append_images=[Image.new("RGBA", (8, 8), "red")]
    )
    moving = file.getvalue()
    yield moving[:24] + struct.pack("<I", SIDE)[:3] + struct.pack("<I", SIDE)[:3] + moving[30:]
    first = moving.index(b"ANMF")
    size = 8 + int.from_bytes(moving[first + 4 : first + 8], "little")
    frames = moving[first : first + size] * 2_000
    body = moving[8:first] + frames
    yield b"RIFF" + struct.pack("<I", len(body)) + body
