"""Everything that Celery writes into Redis bears a seal, and nothing is looked into whose seal is not right.

A seal is an HMAC-SHA256 by `TAGMILL_MESSAGE_KEY` over a value and the place it was written to: a list, a channel, or
the hash of what is not acknowledged yet. So who may write to Redis and does not hold the key can throw messages away,
hold them back and repeat them, which the ledger bears; nobody but us says what a worker runs, or ends it by Celery's
remote control. It is checked before a byte is parsed: kombu's own reading is not made for strangers.
"""

from __future__ import annotations

import hmac
from functools import partial
from typing import Any

import redis
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from pydantic import SecretStr
from redis.client import Pipeline, PubSub

from workers import refusing

LONGEST = 1_000_000
"""Bytes of a message: 4,096 ids take about a tenth of it."""

_DIGITS = 64
_UNACKED = kombu_redis.Channel.unacked_key  # the one hash that kombu reads values from
# Where the value is, counted from the command's name. After "MULTI" replies come without their commands' names: kombu
# reads no value so.
_WRITES = {"LPUSH": 2, "RPUSH": 2, "PUBLISH": 2, "HSET": 3}


class NotSealed(Exception):
    """The value is not one of ours; `code` says whether it is too long, or bears no seal of our key."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Seal:
    """Closes values and opens them. Its text shows no key."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key.get_secret_value().encode()

    def __json__(self) -> str:
        """For kombu: `celery inspect stats` and Flower are told the options of the connection."""
        return "********"

    def close(self, place: str, value: str) -> bytes:
        """The value with its seal before it: 64 hexadecimal digits, so that people can still read the rest."""
        plain = value.encode()
        return self._digits(place.encode(), plain) + plain

    def open(self, place: str | bytes, sealed: bytes) -> bytes:
        """The value. Raises NotSealed."""
        if len(sealed) > LONGEST:
            raise NotSealed("too_long")
        seal, value = sealed[:_DIGITS], sealed[_DIGITS:]
        where = place.encode() if isinstance(place, str) else place
        if not hmac.compare_digest(seal, self._digits(where, value)):
            raise NotSealed("not_sealed")
        return value

    def _digits(self, place: bytes, value: bytes) -> bytes:
        return hmac.digest(self._key, place + b"\0" + value, "sha256").hex().encode()


class _Sealing:
    """Mixed into redis-py's client and its pipeline, as kombu does it for key prefixes."""

    seal: Seal

    def execute_command(self, *args: Any, **options: Any) -> Any:
        if (at := _WRITES.get(args[0])) is not None:
            args = (*args[:at], *(self.seal.close(args[1], value) for value in args[at:]))
        return super().execute_command(*args, **options)  # type: ignore[misc]

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        reply = super().parse_response(connection, command_name, **options)  # type: ignore[misc]
        if command_name == "BRPOP" and reply:
            place, sealed = reply
            value = opened(self.seal, place, sealed)
            return None if value is None else (place, value)
        if command_name == "HGET" and reply:
            return opened(self.seal, _UNACKED, reply)
        return reply


class SealedRedis(_Sealing, redis.Redis):
    """kombu's client. Lists are read by BRPOP alone."""

    def __init__(self, seal: Seal, **arguments: Any) -> None:
        self.seal = seal
        super().__init__(**arguments)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        return _SealedPipeline(
            self.seal, self.connection_pool, self.response_callbacks, transaction, shard_hint
        )

    def pubsub(self, **arguments: Any) -> PubSub:
        return _SealedPubSub(self.seal, self.connection_pool, **arguments)


class _SealedPipeline(_Sealing, Pipeline):
    def __init__(self, seal: Seal, *arguments: Any) -> None:
        self.seal = seal
        super().__init__(*arguments)


class _SealedPubSub(PubSub):
    def __init__(self, seal: Seal, *arguments: Any, **more: Any) -> None:
        self._seal = seal
        super().__init__(*arguments, **more)

    def parse_response(self, *arguments: Any, **options: Any) -> Any:
        reply = super().parse_response(*arguments, **options)  # type: ignore[no-untyped-call]
        if not isinstance(reply, list) or reply[0] not in (b"message", b"pmessage"):
            return reply
        *head, channel, sealed = reply
        value = opened(self._seal, channel, sealed)
        return None if value is None else [*head, channel, value]


def opened(seal: Seal, place: str | bytes, sealed: bytes) -> bytes | None:
    """The value; None, and put aside, where it is not ours: kombu takes that for no message."""
    try:
        return seal.open(place, sealed)
    except NotSealed as error:
        refusing.note(error.code, place if isinstance(place, str) else place.decode(errors="replace"), sealed)
        return None


class Channel(kombu_redis.Channel):
    """kombu's, over a client that seals."""

    seal: Seal  # a transport option
    from_transport_options = (*kombu_redis.Channel.from_transport_options, "seal")  # type: ignore[assignment]

    def _get_client(self) -> Any:
        return partial(SealedRedis, self.seal)


class Transport(kombu_redis.Transport):
    """What `redis://` and `rediss://` mean in Tagmill's processes."""

    Channel = Channel


TRANSPORT_ALIASES.update(redis=f"{__name__}:Transport", rediss=f"{__name__}:Transport")
