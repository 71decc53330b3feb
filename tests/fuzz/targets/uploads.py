"""Requests with a photo in them: what is read of a multipart body, within its bounds, and what is answered."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, File, UploadFile
from starlette.types import Message

from tests.fuzz.target import Target
from workers.web.bodies import Bodies
from workers.web.keys import LOCAL

PHOTO = 4_000
_BOUNDARY = b"----here"


def _app() -> Bodies:
    app = FastAPI()

    @app.post("/")
    def take(file: UploadFile = File()) -> int:  # noqa: B008
        return len(file.file.read())

    return Bodies(app, PHOTO)


_APP = _app()


def check(data: bytes) -> None:
    """The first line is the content type, what follows the body."""
    kind, _, body = data.partition(b"\n")
    sent: list[Message] = []
    left = [body[at : at + 700] for at in range(0, len(body), 700)] or [b""]

    async def receive() -> Message:
        part = left.pop(0) if left else b""
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "scheme": "http",
        "server": ("here", 80),
        "client": ("there", 1),
        "root_path": "",
        "http_version": "1.1",
        "headers": [(b"content-type", kind), (b"accept", b"application/json")],
        "caller": LOCAL,
    }
    asyncio.run(_APP(scope, receive, send))
    assert sent[0]["status"] in (200, 400, 413, 422), sent


def _seeds() -> tuple[bytes, ...]:
    head = b"multipart/form-data; boundary=" + _BOUNDARY[2:] + b"\n"
    part = b'\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    field = b'\r\nContent-Disposition: form-data; name="left"\r\n\r\n12\r\n'
    body = _BOUNDARY + part + b"\xff\xd8" + bytes(50) + b"\r\n" + _BOUNDARY + field + _BOUNDARY + b"--\r\n"
    return (
        head + body,
        head + body.replace(b'filename="a.jpg"', b"filename*=UTF-8''%e2%82.jpg"),
        head + body.replace(bytes(50), bytes(9_000)),
        head + (_BOUNDARY + field) * 30 + _BOUNDARY + b"--",
        b"application/x-www-form-urlencoded\nfile=a&left=1",
        b"multipart/form-data\n" + body,
    )


TARGET = Target("uploads", _seeds, check)
