"""A shopper who asks to be forgotten."""

from __future__ import annotations

import sqlalchemy as sa

from catalog.interactions.rows import shopper_name


def forget(connection: sa.Connection, shopper: str) -> int:
    """Remove all that a shopper did; returns how much that was. Raises BadShopper.

    What was made of it, which products go together, holds no shopper's name, and counts them until the next refresh.
    """
    found = connection.execute(_FORGET, {"shopper": shopper_name(shopper)})
    return found.rowcount


_FORGET = sa.text("DELETE FROM interactions WHERE shopper = :shopper")
