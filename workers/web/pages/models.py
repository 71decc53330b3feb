"""Model versions, and what would change if another one served."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from catalog import versions
from catalog.diff_examples import Example, Said
from catalog.errors import NotComparable, UnknownModel
from catalog.filters import Filter
from catalog.neighbours import NeighbourDiff
from catalog.showing import Box
from catalog.versions import Version
from workers.pages.diff import Compared, compare, told
from workers.pages.diff_tiles import lines
from workers.web.deps import Here, Plain, Reading
from workers.web.pages.drawing import Drawing

router = APIRouter()

EXAMPLES = 24
ROWS = 8
Key = Annotated[Plain, Query(max_length=220)]


@router.get("/models")
def models(request: Request, web: Here, connection: Reading) -> Response:
    """All registered versions."""
    return web.templates.render(request, "models.html.j2", **_offered(versions.every(connection)))


@router.get("/models/diff")
def diff(request: Request, web: Here, connection: Reading, old: Key = "", new: Key = "") -> Response:
    """`old` against `new`, each NAME@VERSION or the NAME whose serving version is meant. Both are chosen at /models."""
    if not old and not new:
        return RedirectResponse("/models", 303)
    if not web.comparing.acquire(blocking=False):  # they take long, and the connections of all others
        raise HTTPException(503, "other versions are being compared; try again soon", {"retry-after": "5"})
    try:
        compared = compare(connection, (old, new), Filter(), EXAMPLES)
    except (NotComparable, UnknownModel) as error:
        status = 404 if isinstance(error, UnknownModel) else 409
        names = {**_offered(versions.every(connection)), "old": old, "new": new, "trouble": str(error)}
        return web.templates.render(request, "diff.html.j2", status, **names)
    finally:
        web.comparing.release()
    pair = compared.pair
    return web.templates.render(
        request,
        "diff.html.j2",
        trouble="",
        old=pair.old.key,
        new=pair.new.key,
        pair=pair,
        photos=compared.photos,
        found=compared.found,
        rows=ROWS,
        **_details(compared),
    )


def _offered(every: list[Version]) -> dict[str, Any]:
    """All versions, which serve, and those with another to compare with, two of them chosen.

    Those two are what serves, and the newest beside it.
    """
    serving = {one.name: one.key for one in every if one.state == "serving"}
    several = Counter(one.name for one in every)
    comparable = [one for one in every if several[one.name] > 1]
    others = [one for one in comparable if one.state != "serving" and one.name in serving]
    old, new = (serving[others[-1].name], others[-1].key) if others else ("", "")
    return {"versions": every, "serving": serving, "comparable": comparable, "old": old, "new": new}


def _details(compared: Compared) -> dict[str, Any]:
    found = compared.found
    if isinstance(found, NeighbourDiff):
        return {"neighbours": True, "strips": found.examples}
    return {
        "neighbours": False,
        "flows": [(told(flow), flow) for flow in found.flows],
        "tiles": [_tile(compared, example) for example in compared.examples],
    }


def _tile(compared: Compared, example: Example) -> dict[str, Any]:
    pair = compared.pair
    said = ((pair.old.key, example.before), (pair.new.key, example.after))
    return {
        "example": example,
        "lines": lines(example, pair.old.task),
        "frames": [_frame(example, key, found) for key, found in said],
    }


def _frame(example: Example, key: str, said: list[Said]) -> Drawing:
    boxes = tuple(
        Box(key, one.label, one.score, one.box.left, one.box.top, one.box.right, one.box.bottom)
        for one in said
        if one.box
    )
    masks = (key,) if any(one.mask_key for one in said) else ()
    alt = f"{example.sku} as {key} sees it"
    return Drawing(example.image_id, example.width, example.height, alt, boxes, masks, ())
