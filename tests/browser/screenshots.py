"""Pictures of the pages for docs/pages.md, of the catalog that the settings lead to (`tagmill demo` makes one).

    python -m tests.browser.screenshots

Each page light and dark, on a desktop and on a phone, beside each other in one WebP.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from catalog import near_duplicates
from catalog.search import Chosen
from catalog.search import find as find_products
from tests.browser.chromium import launch
from tests.browser.serving import serving
from workers.runtime import Runtime
from workers.settings import settings

PLACE = Path(__file__).parents[2] / "docs" / "pages"
SIZES = ((1440, 900), (390, 844))
HEIGHT, GAP = 720, 12
SETTLED = 500
"""Milliseconds until what fades in is there."""
GROUND = (128, 128, 132)


def pages(connection: sa.Connection) -> dict[str, tuple[str, Callable[[Page], None]]]:
    """By name the address, and what is done there before the picture is taken."""
    detected = "SELECT sku, image_id FROM product_detections GROUP BY 1, 2 ORDER BY count(*) DESC, 1 LIMIT 1"
    shelf, photo = connection.execute(sa.text(detected)).one()
    old, new = connection.execute(sa.text(_TWINS)).one()
    bag = find_products(connection, "bag", Chosen(tags=("Bag",)), size=1).hits[0].sku
    return {
        "grid": ("/", _nothing),
        "search": ("/?q=sneakers&tag=Sneaker", _nothing),
        "boxes": (f"/products/{shelf}?photo={photo}", _names),
        "product": (f"/products/{bag}", _why),
        "review": ("/review", _nothing),
        "review-many": ("/review?mode=many", _some),
        "duplicates": ("/duplicates", _nothing),
        "jobs": ("/jobs", _nothing),
        "job": ("/jobs/1", _nothing),
        "failures": ("/failures", _nothing),
        "models": ("/models", _nothing),
        "diff": (f"/models/diff?old={old}&new={new}", _tiles),
    }


def main() -> None:
    runtime = Runtime(settings())
    near_duplicates.find(runtime.engine)
    with runtime.engine.connect() as connection:
        wanted = pages(connection)
    PLACE.mkdir(parents=True, exist_ok=True)
    chosen = sys.argv[1:] or list(wanted)
    with serving(runtime) as url, sync_playwright() as playwright:
        browser = launch(playwright)
        for name in chosen:
            taken = [
                _take(browser, url, scheme, size, *wanted[name])
                for scheme in ("light", "dark")
                for size in SIZES
            ]
            _beside(taken).save(PLACE / f"{name}.webp", quality=82, method=6)
            print(PLACE / f"{name}.webp")
        browser.close()


def _take(
    browser: Browser, url: str, scheme: str, size: tuple[int, int], path: str, act: Callable[[Page], None]
) -> Image.Image:
    width, height = size
    context = browser.new_context(
        base_url=url,
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": height},
        is_mobile=width < 600,
        has_touch=width < 600,
    )
    page = context.new_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    act(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLED)
    taken = Image.open(BytesIO(page.screenshot())).convert("RGB")
    context.close()
    return taken.resize((round(taken.width * HEIGHT / taken.height), HEIGHT), Image.Resampling.LANCZOS)


def _beside(pictures: list[Image.Image]) -> Image.Image:
    """Two rows: light above dark."""
    half = len(pictures) // 2
    width = sum(one.width for one in pictures[:half]) + GAP * (half - 1)
    made = Image.new("RGB", (width, 2 * HEIGHT + GAP), GROUND)
    for number, one in enumerate(pictures):
        row, place = divmod(number, half)
        left = sum(before.width + GAP for before in pictures[row * half : row * half + place])
        made.paste(one, (left, row * (HEIGHT + GAP)))
    return made


def _nothing(_: Page) -> None:
    pass


def _tiles(page: Page) -> None:
    """The pictures, below the figures."""
    page.evaluate("document.querySelector('.pairs')?.closest('section').scrollIntoView()")


def _names(page: Page) -> None:
    page.locator("[data-labels]").check()


def _why(page: Page) -> None:
    page.locator("#tags summary").first.click()


def _some(page: Page) -> None:
    for box in page.locator("[data-many] input[name=sku]").all()[:5]:
        box.check()


# A candidate beside what serves; without one, two that find masks.
_TWINS = """
    SELECT name || '@' || min(version), name || '@' || max(version) FROM model_versions
    WHERE state <> 'retired' GROUP BY name HAVING count(*) > 1
    UNION ALL SELECT 'product-mask', 'product-cutout' LIMIT 1
"""


if __name__ == "__main__":
    main()
