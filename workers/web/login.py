"""Logging in and out: a person has a key as a program has one, and the browser keeps a cookie in its place."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from workers.web.deps import Here

router = APIRouter()


@router.get("/login")
def form(request: Request, web: Here, next: str = "/") -> Response:
    """The form; where no key is set, there is nothing to log in to."""
    if not web.keys:
        return RedirectResponse(_ours(next), 303)
    return web.templates.render(request, "login.html.j2", next=_ours(next), wrong=False)


@router.post("/login")
def login(
    request: Request,
    web: Here,
    key: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Begin a session."""
    found = web.keys.of(key.strip())
    if found is None:
        return web.templates.render(request, "login.html.j2", 401, next=_ours(next), wrong=True)
    answer = RedirectResponse(_ours(next), 303)
    web.sessions.begin(request, answer, found)
    return answer


@router.post("/logout")
def logout(request: Request, web: Here) -> Response:
    """End the session, also for a copy of its cookie."""
    answer = RedirectResponse("/login", 303)
    web.sessions.end(request, answer)
    return answer


def _ours(path: str) -> str:
    """A path of ours, and of nobody else: `//elsewhere`, `/\\elsewhere` and the like lead home."""
    plain = path.startswith("/") and path.isprintable() and path.isascii()
    return path if plain and not path.startswith("//") and "\\" not in path else "/"
