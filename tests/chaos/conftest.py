"""Chaos: real services, real worker processes, real accidents, and an oracle that counts.

`make chaos` runs all of it, `make test` the scenarios without the mark `chaos`. `SEED=n` repeats a run.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.chaos.arena import Arena
from tests.chaos.shop import Shop, copy_of, open_shop
from tests.chaos.tally import Tally
from workers.embedded import services

SEED = os.environ.get("SEED") or "1"
TALLY = pytest.StashKey[Tally]()
LARGE, SMALL = 10_000, 1_500


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    return pytestconfig.stash.setdefault(TALLY, Tally())


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Services of the harness's own, as shipped: they are killed, filled and cut off."""
    home = tmp_path_factory.mktemp("chaos-home")
    large = any(item.get_closest_marker("chaos") for item in request.session.items)
    yield open_shop(services.up(home), home, tmp_path_factory.mktemp("photos"), LARGE if large else SMALL)
    services.down(home)


@pytest.fixture
def arena(shop: Shop, tally: Tally, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Arena]:
    """A system of this scenario's own with the shop's photos; whatever was broken is mended afterwards."""
    name = f"arena_{uuid4().hex[:12]}"
    url, store = copy_of(shop, name)
    made = Arena(shop, request.node.name, url, store, tmp_path, tally, f"{SEED}:{request.node.name}")
    yield made
    made.stop()
    made.engine.dispose()
    services.up(shop.home)  # what a scenario killed
    _drop(shop, name)


def _drop(shop: Shop, name: str) -> None:
    server = sa.create_engine(shop.endpoints.database_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and "arena" in getattr(item, "fixturenames", ()):
        report.sections.append(("replay", f"make chaos SEED={SEED} ONLY={item.name.partition('[')[0]}"))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash.get(TALLY, None)
    if tally is None:
        return
    terminalreporter.section(f"chaos, seed {SEED}")
    for kind, count in sorted(tally.faults.items()):
        terminalreporter.write_line(f"{count:6} {kind}")
    terminalreporter.write_line(f"slowest recovery in {tally.slowest}")
    terminalreporter.write_line(tally.line())
