"""`tagmill models list|show|add|publish|compile`: the registry of model versions."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from catalog import versions
from catalog.versions import Version
from models import plain_yaml
from models.errors import SpecError
from workers.cli import diff, promotion
from workers.cli.console import err, out, print_json, table
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

models = typer.Typer(
    no_args_is_help=True,
    help="List, show, add, publish, promote, roll back, compare and compile model versions.",
)

NameOption = Annotated[str | None, typer.Option(help="Register under this name.")]
IngestFlag = Annotated[
    bool | None, typer.Option("--on-ingest/--on-demand", help="Run it on every new photo, or when asked.")
]


def register(app: typer.Typer) -> None:
    promotion.register(models)
    diff.register(models)
    app.add_typer(models, name="models")


@models.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """All registered versions, with what each does and whether it serves."""
    with Runtime(settings()).engine.connect() as connection:
        found = versions.every(connection)
    if as_json:
        print_json([{**asdict(version), "key": version.key} for version in found])
        return
    made = table("model", "task", "state", "new photos", "builder", "#labels")
    for version in found:
        automatic = "yes" if version.on_ingest else "on demand"
        labels = len(version.spec.get("labels", ()))
        made.add_row(
            version.key, version.task, version.state, automatic, version.spec["builder"], str(labels or "–")
        )
    out.print(made)


@models.command()
def show(
    model: Annotated[str, typer.Argument(help="NAME or NAME@VERSION.")], as_json: JsonFlag = False
) -> None:
    """Everything about one version: labels, preprocessing, weights, metrics, licence."""
    with Runtime(settings()).engine.connect() as connection:
        version = versions.find(connection, model)
    if as_json:
        print_json({**asdict(version), "key": version.key})
    else:
        head = {"model": version.key, "state": version.state, "weights_sha256": version.weights_sha256}
        # Not through Rich, which would wrap long lines and take [brackets] for markup.
        print(yaml.safe_dump({**head, **version.spec}, sort_keys=False, allow_unicode=True), end="")


@models.command()
def add(
    spec: Annotated[Path | None, typer.Argument(help="A spec as YAML or JSON (docs/models.md).")] = None,
    torchvision: Annotated[
        str | None,
        typer.Option(help="Instead: published weights, BUILDER or BUILDER/WEIGHTS; downloads them."),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="With --torchvision: embed, to use a classifier so.")
    ] = None,
    name: NameOption = None,
    on_ingest: IngestFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Register a model: its weights go to the object store, its spec to Postgres.

    The first version of a name serves at once; later ones are candidates. Weights are a .safetensors, .pt or .pth
    file (tensors only), named in the spec relative to it. The model is loaded once before it is registered.

    Examples: tagmill models add shoes.yaml

    tagmill models add --torchvision resnet50/IMAGENET1K_V2
    """
    if (spec is None) == (torchvision is None):
        raise typer.BadParameter("give a spec file, or --torchvision BUILDER/WEIGHTS")
    from workers.adding import add_from_file, add_published

    runtime = Runtime(settings())
    changes = _given(name=name, on_ingest=on_ingest)
    if spec is not None:
        version, new = add_from_file(runtime, read_spec(spec), spec.parent, changes)
    else:
        version, new = add_published(runtime, str(torchvision), task, changes)
    _report(version, new, as_json)


@models.command()
def publish(
    run: Annotated[Path, typer.Argument(help="The folder of a finished `tagmill train`.")],
    name: NameOption = None,
    on_ingest: IngestFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Register what a training run made, as a candidate: it serves when you promote it.

    The run must be finished, its weights unaltered, and the network must answer as it did when it was trained. Doing
    it again adds nothing.

    Example: tagmill models publish runs/shoes-1
    """
    from workers.training.publishing import publish as publish_run

    version, new = publish_run(Runtime(settings()), run, _given(name=name, on_ingest=on_ingest))
    _report(version, new, as_json)
    if version.state != "serving" and not as_json:
        out.print(f"then: [bold]tagmill models promote {version.key}[/bold], and its results are shown")


@models.command("compile")
def compile_(
    model: Annotated[list[str] | None, typer.Argument(help="NAME or NAME@VERSION; default: all.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Forget what was compiled, or failed, before.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Compile networks for this machine now, and show in which form each will run.

    Workers compile at their first photo what is not compiled yet, which takes a minute or two a network. Run this when
    a machine is set up, with the settings of its workers.

    Example: tagmill models compile product-type
    """
    from workers.compiling import compile_models

    with err.status("compiling, a minute or two a network …"):
        found = compile_models(Runtime(settings()), model or [], again=again)
    if as_json:
        print_json([{"models": keys, **verdict.model_dump()} for keys, verdict in found])
        return
    made = table("models", "form", "#batch", "#ms a photo", "agrees with float32", "why no faster form")
    for keys, verdict in found:
        agreement = ", ".join(f"{name} {value:.4f}" for name, value in verdict.agreement.items())
        milliseconds = "–" if verdict.milliseconds is None else f"{verdict.milliseconds:.2f}"
        batch = str(verdict.batch or "–")
        made.add_row("\n".join(keys), verdict.form, batch, milliseconds, agreement, verdict.reason)
    out.print(made)


def _given(**changes: Any) -> dict[str, Any]:
    return {field: value for field, value in changes.items() if value is not None}


def read_spec(path: Path) -> dict[str, Any]:
    """The mapping in a YAML or JSON file. Raises SpecError."""
    try:
        found = plain_yaml.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} is neither YAML nor JSON: {error}") from None
    if not isinstance(found, dict):
        raise SpecError(f"{path} holds no mapping; see docs/models.md for an example")
    return found


def _report(version: Version, new: bool, as_json: bool) -> None:
    if as_json:
        print_json({"model": version.key, "state": version.state, "new": new})
    elif not new:
        out.print(f"{version.key}, {version.state}, has these weights already; nothing was added")
    else:
        out.print(f"{version.key} added, {version.state}")
        out.print(f"next: [bold]tagmill process {version.key}[/bold] for photos that are there")
