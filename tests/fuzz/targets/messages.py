"""Messages out of the queue: a seal that is not ours is told; arguments are taken whole, or refused by a sentence."""

from __future__ import annotations

import json

from pydantic import SecretStr, ValidationError

from catalog.refused import SHOWN, beginning
from tests.fuzz.target import Target
from workers.arguments import Arguments, Chunk, Night, Retraining, sentence
from workers.sealing import NotSealed, Seal

SEAL = Seal(SecretStr("a key that strangers do not have"))
PLACE = "tagmill"
CHUNK = '{"job_id": 7, "image_ids": [1, 2, 3], "lane": "fresh"}'
NIGHT = '{"schedule": "collect", "scheduled_for": "2026-11-29T01:00:00+00:00"}'


def check(data: bytes) -> None:
    told = beginning(data)
    assert told.isascii()
    assert told.isprintable()
    assert len(told) <= 4 * SHOWN
    _seal(data)
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        return
    for kind in (Arguments, Chunk, Retraining, Night):
        _arguments(kind, given)


def _seal(data: bytes) -> None:
    try:
        value = SEAL.open(PLACE, data)
    except NotSealed as error:
        assert error.code in ("not_sealed", "too_long")
    else:
        assert SEAL.close(PLACE, value.decode()) == data, "another text bears the same seal"


def _arguments(kind: type[Arguments], given: object) -> None:
    try:
        found = kind.model_validate(given)
    except ValidationError as error:
        assert 0 < len(sentence(error)) < 5_000
        return
    if isinstance(found, Chunk):
        assert 0 < len(found.image_ids) <= 4_096
        assert all(0 < one < 2**63 for one in (found.job_id, *found.image_ids))


def _seeds() -> tuple[bytes, ...]:
    sealed = SEAL.close(PLACE, CHUNK)
    return (CHUNK.encode(), NIGHT.encode(), b"{}", sealed, sealed[:64], SEAL.close("other", CHUNK))


TARGET = Target("messages", _seeds, check)
