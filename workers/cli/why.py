"""`tagmill why`: why a product has a label, or has it not."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from catalog import review
from workers.cli.console import out, print_json, table
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings


def register(app: typer.Typer) -> None:
    app.command()(why)


def why(
    sku: Annotated[str, typer.Argument(help="A product.")],
    label: Annotated[str, typer.Argument(help="A label, shown or not.")],
    as_json: JsonFlag = False,
) -> None:
    """Say why a product has a label, or has it not: photos, model, scores, cut-off, taxonomy and people's word.

    Example: tagmill why SKU-1 Dress
    """
    with Runtime(settings()).engine.connect() as connection:
        found = review.why(connection, sku, label)
    if as_json:
        print_json(found)
        return
    out.print(escape(found.sentence), soft_wrap=True)
    made = table("model", "#photo", "#position", "#score", "#cut-off", "object")
    for opinion in found.opinions:
        for photo in opinion.photos:
            numbers = (f"{photo.position}", f"{photo.score:.3f}", f"{opinion.threshold:.3f}")
            made.add_row(opinion.model, f"{photo.image_id}", *numbers, escape(photo.object_key))
    if made.row_count:
        out.print(made)
