"""Real services for all tests: Postgres, Redis and S3 from wheels, one set a session, a fresh database a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog import migrate
from catalog.arrays import as_literals
from catalog.asset_store import S3AssetStore
from workers.embedded import services
from workers.embedded.services import Endpoints

TEMPLATE = "tagmill_template"


@pytest.fixture(scope="session")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """The embedded services, started once and stopped at the end."""
    home = tmp_path_factory.mktemp("home")
    yield services.up(home)
    services.down(home)


@pytest.fixture(scope="session")
def server(endpoints: Endpoints) -> Iterator[sa.Engine]:
    """A connection that may create databases; `TEMPLATE` is migrated."""
    engine = sa.create_engine(endpoints.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # these databases may be lost
            connection.execute(sa.text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))
        connection.execute(sa.text(f"CREATE DATABASE {TEMPLATE}"))
    template = sa.create_engine(sa.make_url(endpoints.database_url).set(database=TEMPLATE))
    migrate.upgrade(template)
    template.dispose()
    yield engine
    engine.dispose()


@pytest.fixture
def database_url(server: sa.Engine) -> Iterator[str]:
    """The URL of a migrated database of this test's own."""
    name = f"test_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    yield server.url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on a migrated database of this test's own."""
    engine = as_literals(sa.create_engine(database_url))
    yield engine
    engine.dispose()


@pytest.fixture
def store(endpoints: Endpoints) -> S3AssetStore:
    """A bucket of this test's own on the real S3 server."""
    made = S3AssetStore.connect(
        endpoints.s3_endpoint, endpoints.s3_access_key, endpoints.s3_secret_key, f"test-{uuid4().hex[:20]}"
    )
    made.ensure_bucket()
    return made


@pytest.fixture
def tagmill_environment(
    endpoints: Endpoints,
    database_url: str,
    store: S3AssetStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """`TAGMILL_*` for processes of this test: its own database, bucket, queue and cache."""
    environment = {
        **endpoints.environment(),
        "TAGMILL_DATABASE_URL": database_url,
        "TAGMILL_S3_BUCKET": store.bucket,
        "TAGMILL_QUEUE": f"test-{uuid4().hex}",
        "TAGMILL_CACHE_DIR": str(tmp_path / "cache"),
        "TAGMILL_HOME": str(tmp_path / "home"),
        "TAGMILL_ENGINE": "eager",  # compiling takes longer than most tests
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment
