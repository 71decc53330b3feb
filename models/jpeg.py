"""What decoding a JPEG will cost, from its markers alone (ITU T.81, annex B). Free of torch."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.errors import FormatRefused, TooCostly

_HEADER_BYTES = (
    16_000_000  # profiles and EXIF are glued together piece by piece: with the square of their length
)
_SCANS = 1_000
_MARKERS = 20_000  # photos have some dozens, and each costs a step in Python
_SCANNED_PIXELS = 2_500_000_000  # each scan passes over the whole photo, however little it says: 2 seconds
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_NEXT = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in a scan: neither a stuffed byte nor a restart
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE, _HUFFMAN = 0xC2, (0xC0, 0xC1, 0xC2)
_END, _SCAN = 0xD9, 0xDA


def look(data: bytes) -> int:
    """Bytes that libjpeg keeps of a photo that comes in several scans, until the last; 0 where it comes in one.

    Markers are followed as libjpeg does; what breaks the rules is left to it.

    Raises:
        FormatRefused: lossless, hierarchical or arithmetic coding, which no camera or shop writes.
        TooCostly: more metadata or scans than a photo has.
    """
    width = height = components = coefficients = scans = 0
    several = False
    for number, (code, at) in enumerate(_markers(data)):
        if number > _MARKERS:
            raise TooCostly(f"the JPEG has more than {_MARKERS:,} segments; a photo has some dozens")
        if not scans and at > _HEADER_BYTES:
            raise TooCostly(f"the JPEG has more than {_HEADER_BYTES:,} bytes of metadata before its pixels")
        if code in _FRAMES:
            if code not in _HUFFMAN:
                raise FormatRefused(
                    "JPEGs of this rare kind are not accepted; save the photo as a plain JPEG"
                )
            height, width = int.from_bytes(data[at + 3 : at + 5]), int.from_bytes(data[at + 5 : at + 7])
            components, several = data[at + 7], code == _PROGRESSIVE
            coefficients = _coefficients(width * height, data[at + 8 : at + 8 + 3 * components])
        elif code == _SCAN:
            scans += 1
            several |= data[at + 2] < components
            if not several:
                return 0
            if scans > _SCANS or scans * width * height > _SCANNED_PIXELS:
                raise TooCostly(f"the JPEG comes in {scans:,} scans or more, each of which takes time")
    return coefficients


def _markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Each marker's code, and where its length stands; up to the end of the first picture."""
    at, pattern = 2, _MARKER
    while (found := pattern.search(data, at)) and found.end() + 8 < len(data):
        code, at = found[0][1], found.end()
        if code == _END:
            return
        if code in _BARE:
            continue
        yield code, at
        at += max(2, int.from_bytes(data[at : at + 2]))
        pattern = _NEXT if code == _SCAN else _MARKER


def _coefficients(pixels: int, layers: bytes) -> int:
    """Two bytes for each sample; `layers` are three bytes a component, the second its sampling factors."""
    factors = [(sampling >> 4) * (sampling & 15) for sampling in layers[1::3]]
    return 2 * pixels * sum(factors) // max((1, *factors))
