"""Where a walk through a queue stands, as a word that goes into a URL."""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import astuple, dataclass

from catalog.errors import BadCursor
from catalog.filters import is_text

LARGEST = 2**63 - 1
LONGEST = 4_000


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Behind which candidate the walk goes on; candidates come in the order of these four.

    `rank` grows along the queue, `number` is of a photo or a product, whichever the queue walks.
    """

    rank: float
    number: int = -1
    label: str = ""
    product_id: int = -1


def write(kind: str, place: Place) -> str:
    """The place as text; `read` takes it back for the same kind of queue."""
    text = json.dumps([kind, *astuple(place)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(kind: str, after: str) -> Place:
    """The place in `after`. Raises BadCursor."""
    try:
        return _place(kind, after)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise BadCursor(f"`after` is no place in the queue {kind}; leave it out to begin anew") from None


def _place(kind: str, after: str) -> Place:
    if len(after) > LONGEST:
        raise ValueError
    padded = after.encode("ascii") + b"=" * (-len(after) % 4)
    said, rank, number, label, product_id = json.loads(
        base64.b64decode(padded, altchars=b"-_", validate=True)
    )
    right = (
        said == kind
        and isinstance(rank, float)
        and math.isfinite(rank)
        and isinstance(label, str)
        and is_text(label)
        and all(type(one) is int and abs(one) <= LARGEST for one in (number, product_id))
    )
    if not right:
        raise ValueError
    return Place(rank, number, label, product_id)
