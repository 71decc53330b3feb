"""The pages in real Chromium: a small catalog that real workers processed, served, and what a page complains of."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from catalog.asset_store import S3AssetStore
from tests.acceptance.conftest import TAGMILL, System
from tests.acceptance.test_jobs import free_port
from tests.browser.chromium import launch
from tests.conftest import TEMPLATE
from workers.demo.photos import write_catalog
from workers.embedded.services import Endpoints
from workers.runtime import Runtime
from workers.settings import Settings
from workers.setup import prepare

PRODUCTS, SHELVES = 48, 8
WAIT = 60_000
"""Milliseconds: a busy machine takes its time to load the first network."""


@dataclass
class Shop:
    """A catalog that is served at `url`; `system` drives it through the command line."""

    system: System
    url: str
    folder: Path


@dataclass
class Complaints:
    """What went wrong in a page, against its policy too; `expected` are statuses that a test asks for."""

    expected: set[int] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.told.append(f"console: {message.text}")

    def response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.told.append(f"{response.status} {response.url}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        made = launch(playwright)
        yield made
        made.close()


@pytest.fixture(scope="session")
def shop(server: sa.Engine, endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One for all tests here: products and shelf photos, seen by the starter models."""
    folder = tmp_path_factory.mktemp("shop")
    name = f"test_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    environment = _environment(endpoints, server.url.set(database=name), folder)
    engine = sa.create_engine(environment["TAGMILL_DATABASE_URL"])
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        runtime = Runtime(Settings())
        prepare(runtime)
        runtime.engine.dispose()
    system = System(environment, engine, folder)
    write_catalog(folder / "catalog", PRODUCTS, SHELVES)
    system.run("ingest", str(folder / "catalog" / "products.csv"))
    system.drain()
    server_process, url = _serve(system, folder)
    yield Shop(system, url, folder)
    server_process.terminate()
    server_process.wait(20)
    system.stop()
    engine.dispose()
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def complaints() -> Complaints:
    """A page that complains fails its test."""
    return Complaints()


@pytest.fixture
def page(browser: Browser, shop: Shop, complaints: Complaints) -> Iterator[Page]:
    """A window of its own, at the shop."""
    context = browser.new_context(base_url=shop.url, viewport={"width": 1440, "height": 900})
    made = context.new_page()
    made.set_default_timeout(WAIT)
    made.on("console", complaints.console)
    made.on("pageerror", lambda error: complaints.told.append(f"script: {error}"))
    made.on("response", complaints.response)
    yield made
    context.close()
    assert complaints.told == []


def _environment(endpoints: Endpoints, database: sa.URL, folder: Path) -> dict[str, str]:
    bucket = f"test-{uuid4().hex[:20]}"
    S3AssetStore.connect(
        endpoints.s3_endpoint, endpoints.s3_access_key, endpoints.s3_secret_key, bucket
    ).ensure_bucket()
    return {
        **endpoints.environment(),
        "TAGMILL_DATABASE_URL": database.render_as_string(hide_password=False),
        "TAGMILL_S3_BUCKET": bucket,
        "TAGMILL_QUEUE": f"test-{uuid4().hex}",
        "TAGMILL_CACHE_DIR": str(folder / "cache"),
        "TAGMILL_HOME": str(folder / "home"),
        "TAGMILL_ENGINE": "eager",
        "TAGMILL_WEB_RATE": "500",  # a test is in more of a hurry than people are
    }


def _serve(system: System, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*TAGMILL, "serve", "--port", str(port)],
            env={**os.environ, **system.environment},
            stdout=log,
            stderr=log,
        )
    until = time.monotonic() + 60
    while not _answers(url):
        assert process.poll() is None, (folder / "serve.log").read_text()
        assert time.monotonic() < until, "the server took longer than a minute to start"
        time.sleep(0.1)
    return process, url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
