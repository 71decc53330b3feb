"""Photos by URL: fetched politely, from the outside, within bounds.

with Fetcher(Rules(hosts=("shop.example", ".cdn.example")), max_bytes=50_000_000) as fetcher:
    data = fetcher.submit("https://shop.example/1.jpg", lambda data: data).result()
"""

from __future__ import annotations

from catalog.photo_urls.fetcher import Fetcher
from catalog.photo_urls.patience import Patience
from catalog.photo_urls.rules import CODES, Rules, host_list

__all__ = ["CODES", "Fetcher", "Patience", "Rules", "host_list"]
