"""Redis: version, eviction, persistence, memory, and what came through it that was not ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redis import Redis

from catalog import refused
from workers.doctor.finding import Finding, judge
from workers.runtime import Runtime


def check(runtime: Runtime) -> Iterator[Finding]:
    url = runtime.settings.redis_url.get_secret_value()
    with Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, decode_responses=True) as client:
        info: dict[str, Any] = dict(client.info())
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    yield judge(
        "redis_version",
        version >= (6, 2),
        f"Redis {info['redis_version']}",
        "Use Redis 6.2 or newer.",
        "fail",
    )
    yield judge(
        "redis_eviction",
        info.get("maxmemory_policy") == "noeviction",
        f"maxmemory-policy is {info.get('maxmemory_policy')}",
        "Set maxmemory-policy noeviction: evicted messages come back, but late.",
    )
    yield judge(
        "redis_persistence",
        bool(info.get("aof_enabled")),
        "the append-only file is on" if info.get("aof_enabled") else "the append-only file is off",
        "Set appendonly yes: without it each restart costs the sweep that fills the queue again.",
    )
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    yield judge(
        "redis_memory",
        not most or used < 0.85 * most,
        f"{used // 2**20} MB used" + (f" of {most // 2**20} MB" if most else ""),
        "Raise maxmemory: beyond it nothing is published.",
    )


def check_messages(runtime: Runtime) -> Iterator[Finding]:
    """Messages that were refused within a day, by code."""
    with runtime.engine.connect() as connection:
        found = refused.of_late(connection)
    if not found:
        yield Finding("refused_messages", "ok", "no message was refused within a day")
    for one in found:
        because = f": {one.reason}" if one.reason else ""
        sentence = (
            f"at least {one.messages} messages were refused within a day as {one.code}{because}; "
            f"the newest, in {one.queue}, begins {one.beginning[:60]}"
        )
        yield Finding("refused_messages", "warn", sentence, _REMEDIES[one.code])


_RELEASES = (
    "Let all hosts run one release; the sweep publishes the work again. `refused_messages` has the newest."
)
_REMEDIES = {
    "not_sealed": "Give all processes one TAGMILL_MESSAGE_KEY; if they have it, somebody else writes to Redis: "
    "change its password.",
    "too_long": "Somebody else writes to Redis: change its password.",
    "unknown_task": _RELEASES,
    "malformed": _RELEASES,
}
