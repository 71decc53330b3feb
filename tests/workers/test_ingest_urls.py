"""`tagmill ingest --allow-urls`: off by default, and led by settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.catalog.photo_urls.host import Host, serving
from workers.cli.main import app
from workers.settings import settings


@pytest.fixture
def host(tagmill_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("TAGMILL_URL_INSIDE_HOSTS", "127.0.0.1")
    settings.cache_clear()
    with serving() as made:
        yield made
    settings.cache_clear()


def ingest(*arguments: str, expect: int = 0) -> Any:
    done = CliRunner().invoke(app, ["ingest", *arguments, "--json"], env={"COLUMNS": "200"})
    assert done.exit_code == expect, done.output
    return json.loads(done.stdout) if expect != 2 else done.output


@pytest.fixture
def feed(host: Host, tmp_path: Path) -> str:
    lines = [f"A,{host.url('/a.png')}", f"B,{host.url('/bb.png', 'localhost')}"]
    (tmp_path / "feed.csv").write_text("\n".join(["sku,image", *lines]))
    return str(tmp_path / "feed.csv")


def test_off_by_default(feed: str, host: Host) -> None:
    assert ingest(feed, expect=3)["errors"] == {"url_not_allowed": 2}
    assert host.asked == []


def test_only_hosts_that_are_named_inside_are_asked_there(feed: str, host: Host) -> None:
    summary = ingest(feed, "--allow-urls", expect=3)
    assert (summary["photos_new"], summary["errors"]) == (1, {"address_refused": 1})
    assert host.asked == ["/a.png"]
    ingest(feed, "--allow-urls", "--refetch", expect=3)
    assert host.asked == ["/a.png"] * 2


def test_other_hosts_than_those_allowed_are_not_asked(
    feed: str, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGMILL_URL_HOSTS", ".shop.example")
    settings.cache_clear()
    assert ingest(feed, "--allow-urls", expect=3)["errors"] == {"host_not_allowed": 1}
    named = ingest(feed, "--allow-urls", "--url-host", "localhost", expect=3)
    assert named["errors"] == {"address_refused": 1}  # a list that narrows does not open


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--url-host", "shop.example"), "add --allow-urls"),
        (("--refetch",), "add --allow-urls"),
        (("--allow-urls", "--url-host", ""), "is no host"),
        (("--allow-urls", "--url-host", "*.shop.example"), "is no host"),
    ],
)
def test_what_would_mean_nothing_is_said_at_once(feed: str, arguments: tuple[str, ...], says: str) -> None:
    assert says in ingest(feed, *arguments, expect=2)


def test_a_setting_that_is_no_list_of_hosts_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGMILL_URL_HOSTS", "https://shop.example/")
    settings.cache_clear()
    with pytest.raises(ValueError, match="is no host"):
        settings()
