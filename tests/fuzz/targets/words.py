"""What people and programs type: search words, conditions, where a page goes on, names of shoppers, cells."""

from __future__ import annotations

import base64
import math
import struct
import zlib

from catalog import filters
from catalog.errors import BadCursor, BadFilter, BadQuery, BadShopper
from catalog.interactions.rows import shopper_name
from catalog.manifests.rows import shown
from catalog.review import cursors
from catalog.search import cursor, words
from models.spreadsheets import as_it_was, harmless
from tests.fuzz.target import Target

QUESTION = cursor.mark("q")
LARGEST = 2**63 - 1


def check(data: bytes) -> None:
    for text in (data.decode("utf-8", "surrogateescape"), data.decode("utf-16-le", "replace")):
        _words(text)
        _condition(text)
        _place(text)
        _shopper(text)
        _cursor(text)
        assert shown(text).isprintable()
        assert as_it_was(harmless(text)) == text
        assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    packed = zlib.compress(QUESTION + data)
    _cursor(base64.urlsafe_b64encode(struct.pack(">I", zlib.crc32(packed)) + packed).rstrip(b"=").decode())
    _place(base64.urlsafe_b64encode(data).decode().rstrip("="))


def _words(text: str) -> None:
    try:
        found = words.query(text)
    except BadQuery:
        return
    assert len(found) <= words.MOST_WORDS
    assert all(0 < len(word) <= words.LONGEST_WORD and word.encode() for word in found), found
    assert words.split(" ".join(found)) == found, "what was split is split in another way"


def _condition(text: str) -> None:
    try:
        meant = filters.parse([text])
    except BadFilter:
        return
    sql, parameters = meant.of_product()
    assert text not in sql or len(text) < 12
    assert "\0" not in repr(parameters)


def _place(text: str) -> None:
    try:
        place = cursors.read("doubts", text)
    except BadCursor:
        return
    assert math.isfinite(place.rank) and abs(place.number) <= LARGEST and place.label.encode() is not None
    assert cursors.read("doubts", cursors.write("doubts", place)) == place


def _cursor(text: str) -> None:
    try:
        found = cursor.read(QUESTION, text)
    except BadCursor:
        return
    assert len(found) <= 1_000 and all(math.isfinite(score) for _, score in found)
    assert cursor.read(QUESTION, cursor.write(QUESTION, found)) == found


def _shopper(text: str) -> None:
    try:
        name = shopper_name(text)
    except BadShopper:
        return
    assert 0 < len(name) <= 200 and name.encode()


def _seeds() -> tuple[bytes, ...]:
    place = cursors.Place(0.25, 7, "shoe", 9)
    texts = (
        *(
            "red shoes Größe 42",
            "price<20",
            "attributes.a~b|c",
            "created_at>=2026-11-29T10:00:00+01",
            "brand=Acme|",
        ),
        *("price=1e5", "sku!=A_%", "ﬁﬃ İı ß ½", cursors.write("doubts", place), "=cmd()", "ann"),
        cursor.write(QUESTION, [(k, k / 7) for k in range(20)]),
    )
    return (*(text.encode() for text in texts), *(text.encode("utf-16-le") for text in texts[:8]), bytes(24))


TARGET = Target("words", _seeds, check)
