"""What people say of tags, on the pages: it is written down, it stays, and it can be taken back."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Shop
from tests.browser.looking import said, sku_with, tags_of


def test_a_tag_is_corrected_and_stays_so_after_reprocessing(page: Page, shop: Shop) -> None:
    sku = sku_with(shop, "Sandal")
    page.goto(f"/products/{sku}")
    page.locator('[data-tag="Sandal"] summary').click()
    expect(page.locator('[data-tag="Sandal"] .because')).to_contain_text("product-type@1")
    page.get_by_placeholder("It is rather …").first.fill("Sneaker")
    page.get_by_role("button", name="Relabel").first.click()
    expect(page.locator('[data-tag="Sandal"]')).to_contain_text("rejected")
    expect(page.locator('[data-tag="Sneaker"]')).to_contain_text("accepted")
    with shop.system.engine.begin() as connection:
        connection.exec_driver_sql(_ANEW)
    shop.system.drain()
    assert shop.system.value("SELECT count(*) FROM classifications") > 0  # seen anew
    assert "Sandal" not in tags_of(shop, sku)
    page.reload()
    expect(page.locator('[data-tag="Sandal"]')).to_contain_text("rejected")
    expect(page.locator('[data-tag="Sneaker"]')).to_contain_text("accepted")


def test_a_label_that_nobody_knows_is_refused_with_a_sentence(page: Page, shop: Shop) -> None:
    page.goto("/products/DEMO-0002")
    page.get_by_label("Add a tag").fill("Zeppelin")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#tags [role=alert]")).to_contain_text("Zeppelin")
    assert "Zeppelin" not in tags_of(shop, "DEMO-0002")


def test_the_review_goes_by_keys_and_takes_back(page: Page, shop: Shop) -> None:
    page.goto("/review")
    item = page.locator("[data-item]:visible")
    first = item.get_attribute("data-sku"), item.get_attribute("data-label")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press("a")
    assert (item.get_attribute("data-sku"), item.get_attribute("data-label")) != first
    assert said(shop, *first) is True
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press("u")
    assert said(shop, *first) is None
    expect(item).to_have_attribute("data-sku", str(first[0]))
    right = item.locator("[data-relabel]").nth(0).get_attribute("value")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press("1")
    assert said(shop, *first) is False
    assert said(shop, first[0], right) is True
    before = item.get_attribute("data-sku"), item.get_attribute("data-label")
    page.keyboard.press("s")
    assert (item.get_attribute("data-sku"), item.get_attribute("data-label")) != before
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_decision_that_does_not_arrive_comes_back(page: Page, shop: Shop) -> None:
    page.goto("/review")
    item = page.locator("[data-item]:visible")
    sku, label = item.get_attribute("data-sku"), item.get_attribute("data-label")
    page.route(
        "**/review", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    page.keyboard.press("r")
    expect(page.locator("#toast")).to_contain_text("nothing was written")
    expect(item).to_have_attribute("data-sku", str(sku))
    expect(page.locator("[data-count]")).to_contain_text("0 decided")
    assert said(shop, sku, label) is None


def test_many_are_decided_at_once_and_taken_back(page: Page, shop: Shop) -> None:
    page.goto("/review?mode=many")
    form = page.locator("[data-many]").first
    label = form.locator("input[name=label]").input_value()
    chosen = [str(box.input_value()) for box in form.locator("input[name=sku]").all()]
    form.get_by_role("button", name="Select all").click()
    expect(form.locator("[data-chosen]")).to_have_text(f"{len(chosen)} chosen")
    form.get_by_role("button", name=f"Accept {label}").click()
    expect(page.locator(".notice.good")).to_contain_text(f"{label} accepted")
    assert all(said(shop, sku, label) is True for sku in chosen)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".notice.good")).to_contain_text("as it was before")
    assert all(said(shop, sku, label) is None for sku in chosen)


_ANEW = """
    DELETE FROM classifications;
    UPDATE work_items SET state = 'pending', attempts = 0, published_at = NULL, finished_at = NULL
    WHERE model_version_id IN (SELECT id FROM model_versions WHERE name = 'product-type')
"""
