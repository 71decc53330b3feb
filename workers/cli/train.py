"""`tagmill train`: from labelled photos to a model that can be looked at and published."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.progress import Progress

from models import plain_yaml
from models.errors import BuilderError, RecipeError, SpecError, TrainingError, WeightsError
from workers.cli.console import STOPPED, duration, err, out, print_json, table
from workers.cli.options import Device

RUNS = Path("runs")
STARTS = ("none", "starter", "published")
"""What `network.pretrained` may say that is no file."""


def register(app: typer.Typer) -> None:
    app.command()(train)


def train(
    task: Annotated[
        str | None, typer.Argument(help="classify, detect or segment: the recipe of that name.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Labelled photos: a folder, a .csv, .parquet or COCO .json file, or torchvision:NAME."
        ),
    ] = None,
    photos: Annotated[
        str | None, typer.Option(help="Folder that the names in a table or COCO file start from.")
    ] = None,
    from_catalog: Annotated[bool, typer.Option(help="Instead: people's labels in the catalog.")] = False,
    teacher: Annotated[
        str | None,
        typer.Option(help="segment: learn this model's masks of --data; NAME@VERSION or a run's folder."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe's name or file; docs/training.md lists them.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a field: --set optimise.rate=0.01", metavar="FIELD=VALUE"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the photos.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; default runs/NAME-1, -2, …")
    ] = None,
    resume: Annotated[
        bool, typer.Option(help="Go on with the run in --out after its last whole epoch.")
    ] = False,
    device: Annotated[Device, typer.Option(help="Where it runs; auto: a GPU if there is one.")] = Device.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Train a model on labelled photos, measure it on photos it never saw, and write a report.

    The run's folder has recipe, checkpoint, weights, spec and report.html; `tagmill models publish` takes it from
    there. Several GPUs or machines: torchrun --nproc-per-node 2 -m workers.cli train … --out DIR

    Examples: tagmill train classify --data photos/ --name shoes

    tagmill train detect --data annotations.json --photos photos/

    tagmill train segment --teacher product-cutout --data photos/ --name fast-cutout

    tagmill train --recipe fashion-mnist --out runs/fm

    tagmill train --resume --out runs/shoes-1
    """
    from models.training.crew import crew

    with crew(device) as ours:
        wanted = _recipe(task, recipe, folder, resume=resume)
        told = _changes(changes, {"name": name, "epochs": epochs, "data.source": data, "data.photos": photos})
        if ours.parts > 1 and folder is None:
            raise TrainingError("several processes need one --out")
        if from_catalog:
            told |= _made(_by_lead(ours, lambda: _exported(wanted)))
        if teacher is not None:
            told |= _made(_by_lead(ours, lambda: _taught(wanted, teacher, data, device)))
        wanted = _rooted(wanted.with_changes(told))
        place = folder or _next(wanted.name)
        report = _run(wanted, place, ours, resume=resume)
    if report is None:  # not the lead
        return
    if as_json:
        print_json({"run": str(place), **report})
    else:
        _show(place, report)


def _run(wanted: Any, place: Path, ours: Any, *, resume: bool) -> dict[str, Any] | None:
    from models.training.report import as_document
    from models.training.told import Silence
    from models.training.train import Run
    from workers.training.watching import Terminal

    try:
        if not ours.leads:
            Run(wanted, place, ours, Silence()).train(resume=resume)
            return None
        with Terminal(wanted, err) as terminal:
            report = Run(wanted, place, ours, terminal).train(resume=resume)
    except (SpecError, BuilderError, WeightsError) as error:
        raise TrainingError(str(error)) from None
    except KeyboardInterrupt:
        err.print(f"stopped; go on with: tagmill train --resume --out {place}", soft_wrap=True)
        sys.exit(STOPPED)
    assert report is not None
    return as_document(report)


def _recipe(task: str | None, recipe: str | None, folder: Path | None, *, resume: bool) -> Any:
    from models.training.recipe import load

    if resume and folder is None:
        raise RecipeError("--resume needs --out, the folder of the run to go on with")
    if resume and recipe is None and task is None:
        return load(str(folder / "recipe.yaml" if folder else ""))
    if recipe is None and task is None:
        raise RecipeError("name a task (classify, detect, segment) or a --recipe")
    found = load(recipe or str(task))
    if task is not None and found.task != task:
        raise RecipeError(f"the recipe {recipe} does {found.task}, not {task}")
    return found


