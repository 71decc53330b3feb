"""How pages are made from templates: text is escaped, a name that is missing is an error, `base.html.j2` is shared."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent


def environment(*folders: Path, auto_reload: bool = True) -> Environment:
    """For the templates in `folders`."""
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=auto_reload,
    )


def render(template: str, folder: Path = _HERE, **names: object) -> str:
    """The page of a template in `folder` as text."""
    templates = environment(folder, _HERE)
    templates.filters["count"] = "{:,}".format
    today = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    return templates.get_template(template).render(made=today, **names)
