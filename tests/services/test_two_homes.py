"""Two homes whose services start at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workers.embedded import services


def test_two_homes_that_start_at_once_share_no_port(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "other"]
    try:
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(services.up, homes))
        ports = [{url.rsplit("@", 1)[-1] for url in (made.database_url, made.redis_url)} for made in found]
        assert ports[0].isdisjoint(ports[1])
        assert found[0].s3_endpoint != found[1].s3_endpoint
    finally:
        for home in homes:
            services.down(home)
