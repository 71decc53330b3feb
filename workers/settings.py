"""All settings, in one place: `TAGMILL_*` variables first, then what `tagmill up` wrote, then the defaults."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from workers.written import listed, pairs, readable

if TYPE_CHECKING:
    from catalog.photo_urls import Rules


def home() -> Path:
    """The folder of the embedded services and of local caches: `$TAGMILL_HOME`, else `./.tagmill`."""
    return Path(os.environ.get("TAGMILL_HOME", ".tagmill")).absolute()


class Settings(BaseSettings):
    """What a Tagmill process needs to know. Every field is read from `TAGMILL_<NAME>`."""

    # An error must not show its input: that is every setting at once, passwords and all.
    model_config = SettingsConfigDict(env_prefix="TAGMILL_", extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr = Field(description="postgresql+psycopg2://user:password@host:port/database")
    redis_url: SecretStr = Field(description="redis://:password@host:port/0")
    s3_endpoint: str = Field(description="http://host:port of MinIO or any S3 server")
    s3_access_key: SecretStr
    s3_secret_key: SecretStr
    s3_bucket: str = "tagmill"

    message_key: SecretStr = Field(
        min_length=20, description="what messages in Redis are sealed with: the same for all processes"
    )
    queue: str = Field("tagmill", description="what the names of the queues in Redis begin with")
    chunk_size: int = Field(128, ge=1, le=4096, description="images a message")
    store_batch: int = Field(32, ge=1, le=1024, description="images a Postgres transaction")
    fetch_threads: int = Field(4, ge=1, le=128, description="threads that fetch and decode, a process")
    max_published: int = Field(200, ge=1, description="messages kept in Redis; the rest waits in Postgres")

    lease_seconds: float = Field(
        30.0, gt=0.5, description="a silent worker's items are taken back after this"
    )
    sweep_seconds: float = Field(10.0, gt=0.1, description="how often each worker host sweeps")
    stall_seconds: float = Field(
        120.0, gt=1, description="a worker process without progress for this long is killed and replaced"
    )
    max_attempts: int = Field(4, ge=2, le=20, description="claims of an item before it is quarantined")

    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine: Literal["auto", "int8", "fp32", "eager"] = Field(
        "auto",
        description="auto: compiled, half precision where answers stay alike; int8: that too; fp32; eager",
    )
    concurrency: int | None = Field(None, ge=1, description="processes; default: one a core, or one a GPU")
    max_memory_mb: int | None = Field(
        None, ge=100, description="a worker process that has grown beyond this is replaced after its chunk"
    )
    max_bytes: int = Field(50_000_000, ge=1, description="largest photo file")
    max_pixels: int = Field(64_000_000, ge=1, description="largest photo, width times height")
    decode_memory_mb: int = Field(
        500, ge=50, description="memory for decoding photos, a process; one that needs more is refused"
    )
    cache_dir: Path | None = Field(
        None, description="model weights and compiled networks; default: $TAGMILL_HOME/cache"
    )

    text_model: Path | None = Field(
        None, description="folder of a text embedder for search; default: that of tagmill[meaning]"
    )

    retrain_recipe: str | None = Field(
        None, description="recipe that `tagmill trainer` trains by, a .yaml file"
    )
    retrain_at: str | None = Field(None, description="when, as cron writes it, in UTC, such as 0 3 * * 0")

    reprocess_at: str | None = Field(
        None, description="when photos are run that lack what new photos get, as cron writes it, in UTC"
    )
    reprocess_hours: float = Field(
        6.0, gt=0, le=24, description="for so long at most; what is left then waits for the next time"
    )
    reprocess_pace: float | None = Field(None, gt=0, description="photos a second at most; default: no limit")
    reprocess_manifest: str | None = Field(
        None, description="taken in as well, so that photos that are new or changed are found"
    )
    collect_at: str | None = Field(
        None, description="when orphans and results of retired versions are removed"
    )
    keep_retired_days: float = Field(
        7.0, ge=0, description="how long results of a retired version stay: the way back"
    )
    keep_orphans_days: float = Field(
        30.0, ge=1, description="objects that no row names stay as long; as long as your oldest backup"
    )
    statistics_at: str | None = Field(
        None, description="when Postgres' statistics, and what shoppers take together, are refreshed"
    )

    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="where a worker host tells Prometheus of its processes"
    )
    metrics_address: str = Field("127.0.0.1", description="0.0.0.0 lets other machines ask")
    metrics_basic_auth: SecretStr | None = Field(
        None, description="user:password that Prometheus must send; needed beyond the loopback address"
    )

    webhook_hosts: str = Field(
        "", description="hosts within one's own network that webhooks may lead to, separated by commas"
    )
    url_hosts: str = Field(
        "", description="hosts that photos by URL may come from, separated by commas; default: any public one"
    )
    url_inside_hosts: str = Field(
        "", description="hosts within one's own network that photos may come from, separated by commas"
    )
    url_connections: int = Field(4, ge=1, le=64, description="connections to one host that photos come from")
    otel_endpoint: str | None = Field(
        None, description="http://host:port of an OpenTelemetry collector that is told of traces"
    )

    role_passwords: SecretStr | None = Field(
        None, description="PART:PASSWORD, separated by commas: roles that `tagmill migrate` makes"
    )
    api_keys: SecretStr | None = Field(
        None, description="who may use the API and the pages: NAME:ROLE:SHA256, separated by commas"
    )
    web_hosts: str = Field("", description="names under which the pages are reached, separated by commas")
    web_proxies: str = Field(
        "", description="addresses of reverse proxies that are believed, separated by commas"
    )
    web_rate: float = Field(20.0, gt=0, description="requests a second of one key, or of one address")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    flower_basic_auth: SecretStr | None = Field(None, description="user:password of Flower")

    @field_validator("database_url")
    @classmethod
    def _speaks_psycopg2(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("postgresql+psycopg2://"):
            raise ValueError("must start with postgresql+psycopg2://")
        return readable(value)

    @field_validator("redis_url")
    @classmethod
    def _speaks_redis(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError("must start with redis:// or rediss://")
        return readable(value)

    @field_validator("s3_endpoint", "otel_endpoint")
    @classmethod
    def _holds_no_secret(cls, value: str | None) -> str | None:
        if value and "@" in value:
            raise ValueError(
                "must hold no user name or password: it is shown, and has settings of its own for them"
            )
        return value

    @field_validator("otel_endpoint")
    @classmethod
    def _of_traces(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value and f"{value.rstrip('/').removesuffix('/v1/traces')}/v1/traces"

    @field_validator(
        "api_keys",
        "role_passwords",
        "metrics_basic_auth",
        "flower_basic_auth",
        "otel_endpoint",
        "text_model",
        "retrain_recipe",
        "retrain_at",
        "reprocess_at",
        "reprocess_pace",
        "reprocess_manifest",
        "collect_at",
        "statistics_at",
        mode="before",
    )
    @classmethod
    def _blank_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value  # as compose hands it on

    @field_validator("retrain_at", "reprocess_at", "collect_at", "statistics_at")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None:
            from workers.cron import parse  # Celery takes its time to load

            parse(value)
        return value

    @field_validator("url_hosts", "url_inside_hosts")
    @classmethod
    def _are_hosts(cls, value: str) -> str:
        if hosts := listed(value):
            from catalog.photo_urls import host_list  # takes its time to load

            host_list(hosts)
        return value

    @field_validator("api_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            from workers.web.keys import Keys

            if not Keys.parse(value.get_secret_value()):
                raise ValueError("there is no key in it; leave it unset where none is meant")
        return value

    @field_validator("metrics_basic_auth", "flower_basic_auth")
    @classmethod
    def _is_user_and_password(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not all(value.get_secret_value().partition(":")[::2]):
            raise ValueError("must be user:password")
        return value

    @field_validator("role_passwords")
    @classmethod
    def _are_parts(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            from catalog.parts import PARTS

            for part, password in pairs(value).items():
                if part not in PARTS or not password:
                    raise ValueError(
                        f"must be PART:PASSWORD, separated by commas; parts are {', '.join(PARTS)}"
                    )
        return value

    @property
    def passwords_of_parts(self) -> dict[str, str]:
        """Of `role_passwords`."""
        return pairs(self.role_passwords) if self.role_passwords else {}

    @property
    def schedules(self) -> dict[str, str]:
        """What is due at set times, and when, as cron writes it."""
        found = {
            "reprocess": self.reprocess_at,
            "collect": self.collect_at,
            "statistics": self.statistics_at,
            "retrain": self.retrain_at if self.retrain_recipe else None,
        }
        return {name: at for name, at in found.items() if at}

    @property
    def inside_hosts(self) -> frozenset[str]:
        """Of `webhook_hosts`, in lower case, IPv6 addresses without brackets."""
        from catalog.outward import host_name

        return frozenset(map(host_name, listed(self.webhook_hosts)))

    def url_rules(self, hosts: Sequence[str] = ()) -> Rules:
        """Where photos by URL may come from; `hosts`, if there are any, stand instead of `url_hosts`.

        Raises ValueError for what is no host.
        """
        from catalog.photo_urls import Rules, host_list

        return Rules(host_list(hosts or listed(self.url_hosts)), host_list(listed(self.url_inside_hosts)))

    @property
    def weights_cache(self) -> Path:
        return self.cache_dir or home() / "cache"


@cache
def settings() -> Settings:
    """The settings of this process, read once.

    Raises `pydantic.ValidationError` where the services are unknown: run `tagmill up` or set `TAGMILL_*`.
    """
    return Settings(_env_file=home() / "services.env")
