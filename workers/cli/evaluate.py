"""`tagmill evaluate`: how good a model is on labelled photos."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from models.errors import TrainingError
from workers.cli.console import err, out, print_json, table
from workers.cli.options import Device

if TYPE_CHECKING:
    from models.training.facts import Report

EVALUATIONS = Path("evaluations")


class Part(StrEnum):
    TEST = "test"
    VAL = "val"
    TRAIN = "train"
    ALL = "all"


def register(app: typer.Typer) -> None:
    app.command()(evaluate)


def evaluate(
    model: Annotated[str, typer.Argument(help="NAME or NAME@VERSION, or the folder of a training run.")],
    data: Annotated[
        str,
        typer.Option(
            help="Labelled photos: a folder, a .csv, .parquet or COCO .json file, or torchvision:NAME."
        ),
    ],
    photos: Annotated[
        str | None, typer.Option(help="Folder that the names in a table or COCO file start from.")
    ] = None,
    split: Annotated[
        Part, typer.Option(help="Which part of the photos; all, where it learnt from none.")
    ] = Part.TEST,
    folder: Annotated[
        Path | None, typer.Option("--out", help="The report's folder; default evaluations/MODEL-1, -2, …")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where it runs; auto: a GPU if there is one.")] = Device.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure a model on labelled photos, and write the same report that a training run has.

    The photos are split by their products as in the model's own training, so that test holds none that it learnt
    from. Every label of the photos must be one of the model's. A segmenter may be measured by a table of boxes: those
    around the areas of its masks are held against them.

    Examples: tagmill evaluate product-type --data photos/ --split all

    tagmill evaluate shoes@2 --data labels.csv --photos photos/
    """
    from models.training import evaluate as evaluating
    from models.training.report import as_document, write_report
    from workers.training.evaluating import predictor_for

    predictor = predictor_for(model, device)
    wanted = evaluating.data_for(predictor.specs[0], data, photos)
    with err.status("reading labels …") as status:
        report = evaluating.evaluate(
            predictor,
            wanted,
            split.value,
            lambda what, done, total: status.update(f"{what} {done:,} of {total:,}"),
        )
    place = folder or _next(report.model)
    try:
        write_report(place, report)
    except OSError as error:
        raise TrainingError(
            f"cannot write the report to {place}: {error.strerror}; name another --out"
        ) from None
    if as_json:
        print_json({"out": str(place), "split": split.value, **as_document(report)})
    else:
        _show(place, report, split)


def _next(key: str) -> Path:
    number = 1
    while (place := EVALUATIONS / f"{key}-{number}").exists():
        number += 1
    return place


def _show(place: Path, report: Report, split: Part) -> None:
    from models.training.measure.figures import FIGURES

    shown = table("figure", "#value", "says")
    for name, value in report.after.figures.items():
        figure = FIGURES.get(name)
        shown.add_row(name, f"{value:.4f}", figure.says if figure else "")
    out.print(shown)
    if found := report.after.agreement:
        out.print(
            f"{found.measure} on {found.count:,} photos that two people labelled: {_told(found.people)} between them, "
            f"{_told(found.model_first)} model and first, {_told(found.model_second)} model and second",
            soft_wrap=True,
        )
    left_out = len(report.data.problems) + len(report.after.left_out)
    out.print(f"{report.model} on {report.after.count:,} photos of {split.value}, {left_out:,} left out")
    out.print(f"look at {escape(str(place / 'report.html'))}", soft_wrap=True)


def _told(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
