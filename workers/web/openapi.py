"""The OpenAPI document, with the shape of problems in it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from workers.web.problems import FieldProblem, Problem


def document(app: FastAPI) -> dict[str, Any]:
    """As FastAPI makes it from the routes; made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        shapes = made.setdefault("components", {}).setdefault("schemas", {})
        for shape in (Problem, FieldProblem):
            found = shape.model_json_schema(ref_template="#/components/schemas/{model}")
            found.pop("$defs", None)
            shapes[shape.__name__] = found
        app.openapi_schema = made
    return app.openapi_schema
