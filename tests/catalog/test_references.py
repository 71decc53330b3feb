"""What is kept of a photo reference: enough to know it by, and no secret."""

from __future__ import annotations

import pytest

from catalog.references import is_url, is_web, kept


@pytest.mark.parametrize(
    "reference",
    ["a.jpg", "photos/b?c.jpg", "/srv/x@2x.jpg", "s3://bucket/a?b.jpg", "C:\\x.jpg", "", "http:/x"],
)
def test_a_path_is_kept_as_it_is(reference: str) -> None:
    assert kept(reference) == reference
    assert not is_url(reference)


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("https://shop.example/a/b@2x.jpg", "https://shop.example/a/b@2x.jpg"),
        ("HTTPS://Shop.Example/A.jpg", "https://shop.example/A.jpg"),
        ("https://shop.example:8443/a.jpg#s3cret", "https://shop.example:8443/a.jpg"),
        ("https://s3cret@shop.example/a.jpg", "https://shop.example/a.jpg"),
        ("https://anna:s3cret@shop.example/a.jpg", "https://shop.example/a.jpg"),
        ("https://a@b:s3cret@shop.example/a.jpg", "https://shop.example/a.jpg"),
        ("https://anna:s3cret\\@shop.example/a.jpg", "https://…"),
        ("https://anna:s3cret/x@shop.example/a.jpg", "https://…"),
        ("https://[2606:4700::1111]:80/a.jpg", "https://[2606:4700::1111]:80/a.jpg"),
        ("ftp://anna:s3cret@shop.example/a.jpg", "ftp://shop.example/a.jpg"),
        ("data:image/png;base64,s3cret", "data:…"),
        ("https://shop.example/?", "https://shop.example/"),
    ],
)
def test_of_a_url_no_user_password_or_fragment_is_kept(url: str, stays: str) -> None:
    assert kept(url) == stays
    assert is_url(url)


def test_in_place_of_a_query_stands_its_hash() -> None:
    one, other = kept("https://shop.example/img?id=1"), kept("https://shop.example/img?id=2")
    assert one != other
    assert one == kept("https://shop.example/img?id=1#top")
    path, _, rest = one.partition("?…")
    assert (path, len(rest)) == ("https://shop.example/img", 16)
    assert rest.isalnum()


@pytest.mark.parametrize(
    ("monday", "tuesday", "same"),
    [
        ("id=1&X-Amz-Date=1&X-Amz-Signature=a", "id=1&X-Amz-Date=2&X-Amz-Signature=b", True),
        ("id=1&X-Amz-Date=1&X-Amz-Signature=a", "id=2&X-Amz-Date=1&X-Amz-Signature=a", False),
        ("X-Goog-Signature=a&X-Goog-Expires=5&v=1", "X-Goog-Signature=b&X-Goog-Expires=6&v=1", True),
        ("Expires=1&Signature=a&Key-Pair-Id=x", "Expires=2&Signature=b&Key-Pair-Id=y", True),
        ("sv=1&se=2&sig=a", "sv=1&se=3&sig=b", True),
        ("se=2", "se=3", False),  # what means something else where nothing is signed
        ("Expires=1", "Expires=2", False),
        ("size=1&sig=a", "size=2&sig=b", False),
        ("sp=1&sig=a", "sp=2&sig=a", False),  # Azure's always say their version, `sv`
    ],
)
def test_a_signature_makes_no_other_photo(monday: str, tuesday: str, same: bool) -> None:
    assert (kept(f"https://x.example/a?{monday}") == kept(f"https://x.example/a?{tuesday}")) is same


def test_which_references_are_fetched() -> None:
    assert is_web("http://x/")
    assert is_web("HTTPS://x/")
    assert not any(
        is_web(other) for other in ("ftp://x/", "s3://x/", "file:///x", "data:,x", "http:x", "x/http://y")
    )
