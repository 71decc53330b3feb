"""No line of a log, and no sentence of a command, holds a secret: whoever wrote it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
import structlog

from workers.logs import configure_logs, log_for_people
from workers.redaction import MASK, Redactor
from workers.runtime import Runtime
from workers.settings import Settings

CANARIES = {
    "TAGMILL_DATABASE_URL": "postgresql+psycopg2://tagmill:canary-pg%2Fa@127.0.0.1:1/tagmill?sslpassword=canary-ssl",
    "TAGMILL_REDIS_URL": "rediss://worker:canary%22redis@127.0.0.1:1/0",
    "TAGMILL_S3_ENDPOINT": "http://127.0.0.1:9000",
    "TAGMILL_S3_ACCESS_KEY": "canary-access",
    "TAGMILL_S3_SECRET_KEY": "canary-Ä-secret",
    "TAGMILL_FLOWER_BASIC_AUTH": "anna:canary-flower",
    "TAGMILL_API_KEYS": f"anna:read:{'ca9a47' * 10}abcd",
    "TAGMILL_MESSAGE_KEY": "canary-key-of-messages",
    "TAGMILL_ROLE_PASSWORDS": "ingest:canary-ingest, worker:canary-worker",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20canary-header,tenant=shop",
}
TOLD = (
    *("canary-pg%2Fa", "canary-pg/a", "canary-ssl", "canary%22redis", 'canary"redis', "canary-access"),
    *("canary-key-of-messages", "canary-ingest", "canary-worker"),
    *("canary-Ä-secret", "anna:canary-flower", "canary-flower", "ca9a47ca9a47", "Basic canary-header"),
)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What went to standard error until now; the logs are as they were before, afterwards."""
    root = logging.getLogger()
    before, level, kept = root.handlers[:], root.level, structlog.get_config()
    yield lambda: capsys.readouterr().err
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**kept)


@pytest.mark.parametrize("secret", [told for told in TOLD if not told.startswith("ca9a47")])
def test_a_secret_is_masked_however_it_is_written(config: Settings, secret: str) -> None:
    hide = Redactor(config)
    for text in (f"cannot reach {secret}!", json.dumps({"event": secret}), repr({"event": secret})):
        assert "canary" not in hide(text), text
        assert MASK in hide(text)


def test_words_and_what_is_no_secret_stay(config: Settings) -> None:
    text = "anna looked at tagmill on 127.0.0.1:9000, read 12 photos of the shop"
    assert Redactor(config)(text) == text


@pytest.mark.parametrize("form", ["json", "console"])
def test_neither_ours_nor_a_library_logs_a_secret(
    config: Settings, said: Callable[[], str], form: str
) -> None:
    configure_logs(config.model_copy(update={"log_format": form, "log_level": "DEBUG"}))
    url = config.redis_url.get_secret_value()
    structlog.get_logger("ours").info("asked", url=url, keys=[config.s3_secret_key.get_secret_value()])
    try:
        raise ConnectionError(f"no answer from {url}")
    except ConnectionError:
        logging.getLogger("theirs").exception("retrying %s", config.database_url.get_secret_value())
    printed = said()
    assert "asked" in printed
    assert "ConnectionError" in printed
    assert "canary" not in printed


@pytest.mark.parametrize("form", ["json", "console", "people"])
def test_a_traceback_shows_no_values(config: Settings, said: Callable[[], str], form: str) -> None:
    if form == "people":
        log_for_people()
    else:
        configure_logs(config.model_copy(update={"log_format": form}))
    password = "".join(("of-no-", "setting"))
    try:
        int(password[:2])
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    printed = said()
    assert "ValueError" in printed
    assert password not in printed


def test_an_error_of_postgres_shows_no_values(runtime: Runtime) -> None:
    statement = sa.text("SELECT CAST(:secret AS text)\nFROM nowhere")
    with runtime.engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="nowhere") as caught:
        connection.execute(statement, {"secret": "whsec_canary"})
    assert "canary" not in f"{caught.value}{caught.value!r}"


def test_settings_show_no_secret(config: Settings) -> None:
    shown = f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"
    assert "canary" not in shown
    assert "ca9a47" not in shown
