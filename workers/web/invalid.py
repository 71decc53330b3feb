"""What is wrong with a value, in words of people instead of pydantic's."""

from __future__ import annotations

from typing import Any, Final

_WORDS: Final = {
    "missing": "is missing",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "decimal_parsing": "must be a number",
    "float_parsing": "must be a number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_long": "must be at most {max_length} characters long",
    "too_long": "must be at most {max_length}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
}


def told(error: dict[str, Any]) -> str:
    """Of one error of a request."""
    kind, of = error["type"], error.get("ctx", {})
    if kind == "json_invalid":
        return f"is no valid JSON: {of.get('error', 'it ends too early')}, at character {error['loc'][-1]}"
    if kind in _WORDS:
        return _WORDS[kind].format_map(of)
    return str(error["msg"]).removeprefix("Value error, ")
