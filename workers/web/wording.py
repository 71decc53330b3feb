"""How templates write numbers, times and addresses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from catalog import advice

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_TAIL = 48


def money(amount: Decimal, currency: str | None) -> str:
    """`130.90 €`; the currency as it is written where its sign is not known."""
    text = f"{amount:,.2f}"
    return f"{text} {_SYMBOLS.get(currency, currency)}" if currency else text


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def moment(at: datetime) -> str:
    """To the minute, in UTC; without the day where that is today."""
    there = at.astimezone(UTC)
    today = there.date() == datetime.now(UTC).date()
    return there.strftime("%H:%M UTC" if today else "%Y-%m-%d %H:%M UTC")


def tail(place: str) -> str:
    """The end of a long path or address, which tells it from others."""
    return place if len(place) <= _TAIL else f"…{place[-_TAIL:]}"


def product_url(sku: str) -> str:
    """The page of a product, whatever its sku is made of."""
    return f"/products/{quote(sku, safe='')}"


def similar_url(sku: str) -> str:
    """The grid of what looks like a product."""
    return f"/?like={quote(sku, safe='')}"


def thumbnail(image_id: int, side: int) -> str:
    """A photo, its longer side `side` pixels at most."""
    return f"/photos/{image_id}/thumb/{side}"


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "count": "{:,}".format,
    "money": money,
    "duration": duration,
    "moment": moment,
    "tail": tail,
    "advice": advice.advice,
    "cause": advice.name,
}
GLOBALS: Final[dict[str, Callable[..., Any]]] = {
    "product_url": product_url,
    "similar_url": similar_url,
    "thumbnail": thumbnail,
}
