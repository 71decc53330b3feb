"""Wires that are cut, frozen or slow, between workers and their services."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.chaos.arena import Arena
from tests.chaos.fault import DIRECT_REDIS, Fault
from tests.chaos.network import network, why_not
from tests.chaos.proxy import Proxy, http_error
from tests.chaos.shop import MASK, TYPE
from workers.watchdog import EXIT_STALLED

SLOWLY = Fault("slowly", "forward", "pause", always=True)


def address_of(arena: Arena, name: str) -> tuple[str, int]:
    url = sa.make_url(arena.environment[name])
    return str(url.host), int(url.port or 0)


def through(arena: Arena, name: str, proxy: Proxy, host: str = "127.0.0.1") -> dict[str, str]:
    """The setting, pointed at the proxy."""
    url = sa.make_url(arena.environment[name]).set(host=host, port=proxy.port)
    return {name: url.render_as_string(hide_password=False)}


@pytest.fixture
def wire(arena: Arena, request: pytest.FixtureRequest) -> Iterator[tuple[Proxy, dict[str, str]]]:
    """A proxy before the service of this setting, and the environment that leads through it."""
    with Proxy(address_of(arena, request.param)) as proxy:
        yield proxy, through(arena, request.param, proxy)


DATABASE, REDIS, S3 = (f"TAGMILL_{name}" for name in ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT"))


@pytest.mark.chaos
@pytest.mark.parametrize("wire", [REDIS], indirect=True)
def test_redis_half_open(arena: Arena, wire: tuple[Proxy, dict[str, str]]) -> None:
    """Connections stay up and say nothing, for longer than anybody waits; then the wire is whole again."""
    proxy, environment = wire
    arena.order(1500)
    arena.start(SLOWLY, environment=environment, max_published="4")
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    arena.fault("Redis half-open")
    proxy.freeze()
    time.sleep(15)
    proxy.cut()
    proxy.pass_through()
    arena.finish_supervised(SLOWLY, environment=environment)


@pytest.mark.chaos
@pytest.mark.parametrize("wire", [REDIS], indirect=True)
def test_a_host_that_hears_no_messages_ends_for_its_supervisor(
    arena: Arena, wire: tuple[Proxy, dict[str, str]]
) -> None:
    """Its connection hangs for ever, and it sees messages wait: it exits, and the next one works."""
    proxy, environment = wire
    arena.order(600)
    sees = {**environment, DIRECT_REDIS: arena.environment["TAGMILL_REDIS_URL"]}
    worker = arena.start(SLOWLY, environment=sees, max_published="2", stall_seconds="6")
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    arena.fault("Redis half-open")
    proxy.freeze()
    assert worker.wait(60) == EXIT_STALLED
    proxy.pass_through()
    arena.finish_supervised(SLOWLY, environment=environment)


@pytest.mark.chaos
@pytest.mark.parametrize("wire", [DATABASE], indirect=True)
def test_postgres_cut_and_half_open(arena: Arena, wire: tuple[Proxy, dict[str, str]]) -> None:
    proxy, environment = wire
    arena.order(1500)
    arena.start(SLOWLY, environment=environment)
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    for _ in range(8):
        arena.fault("Postgres cut off")
        proxy.cut()
        time.sleep(arena.random.uniform(0.2, 1.0))
    arena.fault("Postgres half-open")
    proxy.freeze()
    time.sleep(8)
    proxy.cut()
    proxy.pass_through()
    arena.start()
    arena.finish(180)


@pytest.mark.chaos
@pytest.mark.parametrize("wire", [S3], indirect=True)
def test_the_store_is_down_slow_failing_full(arena: Arena, wire: tuple[Proxy, dict[str, str]]) -> None:
    """A store in trouble is nobody's fault: no attempt is counted, whatever it does."""
    proxy, environment = wire
    arena.order(1000, TYPE)
    arena.order(200, MASK)
    arena.start(SLOWLY, environment=environment, stall_seconds="60")
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    for kind, fault in (
        ("503", lambda: proxy.answer(http_error(503, "SlowDown"))),
        ("some 503", lambda: proxy.answer(http_error(503, "SlowDown"), 0.3)),
        ("full", lambda: proxy.answer(http_error(507, "XMinioStorageFull"), 0.5)),
        ("slow", lambda: proxy.slow(0.5)),
        ("down", proxy.refuse),
        ("cut", proxy.cut),
    ):
        arena.fault(f"store {kind}")
        fault()
        time.sleep(4)
        proxy.pass_through()
        time.sleep(1)
    verdict = arena.finish(180)
    assert proxy.answered > 0
    assert not verdict.quarantined
    assert arena.value("SELECT max(attempts) FROM work_items") == 1


@pytest.mark.chaos
def test_the_store_is_killed(arena: Arena) -> None:
    arena.order(1000, TYPE)
    arena.order(200, MASK)
    arena.start(SLOWLY)
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    for _ in range(4):
        time.sleep(arena.random.uniform(0.5, 1.5))
        arena.kill_service("s3")
        time.sleep(1)
        arena.restart_services()
    verdict = arena.finish(180)
    assert not verdict.quarantined


@pytest.mark.chaos
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_a_host_cut_off_in_mid_batch_and_joined_again(arena: Arena) -> None:
    """Each with an address of its own. What the lost one holds goes to the other; its late results are refused."""
    arena.order(2000)
    with network(2) as net:
        proxies = {name: Proxy(address_of(arena, name), listen=net.address) for name in (DATABASE, REDIS, S3)}
        environment: dict[str, str] = {}
        for name, proxy in proxies.items():
            proxy.__enter__()
            environment |= through(arena, name, proxy, net.address)
        lost, other = (
            arena.start(SLOWLY, under=host.command(), environment=environment) for host in net.hosts
        )
        arena.wait_until(lambda: arena.done() > 100, 60, "no start")
        for _ in range(2):
            arena.fault("host cut off")
            net.hosts[0].cut()
            time.sleep(8)
            net.hosts[0].join()
            time.sleep(3)
        arena.finish_supervised(SLOWLY, environment=environment)
        assert arena.refused(lost) + arena.refused(other) > 0, "nobody came late: the fence was not asked"
        for proxy in proxies.values():
            proxy.__exit__(None, None, None)
