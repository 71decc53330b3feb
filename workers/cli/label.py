"""`tagmill label import|export|suggest`: people's word on products' labels."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.markup import escape

from catalog.error_report import ErrorReport, report_path
from catalog.errors import LabelsError
from catalog.label_import import Imported, every_word, import_labels
from models.files import open_regular
from models.spreadsheets import harmless
from workers.cli.console import out, print_json
from workers.cli.files import replacing
from workers.cli.options import AuthorOption, JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

SOME_REFUSED = 3
NAMED = 10

label = typer.Typer(no_args_is_help=True, help="Import, export and suggest people's labels of products.")


def register(app: typer.Typer) -> None:
    app.add_typer(label, name="label")


@label.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file with columns sku, label and perhaps accepted.")],
    author: AuthorOption,
    as_json: JsonFlag = False,
) -> None:
    """Take people's labels in: they beat every model at once, survive reprocessing, and teach.

    `accepted` false turns a label down. Doing it again changes nothing; of rows about the same sku and label the last
    counts. Bad rows are listed with their lines in FILE.errors.csv, the rest goes on; the exit code is then 3.

    Example: tagmill label import corrected.csv --author anna
    """
    with _opened(file) as reading, ErrorReport(report_path(str(file))) as report:
        done = import_labels(Runtime(settings()).engine, reading, author, report.add)
    if as_json:
        print_json({**done.as_dict(), "errors_file": str(report.path) if report.count else None})
    else:
        _show(done, report)
    if report.count:
        raise typer.Exit(SOME_REFUSED)


@label.command()
def export(
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    as_json: JsonFlag = False,
) -> None:
    """Write all that people said: sku, label, accepted, author, created_at. `label import` takes it back.

    Example: tagmill label export labels.csv
    """
    count = 0
    with replacing(file) as writing, Runtime(settings()).engine.connect() as connection:
        rows = csv.writer(writing, lineterminator="\n")
        rows.writerow(("sku", "label", "accepted", "author", "created_at"))
        for word in every_word(connection):
            said = "true" if word.accepted else "false"
            told = (word.sku, word.label, said, word.author, word.created_at.isoformat())
            rows.writerow(map(harmless, told))
            count += 1
    if as_json:
        print_json({"file": file, "labels": count})
    else:
        out.print(f"{count:,} labels in {escape(str(file))}", soft_wrap=True)


@label.command()
def suggest(
    model: Annotated[str, typer.Argument(help="A classifier: NAME or NAME@VERSION.")],
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many products.")] = 50,
    to: Annotated[
        Path | None, typer.Option("--out", help="The CSV file to write; else standard output.")
    ] = None,
) -> None:
    """Say which products are most worth a person's label next: the model is unsure of them, and they differ.

    One photo a product, of products that nobody has labelled. Correct the column `label`, delete what you cannot tell,
    and import the file. Nothing is computed anew: stored scores and stored embeddings decide.

    Example: tagmill label suggest product-type --count 100 --out next.csv
    """
    from workers.training.suggesting import suggestions, write

    with Runtime(settings()).engine.connect() as connection:
        found = suggestions(connection, model, count)
    if to is None:
        write(found, sys.stdout)
        return
    with replacing(to) as writing:
        write(found, writing)
    out.print(f"{len(found):,} products in {escape(str(to))}; correct the labels, then:", soft_wrap=True)
    out.print(f"tagmill label import {escape(str(to))} --author NAME", soft_wrap=True)


def _opened(path: Path) -> IO[bytes]:
    try:
        return open_regular(str(path))
    except OSError as error:
        raise LabelsError(f"cannot read {path}: {error.strerror}") from None


def _show(done: Imported, report: ErrorReport) -> None:
    out.print(f"{done.rows:,} rows: {done.new:,} new, {done.changed:,} changed, {done.same:,} known before")
    if done.new_labels:
        named = ", ".join(sorted(done.new_labels)[:NAMED]) + (", …" if len(done.new_labels) > NAMED else "")
        told = f"no model gives these labels and nobody had used them, check the spelling: {named}"
        out.print(f"[yellow]new labels[/yellow] {escape(told)}", soft_wrap=True)
    if report.count:
        causes = ", ".join(f"{count:,} {code}" for code, count in done.refused.most_common())
        out.print(f"[yellow]refused[/yellow] {causes}; see {escape(str(report.path))}", soft_wrap=True)
