"""Pages from templates: text is escaped, a missing name is an error, the address of a file changes with it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse

from workers.pages.environment import environment
from workers.web.wording import FILTERS, GLOBALS

_HERE = Path(__file__).parent
STATIC = _HERE / "static"


class Templates:
    """The templates of `workers/web/templates`, read once."""

    def __init__(self, folder: Path = _HERE / "templates") -> None:
        self.environment = environment(folder, auto_reload=False)
        self.environment.filters.update(FILTERS)
        self.environment.globals.update(GLOBALS, asset=asset)

    def render(self, request: Request, template: str, status: int = 200, **names: object) -> HTMLResponse:
        """The answer that shows `template`; it knows `request` and `caller` besides `names`."""
        made = self.environment.get_template(template)
        caller = request.scope.get("caller")
        return HTMLResponse(made.render(request=request, caller=caller, **names), status)


@cache
def asset(name: str) -> str:
    """The address of a file in `static/`, with its hash."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"
