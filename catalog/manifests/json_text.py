"""JSON as RFC 8259 has it, where one name has one value."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn


def parse(text: str) -> Any:
    """Raises ValueError, also for what Python's reader lets pass (NaN, a name twice), and RecursionError."""
    return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repeats)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _no_repeats(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values of one name we take neither: other readers may have taken the other."""
    record = dict(members)
    if len(record) < len(members):
        ((name, _),) = Counter(name for name, _ in members).most_common(1)
        raise ValueError(f"{name!r} is there twice")
    return record
