"""What people do on the pages, done by a browser: nothing is done to the pages behind its back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints, Shop
from tests.browser.looking import said, skus, tags_of

ACCESSIBLE = (Path(__file__).parent / "accessible.js").read_text()
EVERY_PAGE = (
    "/",
    "/?q=bag",
    "/?tag=Bag&brand=Nobody",
    "/products/DEMO-0001",
    "/products/DEMO-SHELF-003",
    "/review",
    "/review?mode=many",
    "/review?kind=mismatch",
    "/duplicates",
    "/jobs",
    "/jobs/1",
    "/failures",
    "/models",
)


def test_search_by_words_and_a_facet_and_the_address_says_it(page: Page, shop: Shop) -> None:
    page.goto("/")
    page.get_by_label("Search products").fill("bag")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?q=bag"))
    found = skus(page)
    assert found
    assert all("Bag" in tags_of(shop, sku) for sku in found[:3])
    brand = page.locator(".facet", has_text="Brand").locator("li a").first
    name = brand.locator(".name").inner_text()
    count = int(brand.locator(".count").inner_text())
    brand.click()
    expect(page.locator(".chip.on")).to_contain_text(name)
    assert len(skus(page)) == count
    page.reload()
    assert len(skus(page)) == count
    page.locator(".chip.on").click()
    expect(page.locator(".chip.on")).to_have_count(0)
    assert skus(page) == found


def test_more_products_come_by_scrolling_each_once(page: Page) -> None:
    page.goto("/")
    assert len(skus(page)) == 24
    page.locator(".more a").scroll_into_view_if_needed()
    expect(page.locator("#results .tile")).not_to_have_count(24)
    page.wait_for_load_state("networkidle")
    found = skus(page)
    assert len(set(found)) == len(found) > 24


def test_search_by_a_photo_and_by_a_box_within(page: Page, shop: Shop) -> None:
    page.goto("/")
    shelf = next((shop.folder / "catalog" / "shelves").glob("DEMO-SHELF-001*"))
    with page.expect_navigation():
        page.locator("[data-photo]").set_input_files(shelf)
    assert skus(page)[0] == "DEMO-SHELF-001"  # that very photo
    area = page.locator("[data-drawable]")
    size = area.bounding_box()
    assert size is not None
    page.mouse.move(size["x"] + 10, size["y"] + 10)
    page.mouse.down()
    page.mouse.move(size["x"] + size["width"] / 2, size["y"] + size["height"] / 2, steps=4)
    with page.expect_navigation():
        page.mouse.up()
    assert re.search(r"left=\d+&top=\d+&right=\d+&bottom=\d+", page.url)
    assert skus(page)
    expect(page.get_by_role("heading", name="Searching by a box of this photo")).to_be_visible()


def test_boxes_and_masks_lie_where_models_said(page: Page, shop: Shop) -> None:
    sku, image = shop.system.rows(
        "SELECT sku, image_id FROM product_detections GROUP BY 1, 2 ORDER BY count(*) DESC, 1 LIMIT 1"
    )[0]
    boxes = shop.system.rows(
        'SELECT "left", top, "right", bottom FROM product_detections WHERE image_id = :image', image=image
    )
    width = shop.system.value("SELECT width FROM images WHERE id = :image", image=image)
    page.goto(f"/products/{sku}?photo={image}")
    photo = page.locator("[data-photo-image]").bounding_box()
    assert photo is not None
    scale = photo["width"] / width
    lines = page.locator(".found-box rect.line")
    expect(lines).to_have_count(len(boxes))
    drawn = sorted(
        round((box["x"] - photo["x"]) / scale) for box in (line.bounding_box() for line in lines.all()) if box
    )
    assert all(abs(a - b) <= 3 for a, b in zip(drawn, sorted(left for left, *_ in boxes), strict=True))
    expect(page.locator(".mask").first).to_be_hidden()  # the photo is clean at first
    page.get_by_role("checkbox", name="Mask").check()
    expect(page.locator(".mask").first).to_be_visible()
    assert painted(page) > 0.01
    page.get_by_role("checkbox", name="Boxes").uncheck()
    expect(lines.first).to_be_hidden()
    page.get_by_role("link", name="Cut-out").click()
    expect(page.locator(".photo.cut img")).to_be_visible()


def painted(page: Page) -> float:
    """Share of the mask's pixels that show something."""
    return float(
        page.locator(".mask").first.evaluate(
            """async (image) => {
                await image.decode();
                const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext("2d");
                canvas.drawImage(image, 0, 0);
                const { data } = canvas.getImageData(0, 0, image.naturalWidth, image.naturalHeight);
                return data.filter((value, index) => index % 4 === 3 && value > 0).length / (data.length / 4);
            }"""
        )
    )


