"""What the API answers about a small shop."""

from __future__ import annotations

import io
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.catalog.shop import rows
from tests.workers.web.conftest import Visit, made_key
from tests.workers.web.shelf import ODD, Shelf, fill
from workers.runtime import Runtime

V1 = "/api/v1"
HOSTILE = (
    *("", " ", "x" * 10_000, "%_'\"\\;--", "a\0b", "👗🧥", "قميص أزرق", "\u202eabc"),
    *("' OR 1=1", "&|!():*<->", "é" * 300),
)


@pytest.fixture
def shelf(runtime: Runtime) -> Shelf:
    return fill(runtime)


def skus(answer: object) -> list[str]:
    assert isinstance(answer, dict)
    return [hit["sku"] for hit in answer["hits"]]


def test_products_are_found_by_words_facets_and_page_by_page(visitor: TestClient, shelf: Shelf) -> None:
    first = visitor.get(f"{V1}/search", params={"q": "linen", "size": 2}).json()
    second = visitor.get(f"{V1}/search", params={"q": "linen", "size": 2, "after": first["after"]}).json()
    assert sorted(skus(first) + skus(second)) == ["SKU-0", "SKU-1", "SKU-2"]
    assert second["after"] is None
    assert first["hits"][0]["reasons"]
    assert {hit["price"] for hit in first["hits"]} == {"19.9"}
    assert skus(visitor.get(f"{V1}/search?q=linen&tag=Coat").json()) == ["SKU-1"]
    assert skus(visitor.get(f"{V1}/search?q=linen&price_from=20").json()) == []
    facets = {facet["name"]: facet["values"] for facet in visitor.get(f"{V1}/facets?q=linen").json()}
    assert facets["brands"] == [{"value": "Acme", "count": 3, "chosen": False}]


def test_a_cursor_of_another_question_is_refused(visitor: TestClient, shelf: Shelf) -> None:
    after = visitor.get(f"{V1}/search?q=linen&size=1").json()["after"]
    for query in (f"q=blue&after={after}", "q=linen&after=x", f"q=linen&after={'A' * 9000}", "after=%00"):
        assert visitor.get(f"{V1}/search?{query}").status_code == 422
        assert visitor.get(f"{V1}/similar/SKU-0?{query}").status_code == 422
    assert visitor.get(f"{V1}/search?q=linen&size=1&after=").status_code == 200


def test_a_product_is_told_with_photos_tags_boxes_and_masks(visitor: TestClient, shelf: Shelf) -> None:
    product = visitor.get(f"{V1}/products/SKU-0").json()
    assert (product["brand"], product["price"], product["currency"]) == ("Acme", "19.9", "EUR")
    (photo,) = product["photos"]
    assert photo["image_id"] == shelf.pictures[0].id
    assert [box["label"] for box in photo["boxes"]] == ["Shirt"]
    assert {segment["label"] for segment in photo["segments"]} == {"product", "shadow"}
    (tag,) = product["tags"]
    assert (tag["label"], tag["origin"], round(tag["score"], 2)) == ("Shirt", "model", 0.7)


def test_any_sku_has_an_address(visitor: TestClient, shelf: Shelf) -> None:
    for path in ("products", "similar", "recommend/product"):
        answer = visitor.get(f"{V1}/{path}/{quote(ODD, safe='')}")
        assert answer.status_code == 200, path
    assert visitor.get(f"{V1}/products/{quote(ODD, safe='')}").json()["sku"] == ODD


