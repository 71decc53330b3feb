"""A small file of YAML or JSON as the mapping it holds, whoever wrote it. Free of torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

LARGEST = 2_000_000
"""Bytes. The labels of twenty thousand kinds of things take a quarter of that."""
MOST = 2 * LARGEST
"""Values and characters, each counted as often as it is used: ten lines of aliases can stand for a billion."""


def read_mapping(path: Path) -> dict[str, Any]:
    """Raises OSError where it cannot be read, and ValueError, which says what is wrong with it."""
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"has more than {LARGEST:,} bytes")
    try:
        found = yaml.safe_load(data.decode("utf-8"))
        _count(found, 0)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"is neither YAML nor JSON: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ValueError("is nested too deep, or holds itself") from None
    except (
        ValueError,
        TypeError,
        LookupError,
    ) as error:  # of a date such as 2026-02-30, of a number such as `0x_`
        raise ValueError(f"holds a value that is none: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise ValueError("holds no mapping")
    return found


def _count(value: object, so_far: int) -> int:
    if so_far > MOST:
        raise ValueError("its aliases stand for too much")
    if isinstance(value, dict):
        for item in value.values():
            so_far = _count(item, so_far)
    elif isinstance(value, list | tuple | set):
        for item in value:
            so_far = _count(item, so_far)
    return so_far + (len(value) if isinstance(value, str | bytes) else 1)
