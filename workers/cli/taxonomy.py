"""`tagmill taxonomy load|show|dump`: which of the shop's categories a model's label is."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog.errors import TaxonomyError
from catalog.review import taxonomy as rules
from catalog.review import taxonomy_file
from models.files import open_regular
from workers.cli.console import out, print_json, table
from workers.cli.files import replacing
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

taxonomy = typer.Typer(
    no_args_is_help=True, help="Load, show and dump the taxonomy: models' labels as categories of the shop."
)


def register(app: typer.Typer) -> None:
    app.add_typer(taxonomy, name="taxonomy")


@taxonomy.command()
def load(
    file: Annotated[
        Path, typer.Argument(help="A CSV file: model, label, category, and name.LOCALE columns.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Let a file be the taxonomy of the models it names, in place of what was. A wrong line leaves all as it is.

    Example: tagmill taxonomy load taxonomy.csv
    """
    try:
        reading = open_regular(str(file))
    except OSError as error:
        raise TaxonomyError(f"cannot read {file}: {error.strerror}") from None
    with reading, Runtime(settings()).engine.begin() as connection:
        found = taxonomy_file.read(connection, reading)
        gone = rules.replace(connection, found)
        left = rules.unmapped(connection)
    models = {rule.model for rule in found}
    without = [label for model, label in left if model in models]
    if as_json:
        print_json({"rules": len(found), "removed": gone, "labels_without_rule": without})
        return
    out.print(f"{len(found):,} rules loaded, {gone:,} removed")
    if without:
        out.print(f"no rule for {escape(', '.join(without))}", soft_wrap=True)


@taxonomy.command()
def show(as_json: JsonFlag = False) -> None:
    """All rules, and the labels of classifiers that none is for.

    Example: tagmill taxonomy show
    """
    with Runtime(settings()).engine.connect() as connection:
        found, left = rules.every(connection), rules.unmapped(connection)
    if as_json:
        without = [{"model": model, "label": label} for model, label in left]
        print_json({"rules": [asdict(rule) for rule in found], "labels_without_rule": without})
        return
    made = table("model", "label", "category", "names")
    for rule in found:
        names = ", ".join(f"{locale} {name}" for locale, name in sorted(rule.names.items()))
        made.add_row(escape(rule.model), escape(rule.label), escape(rule.category), escape(names))
    for model, label in left:
        made.add_row(escape(model), escape(label), "–", "")
    out.print(made if made.row_count else "no classifier serves, and no rule is loaded")


@taxonomy.command()
def dump(
    to: Annotated[
        Path | None, typer.Option("--out", help="The CSV file to write; else standard output.")
    ] = None,
) -> None:
    """Write the taxonomy as a file that `taxonomy load` takes back; labels without a rule come with no category.

    Example: tagmill taxonomy dump --out taxonomy.csv
    """
    with Runtime(settings()).engine.connect() as connection:
        found = rules.every(connection)
        found += [rules.Rule(model, label, "", {}) for model, label in rules.unmapped(connection)]
    if to is None:
        taxonomy_file.write(found, sys.stdout)
        return
    with replacing(to) as writing:
        taxonomy_file.write(found, writing)
    out.print(f"{len(found):,} labels in {escape(str(to))}", soft_wrap=True)
