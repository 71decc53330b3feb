"""The application in this process, on real services; keys where a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient

from workers.runtime import Runtime
from workers.settings import Settings
from workers.web import keys
from workers.web.app import create_app
from workers.web.keys import Role

Visit = Callable[..., TestClient]
HOME = "http://127.0.0.1:8100"


@pytest.fixture
def visit(tagmill_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """A visitor of an application of its own, with these settings beside those of the test."""
    with ExitStack() as open_ones:

        def begin(**settings: str) -> TestClient:
            for name, value in settings.items():
                monkeypatch.setenv(f"TAGMILL_{name.upper()}", value)
            app = create_app(Runtime(Settings()))
            client = TestClient(app, base_url=HOME, follow_redirects=False, raise_server_exceptions=False)
            return open_ones.enter_context(client)

        yield begin


@pytest.fixture
def visitor(visit: Visit) -> TestClient:
    """On the machine itself, without keys, and in no hurry."""
    return visit(web_rate="10000")


def made_key(name: str, role: Role) -> tuple[dict[str, str], str]:
    """(headers that present a new key, its entry in the settings)."""
    secret, entry = keys.new(name, role)
    return {"authorization": f"Bearer {secret}"}, entry
