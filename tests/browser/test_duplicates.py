"""Near-duplicates are decided with keys, and taken back."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Shop


def verdicts(shop: Shop) -> list[str | None]:
    rows = shop.system.rows("SELECT verdict FROM near_duplicates ORDER BY image_id")
    return [verdict for (verdict,) in rows]


def test_groups_are_decided_with_keys(page: Page, shop: Shop) -> None:
    with shop.system.engine.begin() as connection:
        connection.exec_driver_sql(_TWO_PAIRS)
    page.goto("/review")
    page.get_by_role("link", name="Near-duplicates").click()
    expect(page.get_by_role("link", name="Review", exact=True)).to_have_attribute("aria-current", "page")
    item = page.locator("[data-item]:visible")
    expect(item.locator(".mat img")).to_have_count(2)
    expect(item.get_by_role("link").first).to_contain_text("DEMO-")
    page.keyboard.press("a")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="All looked at")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_have_text("Taken back.")
    assert verdicts(shop) == ["accepted", None]
    page.reload()
    expect(page.locator("[data-item]")).to_have_count(1)


_TWO_PAIRS = """
    DELETE FROM near_duplicates;
    INSERT INTO near_duplicates (image_id, other_id, group_id, distance, similarity)
    SELECT id, next, id, 2, 0.97 FROM (
        SELECT id, lead(id) OVER (ORDER BY id) AS next, row_number() OVER (ORDER BY id) AS n FROM images) photos
    WHERE n IN (1, 3)
"""
