"""YAML of strangers: values and nothing else, and no more of them than a person would write. Free of torch."""

from __future__ import annotations

from typing import Any

import yaml

MOST_CHARACTERS = 10_000_000
MOST_VALUES = 500_000
"""What names stand for is counted each time: nine lines of nine names each are a billion values, or have no end."""


class TooMuch(yaml.YAMLError):
    """The text means more values than are taken: write them out, without names for what repeats."""


def load(text: str) -> Any:
    """The text's value. Raises yaml.YAMLError, whatever is wrong with it."""
    if len(text) > MOST_CHARACTERS:
        raise TooMuch(f"{len(text):,} characters are too many; {MOST_CHARACTERS:,} are taken")
    try:
        found = yaml.safe_load(text)
    except (ValueError, RecursionError) as error:  # such as a date of 30 February, or ten thousand brackets
        raise yaml.YAMLError(str(error) or type(error).__name__) from None
    _check(found)
    return found


def _check(value: Any) -> None:
    waiting, seen = [value], 0
    while waiting:
        one = waiting.pop()
        seen += 1
        if seen + len(waiting) > MOST_VALUES:
            raise TooMuch(f"it means more than {MOST_VALUES:,} values")
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
