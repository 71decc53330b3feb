"""`tagmill search`: find products by words, by a photo or by a product; `tagmill search index` reads what is new."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typer.core import TyperGroup

from catalog import search as catalog_search
from catalog.errors import BadQuery
from catalog.search import Chosen, indexing, vector_indexes
from models.errors import PhotoError
from models.predictions import Box
from workers.cli.console import err, out, print_json, quiet
from workers.cli.found import show, show_facets
from workers.cli.options import JsonFlag
from workers.reading import meaning, read
from workers.runtime import Runtime
from workers.settings import settings

Values = list[str] | None
"""What a repeatable option gives."""
NO_MEANING = "by words alone: install tagmill[meaning], or set TAGMILL_TEXT_MODEL, to search by meaning"


class FindByDefault(TyperGroup):
    """`tagmill search WORDS` is `tagmill search find WORDS`, and the help shows the options of both."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        find = self.commands["find"]
        find.format_help(type(ctx)(find, info_name="find", parent=ctx), formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "--help"):
            args = ["find", *args]
        return super().parse_args(ctx, args)


search = typer.Typer(cls=FindByDefault, help="Find products by words, photo or product.")


def register(app: typer.Typer) -> None:
    app.add_typer(search, name="search")


@search.command()
def find(
    word: Annotated[
        list[str] | None, typer.Argument(metavar="WORDS", help="Words, or a sku; none: the newest products.")
    ] = None,
    category: Annotated[Values, typer.Option(help="Only of this category; repeatable, any of them.")] = None,
    tag: Annotated[Values, typer.Option(help="Only with this tag; repeatable.")] = None,
    brand: Annotated[Values, typer.Option(help="Only of this brand; repeatable.")] = None,
    colour: Annotated[
        Values, typer.Option(help="Only of this colour, as photos show it; repeatable.")
    ] = None,
    background: Annotated[Values, typer.Option(help="packshot or lifestyle.")] = None,
    price_from: Annotated[float | None, typer.Option(help="From this price on.")] = None,
    price_to: Annotated[float | None, typer.Option(help="Up to this price.")] = None,
    photo: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Look like this photo; no words then.")
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="L,T,R,B", help="Only this box of the photo, in its pixels.")
    ] = None,
    like: Annotated[str | None, typer.Option(metavar="SKU", help="Look like this product.")] = None,
    size: Annotated[int, typer.Option(help="Products a page.")] = 24,
    after: Annotated[str | None, typer.Option(help="The next page: what the last one ended with.")] = None,
    facets: Annotated[bool, typer.Option("--facets", help="Tell what else one may choose, too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Find products; `find` may be left out.

    Examples: tagmill search red trainers --brand Acme --price-to 80

    tagmill search --photo street.jpg --box 40,60,300,420
    """
    words = " ".join(word or ())
    if sum(map(bool, (words.strip(), photo, like))) > 1:
        raise BadQuery("words, --photo and --like are three ways to search; choose one of them")
    if box is not None and photo is None:
        raise BadQuery("--box is a part of a photo; name the photo with --photo")
    chosen = Chosen(
        categories=tuple(category or ()),
        tags=tuple(tag or ()),
        brands=tuple(brand or ()),
        colours=tuple(colour or ()),
        backgrounds=tuple(background or ()),
        price_from=_price(price_from),
        price_to=_price(price_to),
    )
    runtime = Runtime(settings())
    paging: dict[str, Any] = {"size": size, "after": after}
    seen = _seen(runtime, photo, box) if photo else None
    embedder = meaning(runtime.settings) if words.strip() else None
    with runtime.engine.connect() as connection:
        if seen is not None:
            page = catalog_search.near(connection, *seen, chosen, **paging)
        elif like is not None:
            page = catalog_search.similar(connection, like, chosen, **paging)
        else:
            page = catalog_search.find(connection, words, chosen, meaning=embedder, **paging)
        counted = catalog_search.facets(connection, words, chosen, meaning=embedder) if facets else None
        waiting = indexing.left(connection)
    if words.strip() and embedder is None:
        err.print(NO_MEANING, soft_wrap=True)
    if waiting:
        err.print(f"{waiting:,} texts are not read yet: workers do so, or tagmill search index")
    if as_json:
        print_json({"hits": page.hits, "after": page.after, **({"facets": counted} if facets else {})})
        return
    show(page, size, with_scores=bool(photo or like))
    show_facets(counted or ())


@search.command()
def index(
    again: Annotated[bool, typer.Option("--again", help="Read all products anew.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Read the texts that are new or changed, and make the indexes of vectors. Workers do so by themselves.

    Stopped, it goes on where it was; several may run at once.

    Example: tagmill search index
    """
    runtime = Runtime(settings())
    embedder = meaning(runtime.settings)
    with runtime.engine.connect() as connection:
        waiting = indexing.left(connection)
    done = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("texts", total=waiting or None)

        def progress(count: int) -> None:
            nonlocal done
            done += count
            bar.update(task, completed=done, total=max(done, waiting))

        here = read(runtime, embedder, again=again, on_progress=progress)
        made = vector_indexes.keep(
            runtime.engine,
            lambda one: bar.update(task, description=f"index {one.name}", total=None),
        )
    if not here:
        raise BadQuery(
            "texts were read with a text embedder, and this machine has none: install tagmill[meaning], or set "
            "TAGMILL_TEXT_MODEL"
        )
    if as_json:
        print_json(
            {"texts": done, "meaning": embedder and embedder.name, "indexes": [one.name for one in made]}
        )
        return
    out.print(f"{done:,} texts read" + ("" if embedder else f", {NO_MEANING}"), soft_wrap=True)
    for one in made:
        out.print(f"made {one.name}")


def _price(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _seen(runtime: Runtime, photo: Path, box: str | None) -> tuple[int, Any]:
    from workers.seeing import Seeing

    try:
        data = photo.read_bytes()
    except OSError as error:
        raise PhotoError(f"cannot read {photo}: {error.strerror}") from None
    with quiet():
        return Seeing(runtime).embed_photo(data, None if box is None else _box(box))


def _box(text: str) -> Box:
    try:
        left, top, right, bottom = (float(side) for side in text.split(","))
    except ValueError:
        raise BadQuery(
            f"--box {text!r} is no box: write left,top,right,bottom, such as 40,60,300,420"
        ) from None
    return Box(left, top, right, bottom)
