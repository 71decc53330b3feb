"""Who gets in, from where, how often, and with how much."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from tests.workers.web.conftest import HOME, Visit, made_key
from workers.web import bodies
from workers.web.app import OPENAPI
from workers.web.keys import Keys, new
from workers.web.sessions import COOKIE

PAGE = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_on_the_machine_itself_nobody_needs_a_key_but_the_name_must_be_the_machines(
    visitor: TestClient,
) -> None:
    assert visitor.get("/api/v1/models").status_code == 200
    assert visitor.get("/login?next=/jobs").headers["location"] == "/jobs"
    for name in ("localhost:8100", "[::1]:8100", "127.0.0.1", "LOCALHOST."):
        assert visitor.get("/api/v1/models", headers={"host": name}).status_code == 200
    for name in ("evil.example", "127.0.0.1.evil.example:8100", "", "[::1", "localhost@evil.example"):
        assert visitor.get("/api/v1/models", headers={"host": name}).status_code == 421


def test_without_keys_nobody_comes_through_a_proxy(visitor: TestClient) -> None:
    for name in ("x-forwarded-for", "forwarded", "via"):
        for accept in ("*/*", "text/html"):
            answer = visitor.get("/api/v1/models", headers={name: "192.0.2.1", "accept": accept})
            assert answer.status_code == 403
    assert visitor.get("/", headers={"host": "evil.example", **PAGE}).status_code == 421


def test_keys_open_what_their_role_is_for(visit: Visit) -> None:
    reads, looker = made_key("shop", "read")
    writes, decider = made_key("anna@shop.example", "write")
    visitor = visit(api_keys=f"{looker}, {decider}")
    assert visitor.get("/healthz").status_code == 200
    refused = visitor.get("/api/v1/models")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.headers["content-type"] == "application/problem+json"
    assert visitor.get("/photos/1").status_code == 401
    for wrong in ("Bearer tm_x", "Bearer ", "Basic eDp5", "Bearer \xe9", "x"):
        presented = {"authorization": wrong.encode("latin-1")}
        assert visitor.get("/api/v1/models", headers=presented).status_code == 401
    unknown = visitor.get("/api/v1/models", headers={"authorization": "Bearer tm_x"})
    assert unknown.json()["detail"] == "this key is not known"
    assert visitor.get("/api/v1/models", headers=reads).status_code == 200
    assert visitor.post("/api/v1/jobs/1/pause", headers=reads).status_code == 403
    assert visitor.post("/api/v1/jobs/1/pause", headers=writes).status_code == 404


def test_after_the_login_one_is_where_one_wanted_to_be(visit: Visit) -> None:
    secret, entry = new("anna", "read")
    visitor = visit(api_keys=entry)
    for path in ("/products/a%2Fb%3Fc", "/products/%C3%A9%25", "/?q=%C3%A9&tag=a%26b"):
        leads = visitor.get(path, headers=PAGE).headers["location"]
        assert unquote(leads) == f"/login?next={path}"
        form = {"key": secret, "next": leads.partition("=")[2]}
        done = visitor.post("/login", content="&".join(f"{k}={v}" for k, v in form.items()), headers=FORM)
        assert done.headers["location"] == path
        visitor.cookies.clear()


def test_a_person_logs_in_with_a_key_and_the_session_ends_with_it(visit: Visit) -> None:
    secret, entry = new("anna", "write")
    visitor = visit(api_keys=entry)
    sent_away = visitor.get("/photos/1?x=1", headers=PAGE)
    assert (sent_away.status_code, sent_away.headers["location"]) == (
        303,
        "/login?next=%2Fphotos%2F1%3Fx%3D1",
    )
    assert 'type="password"' in visitor.get("/login", headers=PAGE).text
    wrong = visitor.post("/login", data={"key": secret + "x"}, headers=PAGE)
    assert wrong.status_code == 401
    assert COOKIE not in wrong.cookies
    done = visitor.post("/login", data={"key": f" {secret} ", "next": "/jobs"}, headers=PAGE)
    assert (done.status_code, done.headers["location"]) == (303, "/jobs")
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie  # over http the browser would not send it back
    assert secret not in cookie
    assert visitor.get("/photos/1").status_code == 404
    visitor.post("/logout")
    assert visitor.get("/photos/1").status_code == 401


def test_a_session_of_a_key_that_was_replaced_opens_nothing(visit: Visit) -> None:
    secret, entry = new("anna", "write")
    first = visit(api_keys=entry)
    first.post("/login", data={"key": secret})
    cookie = first.cookies[COOKIE]
    after = visit(api_keys=new("anna", "write")[1])
    assert after.get("/photos/1", headers={"cookie": f"{COOKIE}={cookie}"}).status_code == 401


def test_a_copied_cookie_opens_nothing_after_the_log_out_or_another_log_in(visit: Visit) -> None:
    secret, entry = new("anna", "write")
    visitor = visit(api_keys=entry)
    for way_out in ("/logout", "/login"):
        visitor.post("/login", data={"key": secret})
        copied = {"cookie": f"{COOKIE}={visitor.cookies[COOKIE]}"}
        visitor.post(way_out, data={"key": secret})
        visitor.cookies.clear()
        assert visitor.get("/photos/1", headers=copied).status_code == 401


def test_without_redis_nobody_is_logged_in_and_keys_open_all_the_same(visit: Visit) -> None:
    secret, entry = new("anna", "write")
    visitor = visit(api_keys=entry)
    visitor.post("/login", data={"key": secret})
    visitor.app.state.web.sessions._redis = Redis.from_url("redis://127.0.0.1:1/0")  # type: ignore[attr-defined]
    assert visitor.get("/photos/1").status_code == 503
    visitor.cookies.clear()
    refused = visitor.post("/login", data={"key": secret})
    assert (refused.status_code, COOKIE in refused.headers.get("set-cookie", "")) == (503, False)
    assert visitor.get("/healthz").status_code == 200
    presented = {"authorization": f"Bearer {secret}"}
    assert visitor.get("/photos/1", headers=presented).status_code == 404


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_cookie_that_was_altered_or_is_out_of_time_opens_nothing(visit: Visit, at: int) -> None:
    secret, entry = new("anna", "read")
    visitor = visit(api_keys=f"{entry},{new('bert', 'write')[1]}")
    visitor.post("/login", data={"key": secret})
    parts = visitor.cookies[COOKIE].strip('"').split("|")
    visitor.cookies.clear()
    assert visitor.get("/photos/1", headers={"cookie": f"{COOKIE}={'|'.join(parts)}"}).status_code == 404
    parts[at] = ("bert", str(int(parts[1]) + 1), "A" * 22, "0" * 64)[at]
    for value in ("|".join(parts), "", "|", "anna", "anna|x|", "anna|9999999999999999|é"):
        headers = {"cookie": f"{COOKIE}={value}".encode()}
        assert visitor.get("/photos/1", headers=headers).status_code == 401


def test_a_session_ends_with_its_time(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, entry = new("anna", "read")
    visitor = visit(api_keys=entry)
    visitor.post("/login", data={"key": secret})
    cookie = visitor.cookies[COOKIE]
    later = time.time() + 13 * 3600
    monkeypatch.setattr("workers.web.sessions.time.time", lambda: later)
    assert visitor.get("/photos/1", headers={"cookie": f"{COOKIE}={cookie}"}).status_code == 401


def test_over_tls_the_cookie_is_for_tls_alone(visit: Visit) -> None:
    secret, entry = new("anna", "read")
    visitor = visit(api_keys=entry)
    done = visitor.post("https://127.0.0.1/login", data={"key": secret})
    cookie = done.headers["set-cookie"]
    assert "Secure" in cookie
    assert cookie.startswith(f"__Host-{COOKIE}=")
    value = cookie.partition("=")[2].partition(";")[0].strip('"')
    for name, status in (
        (f"__Host-{COOKIE}", 404),
        (COOKIE, 401),
    ):  # which http, or another host, could have set
        headers = {"cookie": f"{name}={value}"}
        assert visitor.get("https://127.0.0.1/photos/1", headers=headers).status_code == status


@pytest.mark.parametrize(
    "next_", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb", "/é"]
)
def test_nobody_is_led_elsewhere_after_the_login(visitor: TestClient, next_: str) -> None:
    assert visitor.get("/login", params={"next": next_}).headers["location"] == "/"


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),  # no browser
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),  # another port of this machine
        ({"origin": "http://127.0.0.1:8100"}, True),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://[x"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8100"}, False),
    ],
)
def test_pages_of_others_change_nothing(visitor: TestClient, headers: dict[str, str], passes: bool) -> None:
    for path in ("/logout", "/login", "/api/v1/jobs/1/pause"):
        answer = visitor.post(path, headers=headers)
        assert (answer.status_code != 403) == passes
    assert visitor.get("/api/v1/models", headers=headers).status_code == 200


def test_who_asks_too_often_waits_and_others_do_not(visit: Visit) -> None:
    (one, first), (other, second) = made_key("one", "read"), made_key("other", "read")
    visitor = visit(api_keys=f"{first},{second}", web_rate="0.02")  # one, and the next in 50 seconds
    assert visitor.get("/api/v1/models", headers=one).status_code == 200
    refused = visitor.get("/api/v1/models", headers=one)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 50
    assert [visitor.get("/healthz").status_code for _ in range(2)] == [200, 429]  # at a pace of its own
    photos = [visitor.get("/photos/1/thumb/160", headers=other).status_code for _ in range(2)]  # a tenth each
    assert photos == [404] * 2
    assert visitor.get("/photos/1/cutout", headers=other).status_code == 429


def test_an_ipv6_network_asks_as_one(visit: Visit) -> None:
    app = visit(api_keys=new("one", "read")[1], web_rate="0.02").app
    statuses = [
        TestClient(app, base_url=HOME, client=(address, 1)).get("/api/v1/models").status_code
        for address in (
            "2001:db8::1",
            "2001:db8::2",
            "2001:db8:0:1::1",
            "192.0.2.1",
            "192.0.2.2",
            "192.0.2.1",
        )
    ]
    assert statuses == [401, 429, 401, 401, 401, 429]


def test_what_the_api_is_like_is_told_to_those_who_have_a_key(visit: Visit) -> None:
    headers, entry = made_key("one", "read")
    visitor = visit(api_keys=entry)
    assert visitor.get(OPENAPI).status_code == 401
    assert visitor.get(OPENAPI, headers=headers).json()["openapi"]


def test_to_search_by_a_photo_that_is_kept_costs_as_much_as_to_send_it(visit: Visit) -> None:
    visitor = visit(web_rate="0.5")  # five at once
    assert [visitor.get("/?photo=gone").status_code for _ in range(2)] == [422, 429]


def test_what_comes_at_once_is_ten_seconds_worth(visit: Visit) -> None:
    paces = visit(web_rate="0.5").app.state.web.paces  # type: ignore[attr-defined]
    assert [paces.take("one", 1.0) for _ in range(5)] == [0] * 5
    assert 1 <= paces.take("one", 5.0) <= 10


def test_keys_are_not_guessed_by_trying(visit: Visit) -> None:
    visitor = visit(api_keys=new("one", "read")[1], web_rate="0.02")
    assert [visitor.post("/login", data={"key": f"tm_{n}"}).status_code for n in range(2)] == [401, 429]


def test_without_redis_the_catalog_can_be_read(visit: Visit) -> None:
    visitor = visit(redis_url="redis://127.0.0.1:1/0", web_rate="1")
    assert [visitor.get("/api/v1/models").status_code for _ in range(15)] == [200] * 15


def test_bodies_end_at_their_cap_whether_or_not_they_say_their_length(visit: Visit) -> None:
    _, entry = made_key("one", "read")
    stranger = visit(api_keys=entry)

    def pieces() -> Iterator[bytes]:
        for _ in range(bodies.STRANGER // 1000 + 2):
            yield b"key=" + b"x" * 996

    for content in (b"x" * (bodies.STRANGER + 1), pieces()):
        answer = stranger.post("/login", content=content, headers=FORM)
        assert answer.status_code == 413
        assert "16,384 bytes" in answer.json()["detail"]
    assert stranger.post("/login", content=b"key=x", headers=FORM).status_code == 401


def test_a_form_is_no_larger_than_a_page_sends(visitor: TestClient) -> None:
    """Four megabytes of separators would keep everybody waiting for seconds."""
    assert visitor.post("/review", content=b"&" * (bodies.PAGE + 1), headers=FORM).status_code == 413
    assert visitor.post("/review", content=b"&" * bodies.PAGE, headers=FORM).status_code == 422
    for many in (b"a=1&" * 2000, b"a" * bodies.PAGE, b"a%41=" * 2000):
        assert visitor.post("/review", content=many, headers=FORM).status_code in (400, 422)
    deep = b"[" * 200_000
    json = {"content-type": "application/json"}
    assert visitor.post("/api/v1/decisions", content=deep, headers=json).status_code in (400, 422)


def test_every_answer_has_headers_that_let_nothing_foreign_run(visitor: TestClient) -> None:
    for path in ("/api/v1/models", "/nothing", "/static/layout.css", "/healthz"):
        headers = visitor.get(path, headers=PAGE).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
        assert ("no-store" in headers["cache-control"]) == (path != "/static/layout.css")


def test_pages_hold_nothing_that_the_policy_would_stop(visit: Visit) -> None:
    visitor = visit(api_keys=new("anna", "write")[1])
    for path in ("/login", "/nothing"):
        source = visitor.get(path, headers=PAGE).text
        assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)|javascript:", source)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("anna:write:abc", "key 1 must be"),
        ("anna:admin:" + "0" * 64, "key 1 must be"),
        ("a b:read:" + "0" * 64, "name of key 1"),
        ("anna:read:" + "0" * 64 + ",anna:write:" + "1" * 64, "same name"),
        ("tm_secret-itself", "key 1 must be"),
    ],
)
def test_keys_that_are_none_are_told_without_showing_them(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        Keys.parse(text)
    assert "secret" not in str(caught.value)


def test_keys_without_a_key_do_not_open_the_door(visit: Visit) -> None:
    with pytest.raises(ValueError, match="there is no key in it"):
        visit(api_keys=" , ,")


def test_with_keys_any_name_leads_here_unless_some_are_set(visit: Visit) -> None:
    headers, entry = made_key("one", "read")
    for names, allowed, refused in (
        ("", ("a.example", "127.0.0.1"), ()),
        ("Shop.example, [2001:db8::1]", ("shop.example", "[2001:db8::1]:443", "localhost"), ("a.example",)),
    ):
        visitor = visit(api_keys=entry, web_hosts=names)
        for name in allowed:
            assert visitor.get("/api/v1/models", headers={**headers, "host": name}).status_code == 200
        for name in refused:
            assert visitor.get("/api/v1/models", headers={**headers, "host": name}).status_code == 421


def test_a_health_check_may_ask_for_no_body(visitor: TestClient) -> None:
    assert visitor.head("/healthz").status_code == 200
