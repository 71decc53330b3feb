"""Whole files of every kind that is taken, and the ways in which they are hurt."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from random import Random

import numpy as np
from PIL import Image, features


def picture(random: Random, mode: str = "RGB") -> Image.Image:
    """Blotches of colour, of a size of its own."""
    width, height = random.randint(20, 400), random.randint(20, 400)
    noise = np.random.default_rng(random.randrange(2**32)).integers(0, 256, (9, 9, 4), dtype=np.uint8)
    image = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    image.putalpha(image.getchannel("A").point(lambda value: 255 if value > 90 else value))
    return image.convert(mode)


def save(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def whole_files(random: Random) -> dict[str, Callable[[], bytes]]:
    """Of each kind, a file that can be decoded."""

    def frames(form: str, count: int = 4, **options: object) -> bytes:
        first = picture(random)
        rest = [picture(random).resize(first.size) for _ in range(count - 1)]
        return save(first, form, save_all=True, append_images=rest, **options)

    def deep() -> bytes:
        shape = (random.randint(9, 90), random.randint(9, 90))
        return save(Image.fromarray(np.full(shape, random.randrange(65536), np.uint16)), "PNG")

    kinds: dict[str, Callable[[], bytes]] = {
        "jpeg": lambda: save(picture(random), "JPEG", quality=random.randint(20, 99)),
        "jpeg-progressive": lambda: save(picture(random), "JPEG", progressive=True, subsampling=0),
        "jpeg-gray": lambda: save(picture(random, "L"), "JPEG"),
        "jpeg-cmyk": lambda: save(picture(random, "CMYK"), "JPEG"),
        "mpo": lambda: frames("MPO"),
        "png": lambda: save(picture(random), "PNG"),
        "png-alpha": lambda: save(picture(random, "RGBA"), "PNG"),
        "png-gray-alpha": lambda: save(picture(random, "LA"), "PNG"),
        "png-palette": lambda: save(picture(random, "P"), "PNG", transparency=random.randrange(256)),
        "png-bits": lambda: save(picture(random, "1"), "PNG"),
        "png-deep": deep,
        "apng": lambda: frames("PNG"),
        "webp": lambda: save(picture(random), "WEBP", quality=60, method=0),
        "webp-lossless": lambda: save(picture(random, "RGBA"), "WEBP", lossless=True, method=0),
        "webp-animated": lambda: frames("WEBP", method=0),
        "gif": lambda: save(picture(random), "GIF"),
        "gif-animated": lambda: frames("GIF", disposal=2),
        "bmp": lambda: save(picture(random, random.choice(["RGB", "P", "1"])), "BMP"),
        "tiff": lambda: save(picture(random, random.choice(["RGB", "RGBA", "CMYK", "L", "1"])), "TIFF"),
        "tiff-lzw": lambda: save(picture(random), "TIFF", compression="tiff_lzw"),
        "tiff-deflate": lambda: save(picture(random), "TIFF", compression="tiff_adobe_deflate"),
        "tiff-jpeg": lambda: save(picture(random), "TIFF", compression="jpeg"),
        "tiff-float": lambda: save(picture(random, "F"), "TIFF"),
        "tiff-pages": lambda: frames("TIFF"),
    }
    if features.check("avif"):
        kinds["avif"] = lambda: save(picture(random), "AVIF", speed=10)
    return kinds


def truncated(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(1, len(data))]


def flipped(data: bytes, random: Random) -> bytes:
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        made[random.randrange(len(made))] ^= 1 << random.randrange(8)
    return bytes(made)


def flipped_head(data: bytes, random: Random) -> bytes:
    made = bytearray(data)
    for _ in range(random.choice((1, 2, 4))):
        made[random.randrange(4, min(200, len(made)))] = random.randrange(256)
    return bytes(made)


def lied(data: bytes, random: Random) -> bytes:
    """A length, offset or count that is another."""
    at = random.randrange(4, max(5, min(400, len(data) - 4)))
    lie = random.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\xff\xff", b"\x80\0\0\0"))
    return data[:at] + lie + data[at + len(lie) :]


def hollow(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    size = random.randint(1, max(1, len(data) // 3))
    return data[:at] + bytes(size) + data[at + size :]


def doubled(data: bytes, random: Random) -> bytes:
    at, end = sorted(random.randrange(len(data)) for _ in range(2))
    return data[:end] + data[at:end] * random.randint(1, 20) + data[end:]


def spliced(data: bytes, random: Random) -> bytes:
    other = random.choice(list(whole_files(random).values()))()
    return data[: random.randrange(len(data))] + other[random.randrange(len(other)) :]


def shuffled(data: bytes, random: Random) -> bytes:
    size = max(1, len(data) // 16)
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    tail = parts[1:]
    random.shuffle(tail)
    return b"".join([parts[0], *tail])


def polyglot(data: bytes, random: Random) -> bytes:
    """Something else behind the photo: viewers and decoders do not see it."""
    return data + random.choice((b"PK\x03\x04" + bytes(400), b"<script>alert(1)</script>", b"%PDF-1.7\n" * 9))


HURTS: Sequence[tuple[str, Callable[[bytes, Random], bytes]]] = (
    ("whole", lambda data, _: data),
    ("truncated", truncated),
    ("flipped", flipped),
    ("head", flipped_head),
    ("lied", lied),
    ("hollow", hollow),
    ("doubled", doubled),
    ("spliced", spliced),
    ("shuffled", shuffled),
    ("polyglot", polyglot),
)