def test_what_nobody_knows_is_not_found(visitor: TestClient, shelf: Shelf) -> None:
    for path in (
        "products/x",
        "similar/x",
        "recommend/product/x",
        "why?sku=x&label=Shirt",
        "jobs/999",
        "nothing",
        "",
    ):
        answer = visitor.get(f"{V1}/{path}")
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
    assert visitor.put(f"{V1}/jobs/1").status_code == 405
    assert visitor.get(f"{V1}/failures?model=x").status_code == 404
    assert visitor.get(f"{V1}/failures?where=x").status_code == 422


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_find_nothing_or_are_refused_and_nothing_leaks(
    visitor: TestClient, shelf: Shelf, words: str
) -> None:
    encoded = quote(words, safe="")
    paths = [f"search?q={encoded}", f"facets?q={encoded}", f"search?tag={encoded}", f"search?after={encoded}"]
    paths += [f"{path}/{encoded or 'x'}" for path in ("products", "similar", "recommend/product")]
    paths += [f"why?sku=SKU-0&label={encoded}", f"failures?code={encoded}", f"review?after={encoded}"]
    for path in paths:
        answer = visitor.get(f"{V1}/{path}")
        assert answer.status_code in (200, 404, 422), path
        assert "SELECT" not in answer.text
        assert "Traceback" not in answer.text
        assert "psycopg" not in answer.text


def test_a_decision_is_written_with_the_name_of_its_key(visit: Visit, runtime: Runtime, shelf: Shelf) -> None:
    anna, entry = made_key("anna", "write")
    bert, other = made_key("bert", "read")
    visitor = visit(api_keys=f"{entry},{other}")
    told = [{"sku": "SKU-0", "label": "Shirt", "decision": "relabel", "to": "Coat"}]
    assert visitor.post(f"{V1}/decisions", json=told, headers=bert).status_code == 403
    done = visitor.post(f"{V1}/decisions", json=told, headers=anna)
    assert done.json() == {"new": 2, "changed": 0, "withdrawn": 0, "same": 0}
    assert visitor.post(f"{V1}/decisions", json=told, headers=anna).json()["same"] == 2
    said = rows(runtime.engine, "SELECT label, accepted, author FROM overrides ORDER BY label")
    assert said == [("Coat", True, "anna"), ("Shirt", False, "anna")]
    why = visitor.get(f"{V1}/why?sku=SKU-0&label=Shirt", headers=bert).json()
    assert (why["shown"], why["word"]["author"]) == (False, "anna")
    wrong = [*told, {"sku": "x", "label": "Shirt", "decision": "accept"}]
    assert visitor.post(f"{V1}/decisions", json=wrong, headers=anna).status_code == 404
    lost = '[{"sku": "\\ud800", "label": "Shirt", "decision": "accept"}]'
    assert visitor.post(f"{V1}/decisions", content=lost, headers=anna).status_code == 422


def test_the_review_queue_asks_about_what_is_uncertain(visitor: TestClient, shelf: Shelf) -> None:
    found = visitor.get(f"{V1}/review?kind=uncertain").json()
    assert "SKU-1" in [item["sku"] for item in found["items"]]
    assert visitor.get(f"{V1}/review?kind=other").status_code == 422
    assert visitor.post(f"{V1}/review/dismiss", json={"sku": "SKU-0"}).json() == {"mismatches": 0}


def test_interactions_are_taken_once_and_recommended_by(visitor: TestClient, shelf: Shelf) -> None:
    told = [
        {"shopper": shopper, "sku": sku, "kind": "purchase", "happened_at": "2026-01-02T03:04:05Z"}
        for shopper in ("s/1", "s2")
        for sku in ("SKU-0", "SKU-1")
    ]
    bad = {"shopper": "s", "sku": "nowhere", "kind": "view", "happened_at": "2026-01-02"}
    done = visitor.post(f"{V1}/interactions", json=[*told, bad]).json()
    assert (done["new"], done["known"]) == (4, 0)
    assert [(one["place"], one["code"]) for one in done["refused"]] == [(4, "unknown_sku")]
    assert visitor.post(f"{V1}/interactions", json=told).json()["known"] == 4
    hits = visitor.get(f"{V1}/recommend/shopper/s%2F1").json()
    assert {hit["sku"] for hit in hits}.isdisjoint({"SKU-0", "SKU-1"})
    assert visitor.post(f"{V1}/interactions", json=[told[0]] * 10_001).status_code == 422


