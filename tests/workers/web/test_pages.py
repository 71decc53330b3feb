"""Pages without a browser: what an address says, what bad input gets, and who sees which buttons."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from PIL import Image

from catalog.search.hits import Chosen
from tests.catalog.shop import add_images, add_product, add_version, execute, rows
from tests.workers.web.conftest import Visit, made_key
from tests.workers.web.shelf import fill
from workers.runtime import Runtime
from workers.web.pages import by_photo
from workers.web.pages.asked import Asked, asked
from workers.web.wording import duration, moment, money, product_url

HTML = {"accept": "text/html"}
ODD = ("%_'\"\\;", "🧦", "جوارب", "a" * 10_000, "' OR 1=1 --", "<script>alert(1)</script>", " ")


def test_an_address_says_what_is_asked_and_leads_on() -> None:
    what = asked(q=" red ", brand=["A & B", "A & B"], price_from="19,90", after="x")
    assert what == Asked("red", Chosen(brands=("A & B",), price_from=Decimal("19.90")), after="x")
    assert what.toggled("brand", "A & B").url == "/?q=red&price_from=19.90"  # from the first page again
    assert what.toggled("tag", "Bag").url == "/?q=red&tag=Bag&brand=A+%26+B&price_from=19.90"
    assert what.next("y").url.endswith("&after=y")
    assert what.bare().url == "/?q=red"


def test_words_for_numbers_times_and_addresses() -> None:
    assert money(Decimal("1309.9"), "EUR") == "1,309.90 €"
    assert money(Decimal(5), "XTS") == "5.00 XTS"
    assert [duration(seconds) for seconds in (40, 720, 3599, 11_100, 187_300)] == [
        "40 s",
        "12 min",
        "59 min",
        "3 h 5 min",
        "2 d 4 h",
    ]
    assert moment(datetime(2020, 2, 3, 4, 5, tzinfo=UTC)) == "2020-02-03 04:05 UTC"
    assert product_url("a/b?c#d é") == "/products/a%2Fb%3Fc%23d%20%C3%A9"


@pytest.mark.parametrize("words", ODD)
def test_odd_words_are_answered_and_stay_text(visitor: TestClient, words: str) -> None:
    answer = visitor.get("/", params={"q": words, "tag": words[:500]}, headers=HTML)
    assert answer.status_code in (200, 422)
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        {"price_from": "cheap"},
        {"price_to": "-1"},
        {"price_to": "1e400"},
        {"photo": "../../etc"},
        {"photo": "x" * 22},
        {"like": "none"},
        {"after": "none"},
        {"q": "\0"},
    ],
)
def test_what_cannot_be_asked_is_said(visitor: TestClient, query: dict[str, str]) -> None:
    assert visitor.get("/", params=query, headers=HTML).status_code == 422


def test_a_product_whatever_its_sku_is_made_of(visitor: TestClient, engine: sa.Engine) -> None:
    sku = "a/b?c#d é</script>"
    add_product(engine, sku, add_images(engine, 1))
    page = visitor.get(product_url(sku), headers=HTML)
    assert page.status_code == 200
    assert "a/b?c#d é&lt;/script&gt;" in page.text
    assert visitor.get(f"{product_url(sku)}?photo=99999", headers=HTML).status_code == 404
    assert product_url(sku) in visitor.get("/", headers=HTML).text


def test_why_is_asked_of_any_sku(visitor: TestClient, runtime: Runtime) -> None:
    fill(runtime)
    add_product(runtime.engine, "SKU-0/why")
    assert visitor.get(product_url("SKU-0/why"), headers=HTML).status_code == 200
    assert "/why?sku=SKU-0&amp;label=Shirt" in visitor.get("/products/SKU-0", headers=HTML).text
    page = visitor.get("/why?sku=SKU-0&label=Shirt", headers=HTML)
    assert "Shirt: shown" in page.text
    assert "<html" not in visitor.get("/why?sku=SKU-0&label=Shirt", headers={"hx-request": "true"}).text


def test_a_form_without_scripts_relabels(visitor: TestClient, runtime: Runtime) -> None:
    fill(runtime)
    form = {"sku": "SKU-1", "kind": "uncertain", "label": "Coat"}
    done = visitor.post("/review", data={**form, "to": "Shirt"}, headers=HTML)
    assert (done.status_code, done.headers["location"]) == (303, "/review?kind=uncertain")
    said = rows(runtime.engine, "SELECT label, accepted FROM overrides ORDER BY label")
    assert said == [("Coat", False), ("Shirt", True)]
    assert visitor.post("/review", data=form, headers=HTML).status_code == 422


def test_after_a_decision_on_many_one_stays_where_one_was(visitor: TestClient, runtime: Runtime) -> None:
    fill(runtime)
    form = {"sku": "SKU-1", "kind": "uncertain", "label": "Coat", "decision": "accept"}
    assert visitor.post("/review/many", data={**form, "after": "none"}, headers=HTML).status_code == 422
    done = visitor.post("/review/many", data=form, headers=HTML)
    assert "1 product: Coat accepted." in done.text
    assert 'name="after" value=""' in done.text


def test_of_photos_to_search_by_only_the_last_few_are_kept(
    visitor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_photo, "KEPT", 2)
    photo = io.BytesIO()
    Image.new("RGB", (30, 20)).save(photo, "PNG")
    file = {"file": ("photo.png", photo.getvalue())}
    addresses = [visitor.post("/by-photo", files=file).headers["location"] for _ in range(3)]
    kept = [visitor.get(address.replace("/?photo=", "/by-photo/")).status_code for address in addresses]
    assert kept == [422, 200, 200]


def test_who_compares_nothing_is_led_to_where_versions_are_chosen(visitor: TestClient) -> None:
    answer = visitor.get("/models/diff", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/models")


def test_only_so_many_versions_are_compared_at_once(visitor: TestClient) -> None:
    web = visitor.app.state.web  # type: ignore[attr-defined]
    with web.comparing, web.comparing:
        assert visitor.get("/models/diff?old=x&new=y", headers=HTML).status_code == 503
    assert visitor.get("/models/diff?old=x&new=y", headers=HTML).status_code == 404


def test_who_may_only_read_gets_no_buttons_and_no_way_around_them(visit: Visit, engine: sa.Engine) -> None:
    headers, entry = made_key("anna", "read")
    writer, other = made_key("bert", "write")
    visitor = visit(api_keys=f"{entry},{other}", web_rate="10000")
    add_product(engine, "SKU-1", add_images(engine, 1))
    assert visitor.get("/", headers=HTML).headers["location"].startswith("/login")
    assert "Add a tag" not in visitor.get("/products/SKU-1", headers=HTML | headers).text
    assert "Add a tag" in visitor.get("/products/SKU-1", headers=HTML | writer).text
    for path, form in (
        ("/products/SKU-1/tags", {"label": "Bag", "decision": "accept"}),
        ("/review", {"sku": "SKU-1", "label": "Bag", "decision": "accept"}),
        ("/review/many", {"sku": "SKU-1", "label": "Bag", "decision": "accept", "kind": "uncertain"}),
        ("/duplicates", {"group": "1", "photos": "1 2", "decision": "accept"}),
        ("/jobs/1", {"action": "cancel"}),
        ("/failures", {"code": "corrupt"}),
    ):
        assert visitor.post(path, data=form, headers=headers).status_code == 403, path


def test_a_broken_photo_to_search_by_is_refused_with_its_reason(visitor: TestClient) -> None:
    answer = visitor.post("/by-photo", files={"file": ("photo.jpg", b"no photo")}, headers=HTML)
    assert answer.status_code == 422
    assert "image" in answer.text


def test_what_cannot_be_read_is_said_beside_the_products(visitor: TestClient, engine: sa.Engine) -> None:
    add_product(engine, "SKU-1", add_images(engine, 1))
    for query, says in (
        ("price_from=cheap", "must be a number"),
        ("price_to=-1", "must be a number"),
    ):
        page = visitor.get(f"/?{query}", headers=HTML)
        assert page.status_code == 422
        assert says in page.text
        assert product_url("SKU-1") in page.text
    assert "no less than" in visitor.get("/?price_from=50&price_to=20", headers=HTML).text
    page = visitor.get("/jobs/abc", headers=HTML)
    assert (page.status_code, "parse" in page.text) == (404, False)


def test_a_product_says_why_its_photo_is_not_there(visitor: TestClient, runtime: Runtime) -> None:
    fill(runtime)
    page = visitor.get("/products/SKU-0", headers=HTML).text
    assert "The photo ends too early." in page
    assert "/failures?code=truncated" in page
    assert "ends too early" not in visitor.get("/products/SKU-1", headers=HTML).text


def test_versions_are_compared_where_there_are_two(visitor: TestClient, engine: sa.Engine) -> None:
    add_version(engine)
    assert "Compare two versions" not in visitor.get("/models", headers=HTML).text
    add_version(engine, version=2)
    assert "Compare two versions" in visitor.get("/models", headers=HTML).text


def test_a_job_that_was_stopped_says_why(visitor: TestClient, runtime: Runtime) -> None:
    fill(runtime)
    stopped = '{"interrupted": true, "error": "it was stopped before its end"}'
    execute(
        runtime.engine,
        "UPDATE jobs SET summary = CAST(:summary AS jsonb), closed_at = now()",
        summary=stopped,
    )
    assert "It was stopped before its end" in visitor.get("/jobs/1", headers=HTML).text
