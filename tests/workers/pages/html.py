"""A page taken apart, as far as tests look at it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

EVIL = '<script>alert("x")</script>'
OURS = re.compile(r"data:image/(png|webp);base64,[A-Za-z0-9+/=]+")


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def of_class(self, name: str) -> int:
        return sum(name in (attributes.get("class") or "").split() for _, attributes in self.tags)


def assert_stands_alone(page: Page) -> None:
    """Nothing is fetched from elsewhere, and every picture is in it and has a text in its place."""
    assert "http:" not in page.source
    assert "https:" not in page.source
    assert not page.all("link")
    assert all("src" not in script for script in page.all("script"))
    for image in page.all("img"):
        assert OURS.fullmatch(image["src"] or "")
        assert "alt" in image
