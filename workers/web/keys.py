"""Who may come in: keys with a name and a role, known by their hash alone.

A key is 256 random bits, so a plain SHA-256 of it tells nothing; a slow hash is for passwords that people choose.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from hmac import compare_digest
from typing import Literal, get_args

Role = Literal["read", "write"]
ROLES: tuple[Role, ...] = get_args(Role)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_PREFIX = "tm_"  # so that a key is known as one where it turns up


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `name` is the author of what a writer decides."""

    name: str
    role: Role


LOCAL = Caller("local", "write")
"""Whoever asks on this machine while no key is set."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key."""

    caller: Caller
    sha256: str


class Keys:
    """The keys of `TAGMILL_API_KEYS`."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self._keys = keys

    def __bool__(self) -> bool:
        return bool(self._keys)

    @classmethod
    def parse(cls, text: str) -> Keys:
        """From `NAME:ROLE:SHA256`, separated by commas. Raises ValueError, which holds no part of a secret."""
        keys = tuple(_parse(number, one) for number, one in enumerate(text.split(","), 1) if one.strip())
        if len({key.caller.name for key in keys}) != len(keys):
            raise ValueError("two keys have the same name")
        return cls(keys)

    def of(self, secret: str) -> Key | None:
        """The key whose secret this is. All are compared, in constant time each."""
        presented = _sha256(secret)
        found = None
        for key in self._keys:
            if compare_digest(key.sha256, presented):
                found = key
        return found

    @property
    def names(self) -> list[str]:
        return [key.caller.name for key in self._keys]

    def named(self, name: str) -> Key | None:
        """The key of this name."""
        return next((key for key in self._keys if key.caller.name == name), None)


def new(name: str, role: Role) -> tuple[str, str]:
    """(a new secret, its entry in TAGMILL_API_KEYS). Raises ValueError where `name` cannot be one."""
    secret = _PREFIX + secrets.token_urlsafe(32)
    entry = f"{name}:{role}:{_sha256(secret)}"
    _parse(1, entry)
    return secret, entry


def _parse(number: int, entry: str) -> Key:
    name, role, sha256 = (part.strip() for part in (*entry.split(":"), "", "")[:3])
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name of key {number} must be up to 64 letters, digits, '.', '_', '@' and '-'")
    if entry.count(":") != 2 or role not in ROLES or not _HASH.fullmatch(sha256):
        raise ValueError(f"key {number} must be NAME:read:SHA256 or NAME:write:SHA256: see `tagmill api-key`")
    return Key(Caller(name, "write" if role == "write" else "read"), sha256)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
