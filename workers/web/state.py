"""What the routes work with, wired together once a process."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

import anyio
import sqlalchemy as sa
import structlog
from redis import Redis

from catalog.search import Meaning
from models.errors import first_line
from workers.runtime import Runtime
from workers.web.keys import Keys
from workers.web.paces import Paces
from workers.web.photos import making
from workers.web.photos.pictures import Pictures
from workers.web.sessions import Sessions
from workers.web.templates import Templates

if TYPE_CHECKING:
    from workers.seeing import Seeing

log = structlog.get_logger("workers.web")

CONNECTIONS, READERS = 12, 8
COMPARISONS = 2
STATEMENT_SECONDS = 10
_READ_ONLY = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_SECONDS}s "


class Web:
    """`runtime` is for what changes something; `engine` reads, and can do nothing else, nor for long."""

    def __init__(self, runtime: Runtime) -> None:
        config = runtime.settings
        self.runtime = runtime
        self.keys = Keys.parse(config.api_keys.get_secret_value() if config.api_keys else "")
        self.hosts = frozenset(_names(config.web_hosts))
        self.templates = Templates()
        self.readers = anyio.Semaphore(READERS)
        self.shares = {name: anyio.Semaphore(READERS // 2) for name in self.keys.names}
        self.comparing = threading.BoundedSemaphore(COMPARISONS)
        self.pictures = Pictures(runtime.store, runtime.limits)
        self.redis = Redis.from_url(
            config.redis_url.get_secret_value(), socket_timeout=0.5, socket_connect_timeout=0.5
        )
        self.sessions = Sessions(self.keys, config, self.redis)
        self.meaning: Meaning | None = None
        self.paces = Paces(self.redis, config.queue, config.web_rate)

    @cached_property
    def engine(self) -> sa.Engine:
        return self.runtime.make_engine(pool_size=CONNECTIONS, max_overflow=0, options=_READ_ONLY)

    @cached_property
    def seeing(self) -> Seeing:
        """Looks at photos to search by; torch is loaded for the first."""
        from workers.seeing import Seeing

        return Seeing(self.runtime)

    def warm_up(self) -> None:
        """Load the networks of searches, so that nobody waits for them. Until then words are found by their letters."""
        from workers.reading import meaning

        try:
            self.meaning = meaning(self.runtime.settings)
            self.seeing.embed_photo(making.placeholder())
        except Exception as error:  # noqa: BLE001 - the search that needs it tells its own trouble
            log.warning("not every network of search is loaded", error=first_line(error))

    def close(self) -> None:
        """Give back what was opened."""
        self.engine.dispose()
        self.runtime.engine.dispose()
        self.redis.close()


def _names(text: str) -> list[str]:
    names = (name.strip().strip("[]").lower() for name in text.split(","))
    return [name for name in names if name]
