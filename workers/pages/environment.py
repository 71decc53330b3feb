"""How pages are made from templates: text is escaped, a name that is missing is an error, `base.html.j2` is shared."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent


def render(template: str, folder: Path = _HERE, **names: object) -> str:
    """The page of a template in `folder` as text."""
    environment = Environment(
        loader=FileSystemLoader((folder, _HERE)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = "{:,}".format
    today = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    return environment.get_template(template).render(made=today, **names)
