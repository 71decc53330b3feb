"""Values of settings as people write them: lists, pairs, URLs with a password in them."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import SecretStr


def listed(written: str) -> list[str]:
    """What is separated by commas."""
    return [part for part in written.split(",") if part.strip()]


def pairs(written: SecretStr) -> dict[str, str]:
    """NAME:SECRET, separated by commas, by name."""
    entries = (one.strip().partition(":") for one in listed(written.get_secret_value()))
    return {name: secret for name, _, secret in entries}


def readable(url: SecretStr) -> SecretStr:
    """The URL. Raises ValueError where a part of a password would be misread as a host or a port, and told as one."""
    try:
        parts = urlsplit(url.get_secret_value())
        one_host = parts.netloc.count("@") <= 1 and parts.port != 0
    except ValueError:  # a port that is no number
        one_host = False
    if not one_host or parts.fragment or "@" in parts.path + parts.query:
        raise ValueError(
            "is no URL; characters such as @ : / ? # in a password are written as %40 %3A %2F %3F %23"
        )
    return url
