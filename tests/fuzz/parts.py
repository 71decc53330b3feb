"""A file as the parts that its format has. Joined they are the file again; what is damaged stays in one piece."""

from __future__ import annotations

import struct
import zlib

PNG = b"\x89PNG\r\n\x1a\n"
_BOXES = (b"ftyp", b"moov", b"meta")


def split(data: bytes) -> list[bytes]:
    """Segments of a JPEG, chunks of a PNG or RIFF, boxes of an AVIF, entries of a TIFF, lines of text; else pieces."""
    if data.startswith(b"\xff\xd8"):
        return _segments(data)
    if data.startswith(PNG):
        return [PNG, *_chunks(data, len(PNG), ">I", 0, 12)]
    if data.startswith(b"RIFF"):
        return [data[:12], *_chunks(data, 12, "<I", 4, 8)]
    if data[4:8] in _BOXES:
        return _chunks(data, 0, ">I", 0, 0)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _entries(data)
    if b"\n" in data[:4000] and data[:4] != b"PAR1":
        return data.splitlines(keepends=True)
    size = max(4, len(data) // 24)
    return [data[at : at + size] for at in range(0, len(data), size)]


def healed(data: bytes) -> bytes:
    """With the lengths and checksums that its format asks for, so that what lies behind them is reached."""
    if data.startswith(PNG):
        return b"".join([PNG, *map(_summed, split(data)[1:])])
    if data.startswith(b"RIFF") and len(data) >= 12:
        return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    return data


def _summed(chunk: bytes) -> bytes:
    if len(chunk) < 12:
        return chunk
    body = chunk[4:-4]
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _chunks(data: bytes, at: int, form: str, length_at: int, more: int) -> list[bytes]:
    """Chunks that say their length at `length_at`, which counts all but `more` bytes; even where RIFF."""
    found = []
    while at + length_at + 4 <= len(data):
        (length,) = struct.unpack_from(form, data, at + length_at)
        end = at + max(8, length + more + (length & 1 if form == "<I" else 0))
        found.append(data[at:end])
        at = end
    if at < len(data):
        found.append(data[at:])
    return found


def _segments(data: bytes) -> list[bytes]:
    found, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xDA:
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append(data[at:end])
        at = end
    if at < len(data):
        rest = data[at:]
        found += [rest[:14], rest[14:-2], rest[-2:]] if len(rest) > 16 else [rest]
    return found


def _entries(data: bytes) -> list[bytes]:
    """What lies before the first directory, its entries of 12 bytes, and what lies behind."""
    order = "<" if data.startswith(b"II") else ">"
    if len(data) < 10:
        return [data]
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    if at + 2 > len(data):
        return [data[:8], data[8:]]
    (count,) = struct.unpack_from(f"{order}H", data, at)
    begin = at + 2
    end = min(len(data), begin + 12 * min(count, 200))
    entries = [data[k : min(k + 12, end)] for k in range(begin, end, 12)]
    return [data[:8], data[8:begin], *entries, data[end:]]
