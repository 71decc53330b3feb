"""What tests of the pages look up: in the page, and in the catalog behind it."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.conftest import Shop


def skus(page: Page) -> list[str]:
    """Those of the tiles that are shown."""
    links = page.locator("#results .tile > a")
    return [str(link.get_attribute("href")).removeprefix("/products/") for link in links.all()]


def tags_of(shop: Shop, sku: str) -> set[str]:
    rows = shop.system.rows("SELECT DISTINCT label FROM product_tags WHERE sku = :sku", sku=sku)
    return {label for (label,) in rows}


def sku_with(shop: Shop, label: str) -> str:
    query = (
        "SELECT sku FROM product_tags WHERE label = :label AND origin = 'model' ORDER BY score DESC LIMIT 1"
    )
    return str(shop.system.value(query, label=label))


def said(shop: Shop, sku: str | None, label: str | None) -> bool | None:
    query = "SELECT accepted FROM product_overrides WHERE sku = :sku AND label = :label"
    found = shop.system.rows(query, sku=sku, label=label)
    return bool(found[0][0]) if found else None
