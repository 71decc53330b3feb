"""What the routes work with, wired together once a process."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa
from redis import Redis

from workers.runtime import Runtime
from workers.web.keys import Keys
from workers.web.paces import Paces
from workers.web.photos.pictures import Pictures
from workers.web.sessions import Sessions
from workers.web.templates import Templates

if TYPE_CHECKING:
    from workers.seeing import Eye

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
        self.paces = Paces(self.redis, config.queue, config.web_rate)

    @cached_property
    def engine(self) -> sa.Engine:
        return self.runtime.make_engine(pool_size=CONNECTIONS, max_overflow=0, options=_READ_ONLY)

    @cached_property
    def eye(self) -> Eye:
        """Sees photos to search by; torch is loaded for the first."""
        from workers.seeing import Eye

        return Eye(self.runtime)

    def close(self) -> None:
        """Give back what was opened."""
        self.engine.dispose()
        self.runtime.engine.dispose()
        self.redis.close()


def _names(text: str) -> list[str]:
    names = (name.strip().strip("[]").lower() for name in text.split(","))
    return [name for name in names if name]
