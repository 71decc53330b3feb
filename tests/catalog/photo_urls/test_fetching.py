"""Photos by URL: a host that plays every trick gets a clear refusal, in time, and nothing of what lies inside."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from catalog.errors import SourceError
from catalog.photo_urls import CODES, Fetcher, Patience, Rules, host_list
from catalog.photo_urls.errand import MOST_REDIRECTS
from tests.catalog.photo_urls.host import Host, forever, in_turn, png, raw, redirect, send, serving

CERTIFICATE = Path(__file__).parents[2] / "workers" / "shop.example.pem"  # of shop.example, with its key
INSIDE = {"127.0.0.1"}
MOST = 20_000
HASTE = Patience(seconds=2.0, grace=0.3, rate=20_000, attempts=3, pause=0.01, longest=1.0, alone=0.2)
BOMB = gzip.compress(b"\0" * 10**7)
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def host() -> Iterator[Host]:
    with serving() as made:
        yield made


def fetch(url: str, rules: Rules | None = None, patience: Patience = HASTE) -> bytes:
    with Fetcher(rules or Rules(inside=INSIDE), MOST, patience=patience) as fetcher:
        return fetcher.submit(url, bytes).result(30)


def refused(url: str, rules: Rules | None = None, patience: Patience = HASTE) -> SourceError:
    """Within seconds, and in a sentence that can be shown."""
    begun = time.monotonic()
    with pytest.raises(SourceError) as caught:
        fetch(url, rules, patience)
    assert time.monotonic() - begun < 6
    assert caught.value.code in {*CODES, "too_many_bytes"}
    assert str(caught.value).isprintable()
    return caught.value


def at(*addresses: str) -> Callable[[str, int], list[str]]:
    """A resolver that answers so, one after another, and the last for ever."""
    left = list(addresses)
    return lambda *_: [left.pop(0) if len(left) > 1 else left[0]]


def test_a_photo_comes_as_it_is(host: Host) -> None:
    assert fetch(host.url("/a.png?size=big#top")) == png(sum(map(ord, "/a.png")))
    assert host.asked == ["/a.png?size=big"]
    (headers,) = host.headers
    assert headers["host"] == f"127.0.0.1:{host.port}"
    assert headers["user-agent"].startswith("Tagmill/")
    assert headers["accept-encoding"] == "identity"
    assert not headers.keys() & {"cookie", "authorization", "referer"}


@pytest.mark.parametrize(
    "said",
    [
        OK + b"\r\n" + png(),
        b"HTTP/1.0 200 OK\r\n\r\n" + png(),
        OK + b"Content-Length: %d\r\n\r\n" % len(png()) + png() + b"more than was announced",
        OK
        + b"Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(png()), png()),
        OK
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"1\r\n%c\r\n" % c for c in png())
        + b"0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\n" + png(),
    ],
)
def test_bodies_of_any_honest_form(host: Host, said: bytes) -> None:
    host.answers["/"] = raw(said)
    assert fetch(host.url("/")) == png()


# --- where it leads


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:{}/", "http://localhost:{}/", "http://2130706433:{}/", "http://0x7f.1:{}/"),
        *("http://[::1]:{}/", "http://[::ffff:127.0.0.1]:{}/", "http://0:{}/", "http://127.1:{}/"),
        *("http://169.254.169.254/latest/meta-data/", "http://100.100.100.200/", "http://[fd00:ec2::254]/"),
    ],
)
def test_nothing_inside_is_asked(host: Host, url: str) -> None:
    error = refused(url.format(host.port), Rules())
    assert error.code in ("address_refused", "url_unavailable")  # where a resolver takes it for no address
    assert error.code == "url_unavailable" or "TAGMILL_URL_INSIDE_HOSTS" in str(error)
    assert host.asked == []


def test_a_name_that_leads_inside_is_not_asked(host: Host) -> None:
    rules = Rules(resolve=at("127.0.0.1"))
    assert refused(host.url("/", "shop.example"), rules).code == "address_refused"
    rules = Rules(hosts={"shop.example"}, resolve=at("127.0.0.1"))  # a list that narrows does not open
    assert refused(host.url("/", "shop.example"), rules).code == "address_refused"
    assert host.asked == []


def test_a_name_is_resolved_once_and_that_address_is_asked(host: Host) -> None:
    """A name whose answer changes between the look and the connection leads nowhere else."""
    resolve = at("127.0.0.1", "127.0.0.99")
    assert fetch(host.url("/", "rebinding.example"), Rules(inside={"rebinding.example"}, resolve=resolve))
    assert resolve("", 0) == ["127.0.0.99"]


def test_a_redirect_may_not_lead_inside(host: Host) -> None:
    with serving() as inner:
        rules = Rules(inside=INSIDE, resolve=at("127.0.0.1"))
        for to in (inner.url("/", "localhost"), inner.url("/", "127.1"), "http://[::1]/"):
            host.answers["/"] = redirect(to)
            assert refused(host.url("/"), rules).code == "address_refused"
        assert inner.asked == []


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("file:///etc/passwd", "bad_url"),
        ("ftp://127.0.0.1/a.png", "bad_url"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "bad_url"),
        ("data:image/png;base64,AAAA", "bad_url"),
        ("http://anna:secret@127.0.0.1/", "bad_url"),
        ("http://[::1", "url_failed"),
        ("http://other.example/", "host_not_allowed"),
    ],
)
def test_a_redirect_is_looked_at_like_any_url(host: Host, to: str, code: str) -> None:
    host.answers["/"] = redirect(to)
    error = refused(host.url("/"), Rules(inside=INSIDE, hosts={"shop.example"}))
    assert error.code == code
    assert "secret" not in str(error)


def test_a_redirect_may_hold_plain_utf_8(host: Host) -> None:
    """Which a server writes that does not percent-encode."""
    host.answers["/"] = redirect("/Größe 1.png".encode().decode("latin-1"))
    assert fetch(host.url("/"))
    assert host.asked[-1] == "/Gr%C3%B6%C3%9Fe%201.png"


def test_redirects_end(host: Host) -> None:
    host.answers["/loop"] = redirect("/loop")
    error = refused(host.url("/loop"))
    assert (error.code, len(host.asked)) == ("url_failed", MOST_REDIRECTS + 1)
    for hop in range(MOST_REDIRECTS):
        host.answers[f"/{hop}"] = redirect(f"/{hop + 1}", 307 if hop % 2 else 301)
    assert fetch(host.url("/0")) == png(sum(map(ord, f"/{MOST_REDIRECTS}")))


def test_a_redirect_takes_nothing_with_it(host: Host) -> None:
    with serving() as other:
        host.answers["/"] = redirect(other.url("/b.png", "localhost"))
        assert fetch(host.url("/?token=s3cret"), Rules(inside={"127.0.0.1", "localhost"}))
        (headers,) = other.headers
        assert "s3cret" not in f"{other.asked} {headers}"


def test_hosts_that_are_allowed() -> None:
    rules = Rules(hosts={"shop.example", ".cdn.example"}, inside={"photos.internal"})
    for url in ("http://shop.example/", "https://SHOP.example./x", "http://a.b.cdn.example:8080/"):
        rules.target(url)
    for url in (
        *("http://a.shop.example/", "http://cdn.example/", "http://evilcdn.example/", "http://shop.example.evil/"),
        *("http://1.1.1.1/", "http://photos.internal.evil/"),
    ):  # fmt: skip
        with pytest.raises(SourceError, match="not among the hosts") as error:
            rules.target(url)
        assert error.value.code == "host_not_allowed"
    assert rules.target("http://photos.internal:25/").port == 25
    with pytest.raises(SourceError, match="port 25"):
        rules.target("http://shop.example:25/")


def test_a_list_of_hosts_holds_hosts() -> None:
    assert host_list(["Shop.example", " .cdn.example. ", "[::1]"]) == {"shop.example", ".cdn.example", "::1"}
    for wrong in (
        "",
        ".",
        "*.shop.example",
        "https://shop.example",
        "shop.example/x",
        "shop.example:80",
        "bücher.example",
    ):
        with pytest.raises(ValueError, match="is no host"):
            host_list([wrong])


@pytest.mark.parametrize(
    ("name", "trusted", "code"),
    [
        ("shop.example", True, None),
        ("shop.example", False, "url_failed"),
        ("other.example", True, "url_failed"),
    ],
)
def test_tls_checks_the_name(
    monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool, code: str | None
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    rules = Rules(inside={name}, resolve=at("127.0.0.1"))
    with serving(CERTIFICATE) as host:
        url = host.url("/a.png", name, "https")
        if code is None:
            assert fetch(url, rules).startswith(b"\x89PNG")
            host.answers["/down"] = redirect(host.url("/a.png", name))
            assert "from https to http" in str(refused(host.url("/down", name, "https"), rules))
        else:
            error = refused(url, rules)
            assert error.code == code
            assert "certificate" in str(error)
            assert host.asked == []


def test_proxies_of_the_environment_are_not_asked(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert fetch(host.url("/")).startswith(b"\x89PNG")
        assert proxy.asked == []


# --- what it costs

ENDLESS = {
    "an endless body": raw(OK + b"\r\n", then=forever(b"x" * 4096)),
    "endless chunks": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n", then=forever(b"800\r\n" + b"x" * 2048 + b"\r\n")),
    "a body that is announced to be huge": raw(OK + b"Content-Length: 9999999999999\r\n\r\nx"),
    "one byte too many": lambda handler: send(handler, b"x" * (MOST + 1)),
}  # fmt: skip

CUT = {
    "a body that drips": raw(OK + b"Content-Length: 9999\r\n\r\n", then=forever(b"x", 0.05)),
    "a head that drips": raw(OK, then=forever(b"X: y\r\n", 0.05)),
    "a status that drips": raw(b"HTTP/1.1", then=forever(b" ", 0.05)),
    "chunks that drip": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n", then=forever(b"1\r\nx\r\n", 0.05)),
    "no answer": lambda handler: time.sleep(8),
    "half an answer": raw(OK + b"Content-Length: 50\r\n\r\nx", then=lambda _: time.sleep(8)),
}

FAILED = {
    "gzip": lambda handler: send(handler, gzip.compress(png()), Content_Encoding="gzip"),
    "a gzip bomb": lambda handler: send(handler, BOMB, Content_Encoding="identity, GZIP"),
    "gzip in transfer": raw(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", gzip.compress(png())),
    "brotli": lambda handler: send(handler, png(), Content_Encoding="br"),
    "204": lambda handler: send(handler, status=204),
    "206": lambda handler: send(handler, png(), 206),
    "418": lambda handler: send(handler, status=418),
    "304": lambda handler: send(handler, status=304),
    "300 to nowhere": lambda handler: send(handler, status=302),
}  # fmt: skip

UNAVAILABLE = {
    "thousands of headers": raw(OK + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n", png()),
    "an endless header": raw(OK + b"X: ", then=forever(b"y" * 4096)),
    "an endless status": raw(b"HTTP/1.1 200 ", then=forever(b"y" * 4096)),
    "continue without end": raw(then=forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    "early hints without end": raw(then=forever(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)),
    "an endless chunk extension": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", then=forever(b"y" * 4096)),
    "endless trailers": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", then=forever(b"X: y\r\n" * 500)),
    "a chunk of negative length": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk of no length": raw(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
    "fewer bytes than announced": raw(OK + b"Content-Length: 500\r\n\r\nx"),
    "chunks that break off": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n50\r\nx"),
    "HTTP/0.9": raw(png()),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "escapes": raw(b"\x1b[31m\0\xff\r\n\r\n"),
    "nothing": raw(),
    "a reset": raw(OK + b"Content-Length: 500\r\n\r\nx", then=lambda c: c.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")),
    "500": lambda handler: send(handler, status=500),
    "503": lambda handler: send(handler, status=503),
    "599": lambda handler: send(handler, status=599),
}  # fmt: skip


@pytest.mark.parametrize("trick", ENDLESS)
def test_no_more_is_read_than_a_photo_may_have(host: Host, trick: str) -> None:
    host.answers["/"] = ENDLESS[trick]
    assert refused(host.url("/")).code == "too_many_bytes"


@pytest.mark.parametrize("trick", CUT)
def test_what_drips_is_cut_off(host: Host, trick: str) -> None:
    host.answers["/"] = CUT[trick]
    begun = time.monotonic()
    error = refused(host.url("/"))
    assert (error.code, len(host.asked)) == ("url_unavailable", 1)
    assert "in time" in str(error)
    assert time.monotonic() - begun < 1.5


def test_an_exchange_ends_though_it_is_fast_enough(host: Host) -> None:
    host.answers["/"] = raw(OK + b"Content-Length: 19999\r\n\r\n", then=forever(b"x" * 50, 0.01))
    begun = time.monotonic()
    patience = Patience(seconds=0.6, grace=0.3, rate=1_000)
    assert refused(host.url("/"), patience=patience).code == "url_unavailable"
    assert time.monotonic() - begun < 2


def test_a_handshake_that_never_comes_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.outward.connection.connect.__defaults__", (0.3, ssl.create_default_context))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert refused(url).code == "url_unavailable"


@pytest.mark.parametrize("trick", FAILED)
def test_answers_that_no_photo_has(host: Host, trick: str) -> None:
    host.answers["/"] = FAILED[trick]
    assert refused(host.url("/")).code == "url_failed"
    assert len(host.asked) == 1


@pytest.mark.parametrize("trick", UNAVAILABLE)
def test_a_host_in_trouble_is_asked_again_and_then_refused(host: Host, trick: str) -> None:
    host.answers["/"] = UNAVAILABLE[trick]
    assert refused(host.url("/")).code == "url_unavailable"
    assert len(host.asked) == HASTE.attempts


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((401, "url_forbidden"), (403, "url_forbidden"), (407, "url_forbidden"), (451, "url_forbidden")),
        *((404, "url_gone"), (410, "url_gone")),
    ],
)
def test_what_a_status_means(host: Host, status: int, code: str) -> None:
    host.answers["/"] = lambda handler: send(handler, b"<html>No.</html>", status)
    error = refused(host.url("/a?token=s3cret".replace("/a", "/")))
    assert (error.code, len(host.asked)) == (code, 1)
    assert str(status) in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    "page",
    [
        *(
            b"<!DOCTYPE html><html>",
            b"\xef\xbb\xbf\n <HTML lang=en>",
            b"<!-- hi --><head>",
            b"<script>x</script>",
        ),
        b"<?xml version='1.0'?><!DOCTYPE html PUBLIC ''>",
    ],
)
def test_a_page_in_place_of_a_photo_is_told_as_such(host: Host, page: bytes) -> None:
    host.answers["/"] = lambda handler: send(handler, page + b" Please log in", Content_Type="image/png")
    assert refused(host.url("/")).code == "url_web_page"


def test_many_comments_are_not_tried_in_all_ways(host: Host) -> None:
    host.answers["/"] = lambda handler: send(handler, b"<!---->" * 500)
    assert fetch(host.url("/")).startswith(b"<!--")


# --- again


@pytest.mark.parametrize(
    "trouble",
    [
        lambda handler: send(handler, status=500),
        lambda handler: send(handler, status=429),
        lambda handler: send(handler, status=503, Retry_After="0"),
        raw(),
        raw(OK + b"Content-Length: 500\r\n\r\nx"),
    ],
)
def test_what_passes_is_tried_again(host: Host, trouble: object) -> None:
    host.answers["/"] = in_turn(trouble, trouble, lambda handler: send(handler, png()))  # type: ignore[arg-type]
    assert fetch(host.url("/")) == png()
    assert len(host.asked) == 3


def test_a_host_says_when_to_ask_again(host: Host) -> None:
    times: list[float] = []

    def busy(handler: object) -> None:
        times.append(time.monotonic())
        send(handler, status=429, Retry_After="1")  # type: ignore[arg-type]

    host.answers["/"] = in_turn(busy, lambda handler: send(handler, png()))
    with Fetcher(Rules(inside=INSIDE), MOST, patience=HASTE, per_host=1) as fetcher:
        first, second = fetcher.submit(host.url("/"), bytes), fetcher.submit(host.url("/b"), bytes)
        assert first.result(10) == png()
        assert second.result(10)
    assert time.monotonic() - times[0] > 1
    assert host.asked[0] == "/"  # and the whole host was left in peace meanwhile
    assert len(host.asked) == 3


def test_a_host_that_wants_a_long_pause_gets_it(host: Host) -> None:
    host.answers["/"] = lambda handler: send(handler, status=429, Retry_After="7200")
    with Fetcher(Rules(inside=INSIDE), MOST, patience=HASTE, per_host=1) as fetcher:
        futures = [fetcher.submit(host.url(path), bytes) for path in ("/", "/b", "/c")]
        errors = [future.exception(10) for future in futures]
    assert host.asked == ["/"]
    assert {getattr(error, "code", None) for error in errors} == {"url_unavailable"}
    assert "7,200 s" in str(errors[0])
    assert "left alone" in str(errors[2])


def test_a_host_that_fails_again_and_again_is_left_alone_and_then_tried(host: Host) -> None:
    host.answers["/bad"] = raw()
    patience = Patience(attempts=1, failures=3, alone=0.5)
    with Fetcher(Rules(inside=INSIDE), MOST, patience=patience, per_host=1) as fetcher:
        bad = [fetcher.submit(f"{host.url('/bad')}?{n}", bytes) for n in range(30)]
        assert all(future.exception(10) for future in bad)
        assert len(host.asked) == 3
        time.sleep(0.6)
        assert fetcher.submit(host.url("/good"), bytes).result(10)


# --- politeness


def test_connections_are_few_and_used_again(host: Host) -> None:
    with Fetcher(Rules(inside=INSIDE), MOST, threads=16, per_host=3) as fetcher:
        futures = [fetcher.submit(host.url(f"/{n}"), bytes) for n in range(200)]
        assert all(future.result(20) for future in futures)
    assert host.most_at_once <= 3
    assert len(host.connections) <= 3


def test_a_slow_host_holds_up_no_other(host: Host) -> None:
    with serving() as slow, Fetcher(Rules(inside={"127.0.0.1", "localhost"}), MOST, threads=8) as fetcher:
        end = threading.Event()
        slow.answers["/"] = lambda handler: end.wait(10)
        stuck = [fetcher.submit(f"{slow.url('/', 'localhost')}?{n}", bytes) for n in range(100)]
        good = [fetcher.submit(host.url(f"/{n}"), bytes) for n in range(100)]
        assert all(future.result(5) for future in good)
        assert not any(future.done() for future in stuck)
        end.set()


def test_a_url_under_way_is_not_fetched_twice(host: Host) -> None:
    with Fetcher(Rules(inside=INSIDE), MOST) as fetcher:
        futures = [fetcher.submit(host.url("/same"), bytes) for _ in range(20)]
        assert all(future.result(5) for future in futures)
    assert host.asked == ["/same"]


def test_a_connection_that_was_closed_meanwhile_is_no_failure(host: Host) -> None:
    host.answers["/"] = lambda handler: (send(handler, png()), setattr(handler, "close_connection", True))
    with Fetcher(Rules(inside=INSIDE), MOST, patience=Patience(attempts=1), per_host=1) as fetcher:
        for n in range(5):
            assert fetcher.submit(f"{host.url('/')}?{n}", bytes).result(5) == png()


def test_what_one_said_too_much_is_not_taken_for_the_next_photo(host: Host) -> None:
    said = OK + b"Content-Length: %d\r\n\r\n" % len(png(1)) + png(1)
    forged = OK + b"Content-Length: 6\r\n\r\nforged"

    def say(handler: BaseHTTPRequestHandler) -> None:
        for part in (said, forged):
            handler.wfile.write(part)
            handler.wfile.flush()
            time.sleep(0.1)

    host.answers["/"] = say
    with Fetcher(Rules(inside=INSIDE), MOST, per_host=1) as fetcher:
        assert fetcher.submit(host.url("/"), bytes).result(5) == png(1)
        time.sleep(0.3)
        assert fetcher.submit(host.url("/next"), bytes).result(5) == png(sum(map(ord, "/next")))


def test_results_that_nobody_takes_hold_the_rest_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.photo_urls.fetcher.HELD_BYTES", 10 * len(png()))
    with Fetcher(Rules(inside=INSIDE), MOST, threads=4) as fetcher:
        futures = [fetcher.submit(host.url(f"/{n}"), bytes) for n in range(100)]
        time.sleep(0.5)
        assert 10 <= len(host.asked) <= 15
        for future in futures:
            assert future.result(5)
            fetcher.release(future)


def test_whoever_stops_waits_for_nobody(host: Host) -> None:
    end = threading.Event()
    host.answers["/"] = lambda handler: end.wait(10)
    begun = time.monotonic()
    with Fetcher(Rules(inside=INSIDE), MOST) as fetcher:
        futures = [fetcher.submit(f"{host.url('/')}?{n}", bytes) for n in range(20)]
        time.sleep(0.2)
    assert time.monotonic() - begun < 2
    assert all(future.done() for future in futures)
    end.set()
