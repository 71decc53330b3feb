"""Postgres restarted in mid-commit, out of connections, deadlocked, with another isolation level."""

from __future__ import annotations

import contextlib
import time

import pytest
import sqlalchemy as sa

from tests.chaos.arena import Arena
from tests.chaos.fault import Fault
from tests.chaos.shop import MASK, TYPE

SLOWLY = Fault("slowly", "forward", "pause", always=True)


@pytest.mark.chaos
def test_killed_in_mid_commit(arena: Arena) -> None:
    arena.order(2000, TYPE)
    arena.order(200, MASK)
    arena.start(store_batch="4")  # many commits
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    for _ in range(6):
        time.sleep(arena.random.uniform(0.5, 2))
        arena.kill_service("postgres")
        arena.restart_services()
    arena.finish(180)
    assert arena.value("SELECT max(attempts) FROM work_items") <= 2


@pytest.mark.chaos
def test_no_connection_is_left(arena: Arena) -> None:
    arena.order(1500)
    arena.start(SLOWLY)
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    hogs = sa.create_engine(arena.engine.url, pool_size=200, connect_args={"connect_timeout": 5})
    with contextlib.ExitStack() as held:
        with contextlib.suppress(sa.exc.OperationalError):
            while True:
                held.enter_context(hogs.connect())
        arena.fault("connections exhausted")
        for _ in range(3):  # and those that the workers have are taken away
            with arena.engine.connect() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'tagmill' AND datname = current_database()"
                )
                arena.fault("connections terminated")
            with contextlib.suppress(sa.exc.OperationalError):
                held.enter_context(hogs.connect())
            time.sleep(3)
    hogs.dispose()
    verdict = arena.finish()
    assert not verdict.quarantined


@pytest.mark.chaos
def test_deadlocks(arena: Arena) -> None:
    """Somebody's script locks rows in another order; the workers are those that Postgres cancels."""
    arena.order(1500)
    slowly = [Fault(f"slowly-{n}", "forward", "pause", always=True) for n in range(4)]
    arena.start(*slowly, stall_seconds="60")  # a settlement is repeated for 15 s
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    while deadlocks(arena) < 3 and arena.done() < 1500:
        lock_backwards(arena)
    arena.fault("deadlock", deadlocks(arena))
    assert deadlocks(arena) > 0
    verdict = arena.finish()
    assert not verdict.quarantined
    assert arena.value("SELECT max(attempts) FROM work_items") == 1


def lock_backwards(arena: Arena) -> None:
    """One of a batch that is about to be settled; then, when the settlement waits for it, those before it."""
    lock = sa.text("SELECT 1 FROM work_items WHERE image_id = :image FOR UPDATE")
    batch = [image for (image,) in arena.rows(ONE_BATCH)]
    with arena.engine.connect() as connection, contextlib.suppress(sa.exc.OperationalError):
        connection.exec_driver_sql("SET deadlock_timeout = '30s'")  # theirs is shorter: they are cancelled
        connection.execute(lock, {"image": batch[-1] if batch else 0})
        time.sleep(2)
        for image in reversed(batch[:-1]):
            connection.execute(lock, {"image": image})
        connection.rollback()


ONE_BATCH = """
SELECT image_id FROM work_items WHERE lease_token = (
    SELECT lease_token FROM work_items WHERE state = 'leased' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1)
ORDER BY image_id LIMIT 24
"""


def deadlocks(arena: Arena) -> int:
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return int(arena.value(query))


@pytest.mark.chaos
def test_another_isolation_level_by_default(arena: Arena) -> None:
    """Serialization errors by the dozen, if the ledger took what the server gives."""
    level = "serializable"
    name = arena.engine.url.database
    with arena.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    arena.fault(f"isolation {level}")
    arena.order(1000)
    arena.start()
    arena.start()
    verdict = arena.finish()
    assert not verdict.quarantined
    assert arena.value("SELECT max(attempts) FROM work_items") == 1


@pytest.mark.chaos
def test_read_only_for_a_while(arena: Arena) -> None:
    """As after a failover to a replica that is not yet promoted: answers come, writes are refused."""
    arena.order(1500)
    arena.start(SLOWLY)
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    with arena.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for value in ("on", "off") * 3:
            arena.fault("read-only", value == "on")
            connection.exec_driver_sql(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
            time.sleep(2)
    verdict = arena.finish()
    assert not verdict.quarantined
