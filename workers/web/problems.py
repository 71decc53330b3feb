"""What went wrong, as people read it and as programs do (RFC 9457); never a traceback, SQL or the name of a server."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

MEDIA_TYPE = "application/problem+json"
TITLES = {
    403: "Not with this key",
    404: "Not found",
    408: "That took too long",
    409: "Not as things stand",
    413: "Too large",
    422: "That does not work",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Not just now",
}
"""Of pages, by status; programs get the phrases of HTTP."""


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    message: str


class Problem(BaseModel):
    """An error as RFC 9457 has it. `code` is a word for programs, where there is one."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str | None = None
    errors: list[FieldProblem] | None = None


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""For the OpenAPI document: any status that is not of success."""


def respond(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str | None = None,
    errors: Sequence[FieldProblem] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer that says so: JSON for programs, a page for people."""
    if not wants_page(request):
        problem = Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            errors=list(errors) or None,
        )
        told = problem.model_dump(exclude_none=True)
        return JSONResponse(told, status, headers, media_type=MEDIA_TYPE)
    if status == 401 and request.url.path != "/login":
        return _to_login(request)
    title = TITLES.get(status, HTTPStatus(status).phrase)
    page = request.app.state.web.templates.render(
        request, "error.html.j2", status, title=title, code=status, detail=detail
    )
    page.headers.update(headers or {})
    return page  # type: ignore[no-any-return]


def wants_page(request: Request) -> bool:
    """Whether a person looks at the answer."""
    if request.url.path.startswith("/api/"):
        return False
    return "hx-request" in request.headers or "text/html" in request.headers.get("accept", "")


def _to_login(request: Request) -> Response:
    if "hx-request" in request.headers:  # a redirect would put the form into the middle of the page
        return Response(status_code=401, headers={"hx-redirect": "/login"})
    query = f"?{request.url.query}" if request.url.query else ""
    back = request.scope["raw_path"].decode("latin-1") + query if request.method == "GET" else "/"
    return RedirectResponse(f"/login?next={quote(back, safe='')}", 303)
