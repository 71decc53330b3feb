"""Settings: wrong ones are refused by name, and no error shows a secret."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from workers.settings import Settings

GOOD = {
    "TAGMILL_DATABASE_URL": "postgresql+psycopg2://tagmill:s3cret@127.0.0.1/tagmill",
    "TAGMILL_REDIS_URL": "redis://:s3cret@127.0.0.1/0",
    "TAGMILL_S3_ENDPOINT": "http://127.0.0.1:9000",
    "TAGMILL_S3_ACCESS_KEY": "key",
    "TAGMILL_S3_SECRET_KEY": "s3cret",
    "TAGMILL_MESSAGE_KEY": "s3cret-and-long-enough",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAGMILL_DATABASE_URL", "postgresql://tagmill:s3cret@127.0.0.1/tagmill"),
        ("TAGMILL_REDIS_URL", "s3cret"),
        ("TAGMILL_S3_ENDPOINT", None),
        ("TAGMILL_MESSAGE_KEY", "s3cret"),
        ("TAGMILL_MESSAGE_KEY", None),
    ],
)
def test_a_wrong_setting_is_refused_without_showing_any(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    for variable, good in GOOD.items():
        monkeypatch.setenv(variable, good)
    assert Settings().redis_url.get_secret_value().endswith("/0")
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert name.removeprefix("TAGMILL_").lower() in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAGMILL_DATABASE_URL", "postgresql+psycopg2://tagmill:a@s3cret@127.0.0.1/tagmill"),
        ("TAGMILL_DATABASE_URL", "postgresql+psycopg2://tagmill:1/s3cret@127.0.0.1/tagmill"),
        ("TAGMILL_DATABASE_URL", "postgresql+psycopg2://127.0.0.1:s3cret/tagmill"),
        ("TAGMILL_REDIS_URL", "redis://:s3cret/a@127.0.0.1/0"),
        ("TAGMILL_REDIS_URL", "redis://:1#s3cret@127.0.0.1/0"),
        ("TAGMILL_REDIS_URL", "redis://:1?s3cret@127.0.0.1/0"),
        ("TAGMILL_S3_ENDPOINT", "http://key:s3cret@127.0.0.1:9000"),
        ("TAGMILL_OTEL_ENDPOINT", "http://key:s3cret@127.0.0.1:4318"),
    ],
)
def test_a_password_that_would_be_read_as_a_place_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for variable, good in {**GOOD, name: value}.items():
        monkeypatch.setenv(variable, good)
    with pytest.raises(ValidationError, match=name.removeprefix("TAGMILL_").lower()) as caught:
        Settings()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAGMILL_DATABASE_URL", "postgresql+psycopg2://tagmill:a%40b%2F@[::1]:5432/tagmill?sslmode=require"),
        ("TAGMILL_DATABASE_URL", "postgresql+psycopg2://tagmill@/tagmill?host=/run/postgresql"),
        ("TAGMILL_REDIS_URL", "rediss://worker:a%3Ab@redis/1"),
    ],
)
def test_unusual_places_are_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    for variable, good in {**GOOD, name: value}.items():
        monkeypatch.setenv(variable, good)
    found = Settings()
    assert value in (found.database_url.get_secret_value(), found.redis_url.get_secret_value())


@pytest.mark.parametrize(
    ("written", "hosts"),
    [
        ("", set()),
        ("hooks.internal", {"hooks.internal"}),
        (" A.b , 10.0.0.5,[::1],", {"a.b", "10.0.0.5", "::1"}),
    ],
)
def test_hosts_that_webhooks_may_lead_to_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, written: str, hosts: set[str]
) -> None:
    for variable, good in {**GOOD, "TAGMILL_WEBHOOK_HOSTS": written}.items():
        monkeypatch.setenv(variable, good)
    assert Settings().inside_hosts == hosts
