"""Whatever a page is asked: never a 5xx, and nothing of it runs or leaks."""

from __future__ import annotations

from itertools import product
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from tests.catalog.shop import execute
from tests.workers.web.shelf import fill
from workers.runtime import Runtime

HTML = {"accept": "text/html"}
HOSTILE = (
    *(
        "",
        "x" * 10_000,
        "%_'\"\\;--",
        "a\0b",
        "👗",
        "قميص\u202eabc",
        "-1",
        str(2**63),
        "1e9",
        "1_0",
        "٣",
        "NaN",
    ),
    *(
        "1E-999999999",
        "<img src=x onerror=alert(1)>",
        "' OR 1=1",
        "&|!():*<->",
        "../../etc/passwd",
        "\r\nset-cookie: a=b",
    ),
)
PAGES = (
    *("/?q={}", "/?q=linen&tag={}", "/?price_from={}", "/?photo={}", "/?like={}", "/?q=linen&after={}"),
    *(
        "/?photo=AAAAAAAAAAAAAAAAAAAAAA&left={}",
        "/products/{}",
        "/products/SKU-0?photo={}",
        "/products/SKU-0?view={}",
    ),
    *(
        "/why?sku={}&label=Shirt",
        "/why?sku=SKU-0&label={}",
        "/review?kind={}",
        "/review?after={}",
        "/review?mode={}",
    ),
    *("/duplicates?after={}", "/jobs/{}", "/failures?code={}", "/failures?job={}", "/failures?reopened={}"),
    *(
        "/models/diff?old={}&new=mask",
        "/photos/{}",
        "/photos/1/thumb/{}",
        "/photos/1/cutout?model={}",
        "/masks/1/{}",
    ),
    *("/by-photo/{}", "/static/{}", "/login?next={}", "/{}"),
)
FORMS = (
    ("/products/SKU-0/tags", {"label": "Shirt", "decision": "relabel", "to": "Coat"}),
    ("/review", {"sku": "SKU-0", "label": "Shirt", "decision": "accept", "kind": "uncertain"}),
    (
        "/review/many",
        {"sku": "SKU-0", "label": "Shirt", "decision": "accept", "kind": "uncertain", "after": ""},
    ),
    ("/duplicates", {"group": "1", "photos": "1 2", "decision": "accept"}),
    ("/jobs/1", {"action": "pause"}),
    ("/failures", {"code": "truncated", "job": "1"}),
    ("/login", {"key": "tm_x", "next": "/"}),
)


@pytest.fixture
def shop(visitor: TestClient, runtime: Runtime) -> TestClient:
    fill(runtime)
    said = "title = :x, brand = :x, category = :x, description = :x, attributes = jsonb_build_object(:x, :x)"
    execute(
        runtime.engine, f"UPDATE products SET {said} WHERE sku = 'SKU-1'", x='"><img src=x onerror=alert(1)>'
    )
    return visitor


def test_no_address_makes_a_page_stumble(shop: TestClient) -> None:
    for page, word in product(PAGES, HOSTILE):
        answer = shop.get(page.format(quote(word, safe="")), headers=HTML)
        assert answer.status_code < 500, (page, word[:40])
        for never in ("<img src=x", "Traceback", "psycopg", "SELECT "):
            assert never not in answer.text, (page, word[:40])
        assert "set-cookie" not in answer.headers
        assert "evil" not in answer.headers.get("location", "")


def test_no_form_makes_a_page_stumble(shop: TestClient) -> None:
    for (path, form), word in product(FORMS, HOSTILE):
        for field in form:
            answer = shop.post(path, data={**form, field: word}, headers=HTML)
            assert answer.status_code < 500, (path, field, word[:40])
            assert "<img src=x" not in answer.text
    for path, _ in FORMS:
        for body in (b"", b"\xff\xfe%%%=&&&", b"a=" + b"b" * 100_000, b"{}"):
            assert shop.post(path, content=body, headers=HTML).status_code < 500


def test_what_a_feed_says_stays_text(shop: TestClient) -> None:
    for path in ("/", "/products/SKU-1", "/review", "/review?mode=many", "/failures", "/?q=SKU-1"):
        page = shop.get(path, headers=HTML)
        assert page.status_code == 200
        assert "<img src=x" not in page.text


def test_other_methods_are_refused(shop: TestClient) -> None:
    for method, path in product(("OPTIONS", "HEAD", "PUT", "TRACE", "DELETE", "BREW"), ("/", "*", "//x")):
        assert shop.request(method, path, headers=HTML).status_code in (404, 405)
        forged = {**HTML, "x-http-method-override": method}
        assert shop.get("/jobs/1", headers=forged).status_code == 200


def test_a_product_that_is_deleted_while_its_page_is_open(shop: TestClient, runtime: Runtime) -> None:
    form = {"sku": "SKU-0", "label": "Shirt", "decision": "accept", "kind": "uncertain"}
    of = "(SELECT id FROM products WHERE sku = 'SKU-0')"
    for table in ("product_images WHERE product_id", "products WHERE id"):
        execute(runtime.engine, f"DELETE FROM {table} = {of}")
    for path in ("/review", "/review/many", "/products/SKU-0/tags"):
        assert shop.post(path, data=form, headers=HTML).status_code == 404
    assert shop.get("/products/SKU-0", headers=HTML).status_code == 404
