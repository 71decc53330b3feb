"""`tagmill thresholds list|set|clear|fit`: the scores from which labels count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from catalog.review import cutoffs, fitting
from catalog.review.fitting import Fit
from workers.cli.console import out, print_json, table
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

thresholds = typer.Typer(
    no_args_is_help=True, help="List, set, clear and fit thresholds: the scores from which labels count."
)

ModelArgument = Annotated[str, typer.Argument(help="A model's name, such as product-type.")]
LabelOption = Annotated[str, typer.Option(help="Of this label; else the model's default.")]


def register(app: typer.Typer) -> None:
    app.add_typer(thresholds, name="thresholds")


@thresholds.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """All thresholds that are set, and what they were fitted for. Elsewhere a label counts from 0.5.

    Example: tagmill thresholds list
    """
    with Runtime(settings()).engine.connect() as connection:
        found = cutoffs.every(connection)
    if as_json:
        print_json(found)
        return
    made = table("model", "label", "#threshold", "set", "fitted for")
    for one in found:
        fitted = f"{one.target_precision:.0%} on {one.reviews:,} reviews" if one.target_precision else "–"
        label, when = escape(one.label) or "[dim]all others[/dim]", f"{one.updated_at:%Y-%m-%d %H:%M}"
        made.add_row(escape(one.model), label, f"{one.threshold:.3f}", when, fitted)
    if not found:
        out.print("no threshold is set: each label counts from 0.5, of whatever model")
        return
    for model in sorted({one.model for one in found} - {one.model for one in found if not one.label}):
        made.add_row(escape(model), "[dim]all others[/dim]", "0.500", "default", "–")
    out.print(made)
    out.print("labels of models that are not listed count from 0.5")


@thresholds.command("set")
def set_(
    model: ModelArgument,
    threshold: Annotated[float, typer.Argument(help="A score, 0 to 1.")],
    label: LabelOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Set a threshold; stored scores are shown by it at once, nothing is computed anew.

    Example: tagmill thresholds set product-type 0.8 --label Dress
    """
    with Runtime(settings()).engine.begin() as connection:
        cutoffs.put(connection, model, label, threshold)
    if as_json:
        print_json({"model": model, "label": label, "threshold": threshold})
    else:
        out.print(f"{escape(label or 'each other label')} of {escape(model)} counts from {threshold:g}")


@thresholds.command()
def clear(model: ModelArgument, label: LabelOption = "", as_json: JsonFlag = False) -> None:
    """Forget a threshold: the model's default counts again, or 0.5.

    Example: tagmill thresholds clear product-type --label Dress
    """
    with Runtime(settings()).engine.begin() as connection:
        cleared = cutoffs.clear(connection, model, label)
    if as_json:
        print_json({"cleared": cleared})
    else:
        out.print("cleared" if cleared else "there was none")


@thresholds.command()
def fit(
    model: ModelArgument,
    precision: Annotated[
        float, typer.Option(help="The share of shown labels that is to be right, such as 0.95.")
    ],
    label: Annotated[list[str] | None, typer.Option(help="Only this label; repeatable.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be set, and set nothing.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Fit thresholds to a precision from people's reviews, and let them count at once.

    Of each label the lowest threshold is taken whose precision is, with 95 % confidence, at least what is asked for.
    Labels with too few reviews keep what they have, and it is said what is missing.

    Example: tagmill thresholds fit product-type --precision 0.95 --dry-run
    """
    with Runtime(settings()).engine.begin() as connection:
        fits = fitting.fit(connection, model, precision, label or ())
        applied = 0 if dry_run else fitting.apply(connection, model.partition("@")[0], precision, fits)
    if as_json:
        print_json({"applied": applied, "fits": [asdict(one) for one in fits]})
        return
    _show(fits)
    out.print(f"{applied:,} thresholds set" if not dry_run else "nothing was set")


def _show(fits: Sequence[Fit]) -> None:
    made = table(
        "label", "#threshold", "#reviews", "#precision", "#at least", "#coverage", "#photos now", "#then"
    )
    for one in fits:
        if one.cut_off is None:
            out.print(f"{escape(one.label)}: {one.reason}")
            continue
        shares = (f"{share:.1%}" for share in (one.precision, one.bound, one.coverage) if share is not None)
        photos = (f"{one.before:,}", f"{one.after:,}")
        made.add_row(escape(one.label), f"{one.cut_off:.3f}", f"{one.reviews:,}", *shares, *photos)
    if made.row_count:
        out.print(made)