def test_jobs_are_listed_paused_and_gone_on_with(visitor: TestClient, shelf: Shelf) -> None:
    job = visitor.get(f"{V1}/jobs/{shelf.job_id}").json()
    assert (job["state"], job["open"], job["failures"]) == ("running", 2, {"truncated": 1})
    assert visitor.post(f"{V1}/jobs/{shelf.job_id}/pause").json()["state"] == "paused"
    assert visitor.post(f"{V1}/jobs/{shelf.job_id}/pause").status_code == 409
    assert visitor.post(f"{V1}/jobs/{shelf.job_id}/resume").json()["state"] == "running"
    assert visitor.post(f"{V1}/jobs/{shelf.job_id}/cancel").json()["cancelled"] == 2
    assert shelf.job_id in [one["job_id"] for one in visitor.get(f"{V1}/jobs").json()]


def test_failures_are_told_by_cause_and_tried_again(visitor: TestClient, shelf: Shelf) -> None:
    (cause,) = visitor.get(f"{V1}/failures?where=brand=Acme").json()
    assert (cause["group"]["code"], cause["group"]["failures"]) == ("truncated", 1)
    assert cause["newest"][0]["sku"] == "SKU-0"
    assert cause["advice"]
    assert visitor.post(f"{V1}/failures/retry", json={"code": "truncated"}).json() == {"items": 1}
    assert visitor.get(f"{V1}/failures").json() == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"hello", "not_an_image"),
        (b"<svg onload=alert(1)>", "format_refused"),
        (b"\xff\xd8\xff" + b"\0" * 100, "truncated"),
    ],
)
def test_a_broken_photo_is_told_with_its_code(
    visitor: TestClient, shelf: Shelf, data: bytes, code: str
) -> None:
    answer = visitor.post(f"{V1}/search/photo", files={"file": ("x.jpg", data)})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_photo_that_is_too_large_is_refused_as_it_comes(visit: Visit, shelf: Shelf) -> None:
    visitor = visit(max_bytes="100000", max_pixels="1000", web_rate="1000")
    large = visitor.post(f"{V1}/search/photo", files={"file": ("x.jpg", b"\xff\xd8\xff" + b"x" * 200_000)})
    assert large.status_code == 413
    photo = io.BytesIO()
    Image.fromarray(np.zeros((100, 100, 3), np.uint8)).save(photo, "PNG")
    wide = visitor.post(f"{V1}/search/photo", files={"file": ("x.png", photo.getvalue())})
    assert (wide.status_code, wide.json()["code"]) == (422, "too_many_pixels")
    half = visitor.post(f"{V1}/search/photo", files={"file": ("x.png", photo.getvalue())}, data={"left": "1"})
    assert half.status_code == 422
    assert visitor.post(f"{V1}/search/photo", data={"left": "1"}).status_code == 422
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert visitor.post(f"{V1}/search/photo", content=b"--y\r\n", headers=broken).status_code in (400, 422)


def test_a_parameter_that_there_is_not_is_refused_and_those_that_there_are_told(
    visitor: TestClient, shelf: Shelf
) -> None:
    for path in ("search?colr=red", "failures?jobs=1", "products/SKU-0?x=1", "jobs?limit=5&limits=6"):
        answer = visitor.get(f"{V1}/{path}")
        assert answer.status_code == 422, path
        assert "there is no such parameter" in answer.json()["detail"]
    assert "colour" in visitor.get(f"{V1}/search?colr=red").json()["detail"]
    assert visitor.get(f"{V1}/failures?job={shelf.job_id}&newest=1").status_code == 200
    assert visitor.get("/?colr=red", headers={"accept": "text/html"}).status_code == 200


def test_a_body_that_is_no_json_is_told_in_words(visitor: TestClient) -> None:
    answer = visitor.post(f"{V1}/decisions", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("body: is no valid JSON")


def test_prices_are_written_alike_everywhere(visitor: TestClient, shelf: Shelf) -> None:
    hit = visitor.get(f"{V1}/search?q=linen").json()["hits"][0]
    assert hit["price"] == visitor.get(f"{V1}/products/{hit['sku']}").json()["price"] == "19.9"
