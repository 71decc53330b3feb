"""Whether the services are there before pages are promised."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError

from catalog import migrate
from catalog.errors import CatalogError
from models.errors import first_line
from workers.embedded.errors import ServiceError
from workers.runtime import Runtime


class SchemaDiffers(CatalogError):
    """Run `tagmill migrate` with the release that serves."""


def check_services(runtime: Runtime) -> None:
    """Raises StoreError, ServiceError, SchemaDiffers or a database error, each with what to do."""
    there, ours = migrate.current(runtime.engine), migrate.head()
    if there != ours:
        raise SchemaDiffers(
            f"the database is at schema {there}, this release at {ours}: run `tagmill migrate`"
        )
    runtime.store.exists("models/none")
    redis = Redis.from_url(runtime.settings.redis_url.get_secret_value(), socket_connect_timeout=5)
    try:
        redis.ping()
    except RedisError as error:
        raise ServiceError(
            f"Redis does not answer: {first_line(error)}. Run `tagmill up`, or check TAGMILL_REDIS_URL."
        ) from None
    finally:
        redis.close()
