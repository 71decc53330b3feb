"""Manifests that name photos by URL, on a real database, a real object store and a host of photos."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.asset_store import S3AssetStore
from catalog.batches import Summary
from catalog.error_report import ErrorReport, report_path
from catalog.ingest import Ingest
from catalog.manifests import open_manifest
from catalog.photo_urls import Fetcher, Patience, Rules
from catalog.sources import Sources
from catalog.taking import Urls
from models.photo import Limits
from tests.catalog.photo_urls.host import Host, in_turn, png, raw, send, serving
from tests.catalog.shop import add_version, rows

LIMITS = Limits(max_bytes=1_000_000, max_pixels=1_000_000)
RULES = Rules(inside={"127.0.0.1", "localhost"})
HASTE = Patience(seconds=2.0, grace=0.5, attempts=2, pause=0.01, alone=0.1)
SECRETS = ("s3cret", "hunter2", "anna")


@dataclass
class Feed:
    """A catalog, and a folder for its manifest."""

    engine: sa.Engine
    store: S3AssetStore
    folder: Path
    host: Host
    version: int

    def write(self, *lines: Sequence[str]) -> None:
        with (self.folder / "feed.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("sku", "title", "image"), *lines])

    def ingest(
        self,
        *lines: Sequence[str],
        rules: Rules | None = RULES,
        again: bool = False,
        publish: Callable[[], object] = lambda: None,
        patience: Patience = HASTE,
        dry_run: bool = False,
    ) -> Summary:
        if lines:
            self.write(*lines)
        self.host.asked.clear()
        location = str(self.folder / "feed.csv")
        with (
            open_manifest(location) as opened,
            ErrorReport(report_path(location)) as report,
            Fetcher(rules or RULES, LIMITS.max_bytes, threads=8, patience=patience) as fetcher,
        ):
            urls = Urls(fetcher, again) if rules else None
            sources = Sources(opened.base, max_bytes=LIMITS.max_bytes)
            work = Ingest(
                self.engine, self.store, sources, LIMITS, [self.version], publish, threads=4, urls=urls
            )
            return work.run(opened, report, dry_run=dry_run)

    def shown(self, sku: str) -> list[str]:
        query = """
            SELECT source FROM product_images JOIN products p ON p.id = product_id
            WHERE sku = :sku AND place LIKE '%' || source ORDER BY position
        """
        with self.engine.connect() as connection:
            return list(connection.scalars(sa.text(query), {"sku": sku}))

    def failures(self) -> list[tuple[Any, ...]]:
        return rows(self.engine, "SELECT line, sku, source, code FROM failures ORDER BY 1, 3")

    def count(self, table: str) -> int:
        return int(rows(self.engine, f"SELECT count(*) FROM {table}")[0][0])

    def everything(self) -> str:
        """All that is written anywhere."""
        tables = rows(self.engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = [str(rows(self.engine, f'SELECT * FROM "{name}"')) for (name,) in tables]
        found += [path.read_text() for path in self.folder.glob("*.errors.csv")]
        return "\n".join([*found, *self.store.list()])


@pytest.fixture
def feed(engine: sa.Engine, store: S3AssetStore, tmp_path: Path) -> Any:
    with serving() as host:
        yield Feed(engine, store, tmp_path, host, add_version(engine, "a").id)


def test_urls_are_not_fetched_unless_that_is_allowed(feed: Feed) -> None:
    url = feed.host.url("/1.png?token=s3cret").replace("//", "//anna:hunter2@")
    summary = feed.ingest(("A", "", url), ("B", "", "ftp://anna:hunter2@x/y"), rules=None)
    assert summary.errors == {"url_not_allowed": 2}
    assert feed.host.asked == []
    assert not [secret for secret in SECRETS if secret in feed.everything()]


def test_a_feed_of_urls_becomes_photos_and_work(feed: Feed) -> None:
    (feed.folder / "file.png").write_bytes(png(1234))
    lines = [
        (f"S{n}", "Shoe", f"{feed.host.url(f'/{n}/a.png')}|{feed.host.url(f'/{n}/bb.png')}")
        for n in range(40)
    ]
    summary = feed.ingest(*lines, ("F", "", "file.png"), ("G", "No photo", ""))
    assert (summary.rows, summary.photos, summary.products_new, summary.errors) == (42, 81, 42, {})
    assert feed.shown("S7") == [feed.host.url("/7/a.png"), feed.host.url("/7/bb.png")]
    images = rows(feed.engine, "SELECT sha256, object_key FROM images")
    assert feed.count("work_items") == len(images) == summary.photos_new
    assert sorted(feed.store.list("images/")) == sorted(key for _, key in images)
    again = feed.ingest()
    assert (again.photos_new, again.photos_known, again.work_new, feed.host.asked) == (0, 81, 0, [])


def test_photos_of_a_product_keep_their_order_across_rows_files_and_hosts(feed: Feed) -> None:
    (feed.folder / "file.png").write_bytes(png(1234))
    feed.host.answers["/slow.png"] = lambda handler: (time.sleep(0.3), send(handler, png(77)))
    urls = [feed.host.url("/slow.png"), feed.host.url("/2.png"), feed.host.url("/3.png", "localhost")]
    feed.ingest(("A", "Hat", urls[0]), ("A", "", "file.png"), ("A", "", "|".join(urls[1:])))
    assert feed.shown("A") == [urls[0], "file.png", *urls[1:]]
    feed.ingest(("B", "", "file.png"), ("B", "", urls[0]))
    assert feed.shown("B") == ["file.png", urls[0]]


def test_each_refusal_names_line_sku_and_url(feed: Feed) -> None:
    feed.host.answers["/gone"] = lambda handler: send(handler, status=404)
    feed.host.answers["/login"] = lambda handler: send(handler, b"<!doctype html>Log in")
    feed.host.answers["/text"] = lambda handler: send(handler, b"no photo at all")
    feed.host.answers["/huge"] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n")
    paths = ("gone", "login", "text", "huge", "good")
    lines = [(path.upper(), "", feed.host.url(f"/{path}")) for path in paths]
    inside = ("INSIDE", "", "http://169.254.169.254/latest/meta-data/")
    summary = feed.ingest(*lines, inside, ("FTP", "", "ftp://127.0.0.1/x"), ("BAD", "", "http://[::1/x"))
    assert summary.photos_new == 1
    assert feed.failures() == [
        (2, "GONE", feed.host.url("/gone"), "url_gone"),
        (3, "LOGIN", feed.host.url("/login"), "url_web_page"),
        (4, "TEXT", feed.host.url("/text"), "not_an_image"),
        (5, "HUGE", feed.host.url("/huge"), "too_many_bytes"),
        (7, "INSIDE", "http://169.254.169.254/latest/meta-data/", "address_refused"),
        (8, "FTP", "ftp://127.0.0.1/x", "url_not_allowed"),
        (9, "BAD", "http://…", "bad_url"),
    ]
    reasons = dict(rows(feed.engine, "SELECT sku, reason FROM failures"))
    assert feed.host.url("/gone") in reasons["GONE"]
    assert "http and https" in reasons["FTP"]


def test_no_secret_of_a_url_is_kept(feed: Feed, capfd: pytest.CaptureFixture[str]) -> None:
    host = feed.host
    for path, status in (("/gone", 404), ("/busy", 503), ("/odd", 418)):
        host.answers[path] = lambda handler, status=status: send(handler, status=status)
    host.answers["/away"] = lambda handler: send(handler, status=302, Location="http://10.0.0.1/?key=s3cret")
    lines = [
        (path, "", host.url(f"{path}?X-Amz-Signature=s3cret"))
        for path in ("/a", "/gone", "/busy", "/odd", "/away")
    ]
    lines += [
        ("user", "", host.url("/b").replace("//", "//anna:hunter2@")),
        ("slash", "", "http://anna:hunter2/x@127.0.0.1/b"),
        ("scheme", "", "ftp://anna:hunter2@127.0.0.1/?s3cret"),
        ("data", "", "data:image/png;base64,s3cret"),
        ("long", "", f"{host.url('/c')}?token=s3cret{'x' * 5000}"),
        ("control", "", f"{host.url('/c')}?token=s3cret\tx"),
        ("inside", "", "http://10.0.0.1/?token=s3cret"),
        ("fragment", "", host.url("/c#s3cret")),
    ]
    summary = feed.ingest(*lines)
    assert sum(summary.errors.values()) == 11
    written = feed.everything() + "".join(capfd.readouterr()) + str(summary.as_dict())
    assert not [secret for secret in SECRETS if secret in written]


def test_a_url_that_is_signed_anew_is_the_same_photo(feed: Feed) -> None:
    monday = feed.host.url("/a.png?id=1&X-Amz-Date=1&X-Amz-Signature=aa")
    tuesday = feed.host.url("/a.png?id=1&X-Amz-Date=2&X-Amz-Signature=bb")
    other = feed.host.url("/a.png?id=2&X-Amz-Date=1&X-Amz-Signature=aa")
    feed.ingest(("A", "", monday))
    feed.ingest(("A", "", tuesday))
    assert feed.host.asked == []
    feed.host.answers["/a.png"] = lambda handler: send(handler, png(9))
    assert feed.ingest(("A", "", other)).photos_replaced == 0
    assert len(feed.shown("A")) == 2


def test_killed_and_run_again_it_fetches_only_what_is_not_committed(feed: Feed) -> None:
    lines = [(f"S{n}", "", feed.host.url(f"/{'x' * n}.png")) for n in range(700)]
    commits = []

    def stop() -> None:
        commits.append(1)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        feed.ingest(*lines, publish=stop)
    there = {source for (source,) in rows(feed.engine, "SELECT source FROM product_images")}
    assert 200 < len(there) < 700
    feed.ingest()
    assert {feed.host.url(path) for path in feed.host.asked} == {url for _, _, url in lines} - there
    assert len(feed.host.asked) == 700 - len(there)
    assert feed.count("product_images") == feed.count("products") == 700


def test_a_changed_photo_is_seen_when_all_are_fetched_again(feed: Feed) -> None:
    url = feed.host.url("/a.png")
    feed.ingest(("A", "", url))
    feed.host.answers["/a.png"] = lambda handler: send(handler, png(4321))
    assert feed.ingest().photos_new == 0
    summary = feed.ingest(again=True)
    assert (summary.photos_new, summary.photos_replaced) == (1, 1)
    assert feed.shown("A") == [url]
    assert feed.ingest(again=True).photos_known == 1


def test_a_photo_in_quarantine_or_lost_is_fetched_again(feed: Feed) -> None:
    feed.ingest(("A", "", feed.host.url("/a.png")), ("B", "", feed.host.url("/bb.png")))
    with feed.engine.begin() as connection:
        ids = list(connection.scalars(sa.text("SELECT id FROM images ORDER BY id")))
        quarantine = sa.text(
            "UPDATE work_items SET state = 'quarantined', error_code = :code, error_reason = '' WHERE image_id = :id"
        )
        for code, image_id in zip(("truncated", "object_missing"), ids, strict=True):
            connection.execute(quarantine, {"code": code, "id": image_id})
    feed.ingest()
    assert sorted(feed.host.asked) == ["/a.png", "/bb.png"]


def test_what_was_refused_for_now_is_fetched_by_a_later_run(feed: Feed) -> None:
    feed.host.answers["/a.png"] = in_turn(
        *(lambda handler: send(handler, status=503) for _ in range(HASTE.attempts)),
        lambda handler: send(handler, png()),
    )
    assert feed.ingest(("A", "", feed.host.url("/a.png"))).errors == {"url_unavailable": 1}
    assert feed.ingest().errors == {}
    assert (feed.shown("A"), feed.failures()) == ([feed.host.url("/a.png")], [])


def test_one_bad_host_holds_up_no_other(feed: Feed) -> None:
    """What others have is committed while the bad one is still waited for."""
    end = threading.Event()
    waited_in_vain: list[str] = []

    def stall(_: object) -> None:
        if not end.wait(20):
            waited_in_vain.append("20 s")

    with serving() as bad:
        lines = []
        for n in range(600):
            bad.answers[f"/{n}"] = raw(then=stall)
            lines.append((f"BAD{n}", "", bad.url(f"/{n}", "localhost")))
            lines.append((f"GOOD{n}", "", feed.host.url(f"/{'x' * n}")))
        committed: list[int] = []

        def publish() -> None:
            committed.append(feed.count("product_images"))
            if committed[-1] >= 256:
                end.set()

        patient = Patience(seconds=60, grace=60, attempts=1, failures=1, alone=60)
        summary = feed.ingest(*lines, publish=publish, patience=patient)
    assert not waited_in_vain
    assert feed.count("product_images") == 600
    assert summary.errors == {"url_unavailable": 600}


def test_a_dry_run_fetches_and_takes_nothing_in(feed: Feed) -> None:
    summary = feed.ingest(("A", "", feed.host.url("/a.png")), dry_run=True)
    assert (summary.photos_new, feed.host.asked, feed.count("images")) == (1, ["/a.png"], 0)
