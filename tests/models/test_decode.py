"""One decoder for every kind of file: right pixels, the right way up, or an error with a code."""

from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from models.decode import decode
from models.errors import NotAnImage, PhotoError
from models.exif import ORIENTATION
from models.photo import Limits, Sides, inspect

RED, GREEN, BLUE, GRAY = (200, 30, 30), (30, 160, 60), (40, 60, 190), (120, 120, 120)

# How a camera turns the scene for each orientation: the inverse of what the decoder does.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
TURNABLE = ["JPEG", "PNG", "WEBP", "TIFF", *(["AVIF"] if features.check("avif") else [])]


def encode(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Four quarters of different colours, so that every turn shows."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(GRAY, (width // 2, height // 2, width, height))
    return image


def gradient(mode: str = "RGB", side: int = 128) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).convert(mode)


def quarters(pixels: np.ndarray) -> list[tuple[int, ...]]:
    height, width = pixels.shape[:2]
    spots = [(y, x) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [tuple(int(v) for v in pixels[spot]) for spot in spots]


def assert_scene(pixels: np.ndarray, tolerance: int = 12) -> None:
    assert np.abs(np.subtract(quarters(pixels), [RED, GREEN, BLUE, GRAY])).max() <= tolerance


def code_of(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(PhotoError) as caught:
        decode(data, limits=limits)
    assert len(caught.value.sentence) > 10
    return caught.value.code


def huge_png(side: int) -> bytes:
    """A PNG that claims side x side pixels: a few hundred bytes of black rows, never unpacked."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", TURNABLE)
@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_is_applied(form: str, turn: int) -> None:
    stored = scene() if STORED[turn] is None else scene().transpose(STORED[turn])
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    data = encode(stored, form, exif=exif, **({"quality": 95} if form != "PNG" else {}))
    photo = decode(data)
    assert (photo.width, photo.height) == (96, 64)
    assert photo.pixels.shape == (64, 96, 3)
    assert_scene(photo.pixels)
    info = inspect(data)
    assert (info.format, info.width, info.height) == (form, 96, 64)


def test_scaled_decode_keeps_the_original_size_and_orientation() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    photo = decode(encode(scene(1200, 800).transpose(STORED[6]), "JPEG", exif=exif), sides=Sides(200, 200))
    assert (photo.width, photo.height) == (1200, 800)
    assert photo.pixels.shape == (200, 300, 3)
    assert_scene(photo.pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("min_side", [40, 99, 100, 255, 400, 1000])
def test_pixels_are_never_smaller_than_asked(form: str, min_side: int) -> None:
    photo = decode(encode(scene(601, 399), form), sides=Sides(min_side, min_side))
    short = min(photo.pixels.shape[:2])
    assert min(min_side, 399) <= short
    assert short < 2 * min_side or short == 399
    assert_scene(photo.pixels)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_matter() -> None:
    data = encode(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert_scene(decode(data).pixels)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "YCbCr"])
def test_colour_modes(mode: str) -> None:
    """CMYK JPEGs are stored inverted, as Adobe does; both kinds come back as they were."""
    form = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    image = scene().convert(mode, palette=Image.Palette.ADAPTIVE)
    options = {"quality": 95} if form == "JPEG" else {}
    pixels = decode(encode(image, form, **options)).pixels
    if mode == "L":
        expected = np.asarray(image.convert("RGB"))
        assert np.array_equal(pixels, expected)
    else:
        assert_scene(pixels)


def test_16_bit_gray_is_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(1, 256).repeat(4, axis=0)
    for form in ("PNG", "TIFF"):
        pixels = decode(encode(Image.fromarray(ramp), form)).pixels
        assert np.array_equal(pixels[0, :, 0], np.arange(256))
        assert np.array_equal(pixels[..., 0], pixels[..., 2])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 128, 255]], dtype=np.int32), [0, 128, 255]),
        (np.array([[0, 32768, 65535]], dtype=np.int32), [0, 128, 255]),
        (np.array([[-100, 0, 100]], dtype=np.int32), [0, 128, 255]),
        (np.array([[0.0, 0.5, 1.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[0.0, 128.0, 255.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[np.nan, 0.0, 4e9]], dtype=np.float32), [0, 0, 255]),
        (np.array([[7.0, 7.0, 7.0]], dtype=np.float32), [7, 7, 7]),
    ],
)
def test_wide_integers_and_floats(values: np.ndarray, expected: list[int]) -> None:
    assert decode(encode(Image.fromarray(values), "TIFF")).pixels[0, :, 0].tolist() == expected


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "GIF"])
def test_one_bit(form: str) -> None:
    image = Image.new("1", (16, 8), 0)
    image.paste(1, (8, 0, 16, 8))
    pixels = decode(encode(image, form)).pixels
    assert pixels[4, 2].tolist() == [0, 0, 0]
    assert pixels[4, 12].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparency_is_laid_over_white(mode: str, form: str) -> None:
    image = Image.new("RGBA", (40, 20), (10, 10, 10, 0))
    image.paste((0, 0, 0, 255), (0, 0, 20, 20))
    image.paste((0, 0, 0, 128), (0, 10, 20, 20))
    if form == "WEBP" and mode == "LA":
        mode = "RGBA"
    options = {"lossless": True} if form == "WEBP" else {}
    for sides in (None, Sides(10, 10)):
        photo = decode(encode(image.convert(mode), form, **options), sides=sides)
        step = 20 // photo.pixels.shape[0]
        values = [photo.pixels[y // step, x // step, 0] for y, x in ((4, 4), (14, 4), (4, 34))]
        assert np.abs(np.subtract(values, [0, 127, 255], dtype=np.float64)).max() <= 1


def test_palette_with_transparency() -> None:
    image = Image.new("P", (20, 10), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (10, 0, 20, 10))
    for data in (encode(image, "PNG", transparency=1), encode(image, "GIF", transparency=1)):
        pixels = decode(data).pixels
        assert pixels[5, 5].tolist() == [255, 0, 0]
        assert pixels[5, 15].tolist() == [255, 255, 255]
    half = encode(image, "PNG", transparency=bytes([255, 128]))
    assert decode(half).pixels[5, 15].tolist() == [127, 127, 255]


def test_animation_gives_its_first_picture() -> None:
    frames = [scene(), Image.new("RGB", (96, 64), GREEN)]
    for form in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if form == "WEBP" else {}
        data = encode(frames[0], form, save_all=True, append_images=frames[1:], duration=50, **options)
        assert_scene(decode(data).pixels)


def test_multi_picture_jpeg_reads_as_jpeg() -> None:
    data = encode(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64))], quality=95)
    assert inspect(data).format == "JPEG"
    assert_scene(decode(data).pixels)


def test_colour_profile_is_converted_to_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_scene(decode(encode(scene(), "PNG", icc_profile=lab)).pixels, tolerance=0)


def test_a_wide_gamut_profile_changes_the_pixels() -> None:
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red = srgb.index(b"rXYZ", 128)
    at = struct.unpack_from(">I", srgb, red + 4)[0]
    struct.pack_into(">iii", srgb, at + 8, 39920, 20331, 1246)  # Adobe RGB's red: stronger than sRGB's
    wide = bytes(srgb).replace("sRGB".encode("utf-16-be"), "Wide".encode("utf-16-be"))
    moved = decode(encode(scene(), "PNG", icc_profile=wide)).pixels
    assert quarters(moved)[0][0] > RED[0] + 10


def test_a_broken_profile_is_passed_over() -> None:
    assert_scene(decode(encode(scene(), "PNG", icc_profile=b"not a profile")).pixels, tolerance=0)
    cmyk_said_rgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert_scene(decode(encode(scene(), "JPEG", quality=95, icc_profile=cmyk_said_rgb)).pixels)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"this is no photo at all\n" * 50, "not_an_image"),
        (b"\0" * 4096, "not_an_image"),
        (b"<html><body>404</body></html>", "not_an_image"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "format_refused"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "format_refused"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "format_refused"),
        (encode(scene(), "ICO"), "format_refused"),
        (encode(scene(), "PPM"), "not_an_image"),
        (huge_png(20_000), "too_many_pixels"),
        (b"\xff\xd8\xff", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
    ],
)
def test_bad_files_have_a_code(data: bytes, code: str) -> None:
    assert code_of(data) == code
    with pytest.raises(PhotoError) as caught:
        inspect(data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<html><body>404</body></html>", "web page"),
        (b"\xef\xbb\xbf\r\n<!-- cached -->\n<!DOCTYPE HTML PUBLIC>", "web page"),
        (b"PK\x03\x04\x14\0", "ZIP archive"),
    ],
)
def test_what_comes_under_a_photos_name_is_called_what_it_is(data: bytes, kind: str) -> None:
    with pytest.raises(NotAnImage, match=f"the content is a {kind}"):
        inspect(data)


def test_limits() -> None:
    data = encode(scene())
    assert code_of(data, Limits(max_bytes=len(data) - 1)) == "too_many_bytes"
    assert code_of(data, Limits(max_pixels=96 * 64 - 1)) == "too_many_pixels"
    assert decode(data, limits=Limits(len(data), 96 * 64)).width == 96
    webp = encode(scene(), "WEBP", lossless=True)
    for data in (webp, encode(scene(), "WEBP"), encode(scene().convert("RGBA"), "WEBP", exif=b"Exif\0\0")):
        assert code_of(data, Limits(max_pixels=100)) == "too_many_pixels"
        assert (inspect(data).width, inspect(data).height) == (96, 64)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        *([("AVIF", {})] if features.check("avif") else []),
    ],
)
def test_cut_off_at_any_length(form: str, options: dict[str, object]) -> None:
    """A piece of a file is refused, or it is whole but for a trailer and gives the very same pixels."""
    data = encode(gradient(), form, **options)
    whole = decode(data).pixels
    codes = set()
    for length in [
        *range(1, 40, 3),
        *np.linspace(40, len(data) - 1, 40, dtype=int),
        len(data) - 2,
        len(data) - 1,
    ]:
        try:
            pixels = decode(data[:length]).pixels
        except PhotoError as error:
            codes.add(error.code)
        else:
            assert length > 0.95 * len(data), length
            assert np.array_equal(pixels, whole), length
    assert codes <= {"truncated", "corrupt", "not_an_image"}
    assert "truncated" in codes or form in ("TIFF", "AVIF")


def test_noise_in_the_middle_never_escapes_the_tree() -> None:
    rng = np.random.default_rng(1)
    for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        data = np.frombuffer(encode(gradient(side=64), form), dtype=np.uint8)
        for _ in range(30):
            broken = data.copy()
            spots = rng.integers(4, len(data), 12)
            broken[spots] = rng.integers(0, 256, 12)
            try:
                decode(broken.tobytes(), limits=Limits(max_pixels=1_000_000))
            except PhotoError:
                continue


def test_many_threads_agree() -> None:
    data = [encode(gradient(), form) for form in ("JPEG", "PNG", "WEBP", "TIFF")] * 8
    alone = [decode(one, sides=Sides(40, 40)).pixels for one in data]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: decode(one, sides=Sides(40, 40)).pixels, data))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
