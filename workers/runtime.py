"""What a process needs to work, wired together from the settings; nothing is opened before it is asked for."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

import sqlalchemy as sa

from catalog.arrays import as_literals
from catalog.asset_store import AssetStore, S3AssetStore
from catalog.ledger import Ledger
from models.photo import Limits
from workers.settings import Settings

# An ingest reads and uploads with up to 64 threads each. Connections are made as they are needed, then kept.
STORE_THREADS = 128
# A store that hangs is given up, all tries together, before the watchdog gives up the process that waits for it.
MIN_TIMEOUT = 2.0

# A database host that vanishes without a word is given up after about a minute, not after the kernel's two hours.
_NOTICE_A_DEAD_SERVER = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# Compiling them takes longer than they do.
_SHORT_QUERIES = "-c jit=off "
# And so does the server with us. A process that freezes in mid-transaction must not keep its locks: no sweep could run.
_NOTICE_A_DEAD_CLIENT = (
    "-c idle_in_transaction_session_timeout=15s "
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=60s"
)


class Runtime:
    """One a process, made after the fork: sockets and device contexts must not be shared with a parent."""

    def __init__(self, config: Settings) -> None:
        self.settings = config

    @cached_property
    def engine(self) -> sa.Engine:
        return self.make_engine(pool_size=4, max_overflow=10)

    def make_engine(self, *, pool_size: int, max_overflow: int, options: str = "") -> sa.Engine:
        """A pool of connections of its own; `options` as Postgres takes them at a connection's start."""
        engine = sa.create_engine(
            self.settings.database_url.get_secret_value(),
            pool_pre_ping=True,
            hide_parameters=True,  # an error tells its statement; in the values are secrets of webhooks
            isolation_level="READ COMMITTED",  # the ledger's statements count on it, whatever the server's default
            pool_size=pool_size,
            max_overflow=max_overflow,
            connect_args={
                "connect_timeout": 10,
                "application_name": "tagmill",
                "options": f"{options}{_SHORT_QUERIES}{_NOTICE_A_DEAD_CLIENT}",
                **_NOTICE_A_DEAD_SERVER,
            },
        )
        return as_literals(engine)

    @cached_property
    def store(self) -> AssetStore:
        config = self.settings
        return S3AssetStore.connect(
            config.s3_endpoint,
            config.s3_access_key.get_secret_value(),
            config.s3_secret_key.get_secret_value(),
            config.s3_bucket,
            threads=STORE_THREADS,
            read_timeout=max(MIN_TIMEOUT, config.stall_seconds / 12),
            get_timeout=max(MIN_TIMEOUT, config.stall_seconds / 3),
        )

    @cached_property
    def ledger(self) -> Ledger:
        config = self.settings
        return Ledger(
            self.engine,
            lease=timedelta(seconds=config.lease_seconds),
            max_attempts=config.max_attempts,
            chunk_size=config.chunk_size,
        )

    @property
    def limits(self) -> Limits:
        config = self.settings
        return Limits(config.max_bytes, config.max_pixels, config.decode_memory_mb * 1_000_000)
