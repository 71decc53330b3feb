"""How often somebody may ask: a bucket of tokens each, in Redis, so that one holds over all processes."""

from __future__ import annotations

import math
import time

import structlog
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()

BURST_SECONDS = 10.0  # so much of the rate may be spent at once: a page asks for much, then for nothing
LOOK_AGAIN = 5.0

# One step, by Redis' clock: https://redis.io/glossary/rate-limiting/. Returns milliseconds to wait, 0 for go on.
_TAKE = """
    local now = redis.call('TIME')
    now = now[1] + now[2] / 1000000
    local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
    local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
    local tokens = tonumber(held[1]) or burst
    local at = tonumber(held[2]) or now
    tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
    local wait = 0
    if tokens >= cost then tokens = tokens - cost else wait = math.ceil((cost - tokens) / rate * 1000) end
    redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
    redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
    return wait
"""


class Paces:
    """Takes tokens. While Redis is away nobody is held up: the catalog can be read without it."""

    def __init__(self, redis: Redis, prefix: str, rate: float) -> None:
        self._script = redis.register_script(_TAKE)
        self._prefix = prefix
        self._rate = rate
        self._away_until = 0.0

    def take(self, name: str, cost: float) -> int:
        """0, or the whole seconds after which `name` may ask again."""
        if time.monotonic() < self._away_until:
            return 0
        burst = max(self._rate * BURST_SECONDS, cost)
        try:
            wait = self._script(keys=[f"{self._prefix}:pace:{name}"], args=[self._rate, burst, cost])
        except RedisError as error:
            self._away_until = time.monotonic() + LOOK_AGAIN
            log.warning("Redis away; requests are not limited until it is back", error=str(error))
            return 0
        return math.ceil(int(wait) / 1000)