def test_a_job_is_watched_until_it_is_over(page: Page, shop: Shop) -> None:
    shop.system.run("process", "product-cutout", "--limit", "6")
    job = shop.system.value("SELECT max(id) FROM jobs")
    page.goto(f"/jobs/{job}")
    expect(page.locator(".job-head")).to_contain_text("running")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".job-head")).to_contain_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".job-head")).to_contain_text("running")
    shop.system.drain()
    expect(page.locator(".job-head")).to_contain_text("finished")  # it was not loaded again
    expect(page.locator(".outcome")).to_contain_text("6 of 6 items are done")
    assert page.locator("#job").get_attribute("hx-get") is None  # and asks no more
    page.goto("/jobs")
    expect(page.locator("tbody tr").first).to_contain_text("finished")


def test_a_broken_photo_is_said_beside_the_products(page: Page, complaints: Complaints) -> None:
    complaints.expected.add(422)
    page.goto("/")
    with page.expect_navigation():
        page.locator("[data-photo]").set_input_files(
            {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}
        )
    expect(page.get_by_role("alert")).to_contain_text("cannot be searched by")
    assert skus(page)


def test_a_search_that_finds_nothing_keeps_its_filters_at_hand(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/?tag=Bag&brand=Nobody")
    expect(page.get_by_text("Filters · 2")).to_be_visible()
    results = page.locator("#results").bounding_box()
    assert results is not None
    assert results["width"] > 300


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_by_everybody(browser: Browser, shop: Shop, scheme: str) -> None:
    for width in (1440, 390):
        context = browser.new_context(
            base_url=shop.url,
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 844},
        )
        page = context.new_page()
        for path in EVERY_PAGE:
            page.goto(path)
            assert page.evaluate(ACCESSIBLE) == [], path
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{path} is {wide} pixels wide"
        context.close()


def test_the_scheme_is_chosen_and_remembered(page: Page) -> None:
    page.goto("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.goto("/jobs")
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nowhere", 404, "nothing here"),
        ("/products/none", 404, "none"),
        ("/jobs/99999", 404, "no job 99999"),
        ("/jobs/abc", 404, "nothing here"),
        ("/products/DEMO-0001?photo=abc", 422, "must be a whole number"),
        ("/?price_from=cheap", 422, "must be a number"),
        ("/?photo=gone", 422, "choose it again"),
        ("/?after=zzz", 422, ""),
        ("/models/diff?old=none&new=none", 404, "no model"),
    ],
)
def test_what_cannot_be_shown_is_said(
    page: Page, complaints: Complaints, path: str, status: int, says: str
) -> None:
    complaints.expected.add(status)
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == status
    expect(page.locator("main")).to_contain_text(says)


def test_without_scripts_it_is_searched_and_decided_all_the_same(browser: Browser, shop: Shop) -> None:
    context = browser.new_context(base_url=shop.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/?q=trouser")
    page.locator(".facet li a").first.click()
    assert skus(page)
    page.goto("/")
    page.locator(".more a").click()
    assert skus(page)
    page.goto("/products/DEMO-0003")
    page.get_by_label("Add a tag").fill("Coat")
    page.get_by_role("button", name="Add", exact=True).click()
    assert said(shop, "DEMO-0003", "Coat") is True
    context.close()
