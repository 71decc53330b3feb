"""A parameter that an operation does not have is refused: what is misspelt must not be left aside in silence."""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError

PREFIX = "/api/v1"
"""Of all operations; routes know their path without it."""


def known(request: Request) -> None:
    """Raises RequestValidationError, which names what there is."""
    place = PREFIX + request.scope["route"].path_format
    operation = request.app.openapi()["paths"][place][request.method.lower()]
    names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
    there = f"there are {', '.join(names)}" if names else "there are none"
    errors = [
        {"loc": ("query", name), "type": "extra_forbidden", "msg": f"there is no such parameter: {there}"}
        for name in dict.fromkeys(request.query_params)
        if name not in names
    ]
    if errors:
        raise RequestValidationError(errors)
