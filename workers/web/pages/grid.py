"""The grid: products by words, by a photo, like another product, or all; with facets, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, File, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from catalog import search
from catalog.errors import BadCursor, BadQuery, UnknownModel, UnknownSku
from catalog.search.hits import Facet, Page
from models.errors import PhotoError
from models.facts.palette import PALETTE
from workers.web.deps import Here, Reader
from workers.web.pages.asked import FACETS, PRICES, Asked, asked
from workers.web.pages.by_photo import Seen, looked_at, take
from workers.web.problems import wants_page
from workers.web.state import Web

router = APIRouter()

SIZE = 24
UNFOLDED = 10
"""Values of a facet that are shown at once."""
_NAMES: Final = {of: name for name, of in FACETS.items()}
_TITLES: Final = {
    "categories": "Category",
    "tags": "Tag",
    "brands": "Brand",
    "colours": "Colour",
    "backgrounds": "Background",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """Something that is chosen, and the address without it."""

    text: str
    without: str


@router.get("/")
def grid(request: Request, web: Here, what: Annotated[Asked, Depends(asked)]) -> Response:
    """A page of products; for htmx that asks for more, tiles alone."""
    return _shown(request, web, what)


@router.post("/by-photo")
def by_photo(request: Request, web: Here, caller: Reader, file: Annotated[UploadFile, File()]) -> Response:
    """Lead to what looks like a photo; what is none is said beside all products. Raises PhotoError for programs."""
    try:
        token = take(web, caller, file.file.read())
    except PhotoError as error:
        if not wants_page(request):
            raise
        return _shown(request, web, Asked(trouble=f"this photo cannot be searched by: {error.sentence}"))
    return RedirectResponse(f"/?photo={token}", 303)


def _shown(request: Request, web: Web, what: Asked) -> Response:
    query, trouble, page = None, what.trouble, Page((), None)
    facets: tuple[Facet, ...] = ()
    more = what.after is not None and "hx-request" in request.headers
    try:
        query = looked_at(web, what.photo) if what.photo else None
        seen = query.embedded(web, what.box) if query else None
        with web.engine.connect() as connection:  # not before: the photo is looked at behind others
            page = _found(web, connection, what, seen)
            facets = () if more else search.facets(connection, what.words, what.chosen, meaning=web.meaning)
    except (BadQuery, BadCursor, UnknownSku, UnknownModel, PhotoError) as error:
        trouble = error.sentence if isinstance(error, PhotoError) else str(error)
    if more and not trouble:
        return web.templates.render(request, "tiles.html.j2", asked=what, page=page)
    return web.templates.render(
        request,
        "grid.html.j2",
        422 if trouble else 200,
        asked=what,
        page=page,
        query=query,
        trouble=trouble and trouble[:1].upper() + trouble[1:],
        facets=[_facet(facet, what) for facet in facets if facet.name in _TITLES],
        prices={facet.name: facet.values[0].value for facet in facets if facet.name in PRICES},
        unfolded=UNFOLDED,
        chips=list(_chips(what)),
        heading=_heading(what),
        nothing_at_all=not what.pairs() and not trouble and not page.hits,
    )


def _found(web: Web, connection: sa.Connection, what: Asked, seen: Seen | None) -> Page:
    if seen is not None:
        return search.near(connection, *seen, what.chosen, size=SIZE, after=what.after)
    if what.like:
        return search.similar(connection, what.like, what.chosen, size=SIZE, after=what.after)
    return search.find(connection, what.words, what.chosen, meaning=web.meaning, size=SIZE, after=what.after)


def _facet(facet: Facet, what: Asked) -> dict[str, Any]:
    return {"title": _TITLES[facet.name], "complete": facet.complete, "values": list(_values(facet, what))}


def _values(facet: Facet, what: Asked) -> Iterator[dict[str, Any]]:
    for one in facet.values:
        yield {
            "text": one.value,
            "count": one.count,
            "chosen": one.chosen,
            "url": what.toggled(_NAMES[facet.name], one.value).url,
            "hex": PALETTE.get(one.value, ("",))[0] if facet.name == "colours" else "",
        }


def _chips(what: Asked) -> Iterator[Chip]:
    for name, value in what.chosen_pairs():
        if name in PRICES:
            yield Chip(f"{'from' if name == 'price_from' else 'up to'} {value}", what.without_price(name).url)
        else:
            yield Chip(value, what.toggled(name, value).url)


def _heading(what: Asked) -> str:
    if what.photo:
        return "What looks like it"
    if what.like:
        return f"Like {what.like}"
    return f"“{what.words}”" if what.words else "All products"
