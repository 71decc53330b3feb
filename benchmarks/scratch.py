"""Embedded services of a benchmark's own, gone when it ends."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from catalog import migrate
from workers.embedded import services
from workers.runtime import Runtime
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder, and the `TAGMILL_*` variables of services that run in it."""

    folder: Path
    environment: dict[str, str]

    def runtime(self, **changes: str) -> Runtime:
        """A runtime on these services; `changes` are settings by their names in `Settings`."""
        fields = {name.removeprefix("TAGMILL_").lower(): value for name, value in self.environment.items()}
        fields.pop("home")
        return Runtime(Settings(**{**fields, **changes}))

    def database(self) -> str:
        """The URL of a new database, migrated."""
        url = sa.make_url(self.environment["TAGMILL_DATABASE_URL"])
        name = f"benchmark_{uuid4().hex}"
        server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        server.dispose()
        made = sa.create_engine(url.set(database=name))
        migrate.upgrade(made)
        made.dispose()
        return url.set(database=name).render_as_string(hide_password=False)


@contextmanager
def scratch() -> Iterator[Scratch]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        try:
            yield Scratch(Path(folder), {**services.up(home).environment(), "TAGMILL_HOME": str(home)})
        finally:
            services.down(home)
