"""What the routes work with, wired together once a process."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog
from redis import Redis

from catalog.search import Meaning
from models.errors import WeightsError
from workers.runtime import Runtime
from workers.web.keys import Keys
from workers.web.paces import Paces
from workers.web.photos.pictures import Pictures
from workers.web.sessions import Sessions
from workers.web.templates import Templates

if TYPE_CHECKING:
    from workers.seeing import Seeing

log = structlog.get_logger("workers.web")

CONNECTIONS = 12
STATEMENT_SECONDS = 10
_READ_ONLY = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_SECONDS}s "


class Web:
    """`runtime` is for what changes something; `engine` reads, and can do nothing else, nor for long."""

    def __init__(self, runtime: Runtime) -> None:
        config = runtime.settings
        self.runtime = runtime
        self.keys = Keys.parse(config.api_keys.get_secret_value() if config.api_keys else "")
        self.hosts = frozenset(_names(config.web_hosts))
        self.sessions = Sessions(self.keys, config)
        self.templates = Templates()
        self.pictures = Pictures(runtime.store, runtime.limits)
        self.redis = Redis.from_url(
            config.redis_url.get_secret_value(), socket_timeout=0.5, socket_connect_timeout=0.5
        )
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

    def load_meaning(self) -> None:
        """From here on words are searched for by what they mean, too, where a text embedder is installed."""
        from workers.reading import meaning

        try:
            self.meaning = meaning(self.runtime.settings)
        except WeightsError as error:
            log.warning("no search by meaning", error=str(error))

    def close(self) -> None:
        """Give back what was opened."""
        self.engine.dispose()
        self.runtime.engine.dispose()
        self.redis.close()


def _names(text: str) -> list[str]:
    names = (name.strip().strip("[]").lower() for name in text.split(","))
    return [name for name in names if name]
