"""The page stands alone, escapes what it is given, and marks what is wrong."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from catalog.asset_store import MemoryAssetStore
from models.predictions import Box, Detection, Score
from workers.demo.answers import Answers, Shelf
from workers.demo.contact_sheet import Alike, Material, render
from workers.demo.figures import Figures, Masks
from workers.demo.questions import Answered, Question
from workers.demo.score import MaskOverlap
from workers.demo.seen import Seen

EVIL = '<script>alert("x")</script>'
OVERLAP = MaskOverlap(0.9, 0.8)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def picture(size: tuple[int, int], format: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 120, 40)).save(buffer, format=format)
    return buffer.getvalue()


@pytest.fixture
def page() -> Page:
    store = MemoryAssetStore("test")
    store.ensure_bucket()
    store.put("images/small.png", picture((28, 28), "PNG"), "image/png")
    store.put("images/large.jpg", picture((900, 600), "JPEG"), "image/jpeg")
    small = Seen(1, "a", "images/small.png", 28, 28, "S-1", EVIL, EVIL, tag=Score("Shirt", 0.7))
    shelf = Seen(2, "b", "images/large.jpg", 900, 600, "S-2", "Display", "Hollin")
    shelf.shown = [
        Detection("Bag", 0.9, Box(0, 0, 300, 300)),
        Detection("Coat", 0.6, Box(700, 300, 900, 600)),
    ]
    mask = np.zeros((600, 900), np.bool_)
    mask[:300, :300] = True
    answers = Answers(
        {"a": "Coat"},
        {"a": "S-1"},
        {"b": Shelf("S-2", np.array([[0, 0, 300, 300]], np.float32), ("Bag",), mask)},
    )
    material = Material(
        answers,
        {"a": small, "b": shelf},
        [(shelf, mask)],
        [Masks(shelf, mask, mask, OVERLAP, OVERLAP)],
        [Alike(small, ((shelf, 0.91),))],
        Figures(1, 0.0, {"Coat": 0.0}, 1, None, OVERLAP, 1, OVERLAP, OVERLAP),
        None,
        1.5,
        ("product-type@1",),
        [Answered(Question("1", EVIL, f"SELECT {EVIL}"), ("a_column", "n"), ((EVIL, 3), (None, 4)))],
    )
    return Page(render(material, store))


def test_nothing_is_fetched_from_elsewhere(page: Page) -> None:
    sources = [image["src"] or "" for image in page.all("img")]
    assert sources
    assert all(re.match(r"data:image/(png|webp);base64,[A-Za-z0-9+/=]+$", source) for source in sources)
    assert not page.all("link")
    assert not page.all("script")


def test_text_is_escaped(page: Page) -> None:
    assert any(EVIL in (image["alt"] or "") for image in page.all("img"))
    assert not page.all("script")


def test_every_picture_has_an_alternative(page: Page) -> None:
    assert all("alt" in image for image in page.all("img"))


def test_boxes_are_in_photo_pixels_and_a_wrong_one_is_dashed(page: Page) -> None:
    assert page.all("svg")[0]["viewbox"] == "0 0 900 600"
    boxes = [rect for rect in page.all("rect") if (rect["class"] or "").startswith("box")]
    assert [(box["class"], box["x"], box["width"]) for box in boxes] == [
        ("box", "0.0", "300.0"),
        ("box off", "700.0", "200.0"),
    ]


def test_a_wrong_tag_is_marked(page: Page) -> None:
    assert page.all("li")[0]["class"] == "tile bad"