def _changes(pairs: list[str] | None, shortcuts: dict[str, Any]) -> dict[str, Any]:
    found = {field: value for field, value in shortcuts.items() if value is not None}
    for pair in pairs or []:
        field, equals, text = pair.partition("=")
        if not equals:
            raise RecipeError(f"--set {pair}: write FIELD=VALUE, such as optimise.rate=0.01")
        try:
            found[field.strip()] = plain_yaml.load(text)
        except yaml.YAMLError as error:
            first = " ".join(str(error).split())
            raise RecipeError(f"--set {pair}: the value is no YAML ({first})") from None
    return found


def _by_lead(ours: Any, make: Callable[[], str]) -> str:
    """The path that the lead makes, for all processes: else each would fetch the same photos."""
    try:
        path = make() if ours.leads else ""
    except Exception:
        ours.tell("")  # or they would wait for it
        raise
    told: str = ours.tell(path)
    if not told:
        raise typer.Exit  # the lead says why, and ends with the code; torchrun heeds it
    return told


def _made(source: str) -> dict[str, Any]:
    """Labelled photos of our own making: what the recipe said of others' folders and columns is not true of them."""
    return {"data.source": source, "data.photos": None, "data.columns": {}}


def _exported(wanted: Any) -> str:
    """People's labels, as a table with its photos on this machine."""
    from workers.runtime import Runtime
    from workers.settings import home, settings
    from workers.training.from_catalog import export

    return str(export(Runtime(settings()), None, home() / "training" / wanted.name))


def _taught(wanted: Any, teacher: str, data: str | None, device: str) -> str:
    """The photos of `data` beside the teacher's masks of them."""
    from models.training.teaching import teach
    from workers.settings import home
    from workers.training.evaluating import predictor_for

    if wanted.task != "segment":
        raise RecipeError(f"--teacher is for segment, and the recipe does {wanted.task}")
    if data is None or not Path(data).is_dir():
        raise RecipeError("--teacher needs --data, a folder of photos")
    photos, predictor = Path(data).absolute(), predictor_for(teacher, device)
    spec = predictor.specs[0]
    place = hashlib.sha256(f"{spec.sha256} {photos}".encode()).hexdigest()[:12]
    with Progress(
        *Progress.get_default_columns(), console=err, transient=True, disable=not err.is_terminal
    ) as bar:
        task = bar.add_task(f"{spec.key} looks at the photos", total=None)
        folder = teach(
            predictor,
            photos,
            home() / "training" / f"{wanted.name}-{place}",
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    return str(folder)


def _rooted(wanted: Any) -> Any:
    """Paths from the root, so that the run can be resumed from anywhere."""
    if not wanted.data.source:
        raise RecipeError(
            "--data is missing: a folder, a .csv, .parquet or COCO .json file, or torchvision:NAME"
        )
    paths = {
        "data.source": wanted.data.source,
        "data.photos": wanted.data.photos,
        "network.pretrained": None if wanted.network.pretrained in STARTS else wanted.network.pretrained,
    }
    found = {
        field: str(Path(value).expanduser().absolute())
        for field, value in paths.items()
        if value and not value.startswith("torchvision:")
    }
    return wanted.with_changes(found)


def _next(name: str) -> Path:
    number = 1
    while (place := RUNS / f"{name}-{number}").exists():
        number += 1
    return place


def _show(place: Path, report: dict[str, Any]) -> None:
    shown = table("figure", "#before", "#after")
    for figure, value in report["after"].items():
        before = (report["before"] or {}).get(figure)
        shown.add_row(figure, "–" if before is None else f"{before:.4f}", f"{value:.4f}")
    out.print(shown)
    out.print(
        f"{report['photos']:,} test photos, {duration(report['seconds'])}; look at {place / 'report.html'}"
    )
    out.print(f"next: [bold]tagmill models publish {place}[/bold]", soft_wrap=True)
