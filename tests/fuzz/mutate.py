"""Whole files made wrong: cut off, bits flipped, lengths that lie, parts swapped and repeated, two files in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from tests.fuzz.parts import healed, split

_BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
_LIES = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
_HEADER = 64
_KILOBYTE = 1024
_REPEATS = (2, 3, 10, 100)
_LONGEST = 1 << 18

Step = Callable[[bytearray, Random, Sequence[bytes]], bytes | bytearray]


def mutate(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """`data` after one to four steps; half of what comes out has its checksums right."""
    wrong: bytes | bytearray = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        wrong = bytearray(chance.choice(_STEPS)(bytearray(wrong), chance, others))
    made = bytes(wrong[:_LONGEST])
    return healed(made) if chance.random() < 0.5 else made


def one_by_one(data: bytes) -> Iterator[bytes]:
    """What needs no chance: cut off at each byte of the header and at each kilobyte, each byte of the header wrong."""
    ends = {*range(_HEADER), *range(_HEADER, len(data), _KILOBYTE), len(data) - 2, len(data) - 1}
    for end in sorted(end for end in ends if 0 <= end < len(data)):
        yield data[:end]
    for at in range(min(2 * _HEADER, len(data))):
        for value in (*_BYTES, data[at] ^ 1):
            if value != data[at]:
                yield data[:at] + bytes((value,)) + data[at + 1 :]


def _place(data: bytearray, chance: Random) -> int:
    """Half of the time in the first bytes, where most formats say the most."""
    end = min(len(data), 4 * _HEADER) if chance.random() < 0.5 else len(data)
    return chance.randrange(end) if end else 0


def _flip(data: bytearray, chance: Random, _: Sequence[bytes]) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 8))):
        if data:
            data[_place(data, chance)] ^= 1 << chance.randrange(8)
    return data


def _set(data: bytearray, chance: Random, _: Sequence[bytes]) -> bytearray:
    if data:
        data[_place(data, chance)] = chance.choice((*_BYTES, chance.randrange(256)))
    return data


def _lie(data: bytearray, chance: Random, _: Sequence[bytes]) -> bytearray:
    """An integer of one to eight bytes, somewhere, is another."""
    at, size = _place(data, chance), chance.choice((1, 2, 2, 4, 4, 4, 8))
    order = chance.choice(("little", "big"))
    said = int.from_bytes(data[at : at + size], order)
    value = chance.choice(
        (*_LIES, len(data), said + 1, said - 1, said * 2, said << 8, 1 << chance.randrange(64))
    )
    data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, order)
    return data


def _cut_off(data: bytearray, chance: Random, _: Sequence[bytes]) -> bytearray:
    return data[: _place(data, chance)]


def _without(data: bytearray, chance: Random, _: Sequence[bytes]) -> bytearray:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 2, 4, 16, 256))]
    return data


def _twice(data: bytearray, chance: Random, _: Sequence[bytes]) -> bytearray:
    at = _place(data, chance)
    span = data[at : at + chance.choice((1, 4, 16, 256))]
    return data[:at] + span * chance.choice(_REPEATS) + data[at:]


def _noise(data: bytearray, chance: Random, _: Sequence[bytes]) -> bytearray:
    at, size = _place(data, chance), chance.choice((1, 2, 8, 64))
    what = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))
    return data[:at] + what + data[at + (size if chance.random() < 0.5 else 0) :]


def _parts(data: bytearray, chance: Random, others: Sequence[bytes]) -> bytes:
    """Parts of the format swapped, left out, repeated, or from another file."""
    parts = split(bytes(data))
    if not parts:
        return bytes(data)
    at, other = chance.randrange(len(parts)), chance.randrange(len(parts))
    match chance.randrange(5):
        case 0:
            parts[at], parts[other] = parts[other], parts[at]
        case 1:
            del parts[at]
        case 2:
            parts[at:at] = [parts[at]] * chance.choice(_REPEATS)
        case 3:
            parts.insert(at, chance.choice(split(chance.choice(others)) or [b""]))
        case _:
            chance.shuffle(parts)
    return b"".join(parts)


def _polyglot(data: bytearray, chance: Random, others: Sequence[bytes]) -> bytes:
    """Two files in one: behind one another, or the head of one with the body of the other."""
    other = chance.choice(others)
    at = _place(data, chance)
    return bytes(data) + other if chance.random() < 0.5 else bytes(data[:at]) + other[at:]


_STEPS: tuple[Step, ...] = (
    *(_flip, _flip, _set, _set, _lie, _lie, _lie),
    *(_cut_off, _without, _twice, _noise, _parts, _parts, _parts, _polyglot),
)
