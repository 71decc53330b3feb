"""The page of failures: hostile text, photos that cannot be shown, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from catalog.asset_store import S3AssetStore
from catalog.failures import FailedPhoto, Group, Selection
from models.photo import Limits
from tests.workers.pages.html import EVIL, Page, assert_stands_alone
from tests.workers.pages.test_pictures import photo
from workers.pages.failures import Material, render
from workers.pages.thumbnails import Objects

AT = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)


def failed(code: str = "corrupt", **changes: object) -> FailedPhoto:
    fields = {
        "code": code,
        "stage": "process",
        "job_id": 3,
        "sku": EVIL,
        "source": f"shop/{EVIL}.jpg",
        "line": None,
        "reason": EVIL,
        "attempts": 2,
        "models": ["shoes@2"],
        "failed_at": AT,
        "image_id": None,
        "object_key": None,
    }
    return FailedPhoto(**{**fields, **changes})  # type: ignore[arg-type]


def group(code: str, failures: int, stage: str = "process", manifests: Sequence[str] = ()) -> Group:
    return Group(code, failures, (stage,), ("shoes@2",), tuple(manifests), EVIL, AT)


@pytest.fixture
def objects(store: S3AssetStore) -> Objects:
    store.put("images/good.jpg", photo((300, 200)), "image/jpeg")
    store.put("images/cut.jpg", photo((300, 200))[:2000], "image/jpeg")
    return Objects(store, Limits(), 2)


def test_photos_and_placeholders(objects: Objects) -> None:
    photos = {
        "corrupt": [
            failed(object_key="images/good.jpg"),
            failed(object_key="images/cut.jpg"),
            failed(object_key="images/none.jpg"),
        ],
        "worker_lost": [failed("worker_lost", object_key="images/good.jpg")],
        "bad_price": [failed("bad_price", stage="ingest", line=1234, models=[])],
    }
    groups = [
        group("corrupt", 500, manifests=["/shop/spring.csv"]),
        group("worker_lost", 1, manifests=["/shop/summer.csv"]),
        group("bad_price", 1, "ingest", ["/shop/my products.csv"]),
    ]
    selection = Selection(job_id=3, model="shoes@2", where=("title~it's",))
    page = Page(render(Material(selection, groups, photos), objects))
    assert_stands_alone(page)
    assert len(page.all("img")) == 1
    assert page.of_class("none") == 4
    for said in (
        "cannot be decoded: the JPEG ends too early",
        "gone from the object store",
        "not opened here",
        "not taken in",
        "line 1,234",
        "And 497 more",
        "502 failures, 3 causes",
        "Only job 3, shoes@2, title~it's.",
        "2 attempts",
        "2026-11-29 12:30",
        "tagmill jobs retry 3 --code worker_lost --model shoes@2 --where 'title~it'\"'\"'s'",
        "tagmill ingest /shop/spring.csv",
        "tagmill ingest '/shop/my products.csv'",
    ):
        assert said in page.text, said
    assert "retry 3 --code corrupt" not in page.text  # no other try of the same file helps
    assert "summer.csv" not in page.text


def test_hostile_text_is_text(objects: Objects) -> None:
    evil = group(EVIL, 1, "ingest", [EVIL])
    page = Page(render(Material(Selection(code=EVIL), [evil], {EVIL: [failed(EVIL)]}), objects))
    assert len(page.all("script")) == 1  # ours
    assert EVIL in page.text
    assert EVIL not in page.source


def test_nothing_failed(objects: Objects) -> None:
    page = Page(render(Material(Selection(), [], {}), objects))
    assert "0 failures" in page.text
    assert "Nothing failed." in page.text
