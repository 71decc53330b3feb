"""The demo's result in words and tables, for people; `as_document` is the same for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.padding import Padding

from catalog.batches import Summary
from workers.cli.console import table
from workers.demo.figures import Figures
from workers.demo.questions import Answered
from workers.demo.score import MaskOverlap
from workers.demo.voice import Voice
from workers.demo.work import Done
from workers.demo.workload import Throughput


@dataclass(frozen=True, slots=True)
class Result:
    """All that a run of the demo found out."""

    photos: int
    models: tuple[str, ...]
    ingest: Summary
    done: Done
    throughput: Throughput | None
    figures: Figures
    answered: Sequence[Answered]
    contact_sheet: Path


def tell_figures(voice: Voice, result: Result) -> None:
    """Speed, then how right the models were."""
    voice.heading("Figures")
    figures = result.figures
    made = table("", "#", "")
    for name, value, note in (*_speed(result), *_quality(figures)):
        made.add_row(name, f"[bold]{value}[/bold]", f"[dim]{escape(note)}[/dim]")
    made.show_header = False
    voice.console.print(Padding(made, (0, 0, 0, 3)))
    worst = sorted(figures.accuracy_by_type.items(), key=lambda pair: pair[1])
    voice.say(
        "[dim]by type: "
        + ", ".join(f"{escape(label)} {100 * share:.0f} %" for label, share in worst)
        + "[/dim]"
    )
    if figures.boxes is None:
        voice.say("[yellow]mAP needs pycocotools:[/yellow] pip install 'tagmill\\[train]'")


def tell_answers(voice: Voice, answered: Sequence[Answered]) -> None:
    """Each question with its SQL and what came back."""
    voice.heading("Five questions in SQL")
    for one in answered:
        voice.console.print()
        voice.say(f"[bold]{escape(one.question.ask)}[/bold]")
        for line in one.question.sql.splitlines():
            voice.say(f"  [cyan]{escape(line)}[/cyan]")
        voice.console.print()
        numbers = [
            bool(one.rows) and isinstance(one.rows[0][n], int | float) for n in range(len(one.columns))
        ]
        made = table(*(f"#{c}" if number else c for c, number in zip(one.columns, numbers, strict=True)))
        for row in one.rows:
            made.add_row(*("–" if cell is None else escape(str(cell)) for cell in row))
        voice.console.print(Padding(made, (0, 0, 0, 5)))


def tell_places(voice: Voice, result: Result) -> None:
    """Where to look next; the pages last, since there is most to see."""
    voice.heading("Where things are")
    for what, where in (
        ("contact sheet", result.contact_sheet.as_uri()),
        ("progress", "tagmill status"),
        ("your own SQL", "tagmill psql"),
        ("feed against photos", "tagmill review queue mismatch"),
        ("stop the services", "tagmill down"),
        ("look at it", "tagmill serve"),
    ):
        voice.say(f"{what:20} [bold]{escape(where)}[/bold]")


def as_document(result: Result) -> dict[str, Any]:
    """One JSON document with everything."""
    figures, throughput = result.figures, result.throughput
    masks = {
        "fast": figures.fast_mask,
        "fast_on_handful": figures.fast_mask_there,
        "fine_on_handful": figures.fine_mask,
    }
    return {
        "ok": result.done.complete,
        "photos": result.photos,
        "models": list(result.models),
        "ingest": result.ingest.as_dict(),
        "work": {
            "items_new": result.ingest.work_new + result.done.items_new,
            "states": dict(result.done.states),
            "states_fine_mask": dict(result.done.fine_states),
            "seconds_with_worker_start": result.done.worker_seconds,
        },
        "throughput": throughput
        and {
            **asdict(throughput),
            "photos_per_second": throughput.photos_per_second,
            "seconds": throughput.seconds,
            "seconds_in_all": throughput.seconds_in_all,
            "earlier_run": result.done.worker_seconds is None,
        },
        "tags": {
            "photos": figures.photos,
            "accuracy": figures.accuracy,
            "accuracy_by_type": figures.accuracy_by_type,
        },
        "boxes": figures.boxes and {"photos": figures.shelves, **asdict(figures.boxes)},
        "masks": {name: {**asdict(one), "mean": one.mean} for name, one in masks.items()},
        "handful": figures.handful,
        "queries": [
            {
                "name": a.question.name,
                "ask": a.question.ask,
                "sql": a.question.sql,
                "columns": a.columns,
                "rows": a.rows,
            }
            for a in result.answered
        ],
        "contact_sheet": result.contact_sheet,
    }


def _speed(result: Result) -> list[tuple[str, str, str]]:
    ingest, throughput = result.ingest, result.throughput
    rate = ingest.photos / ingest.seconds if ingest.seconds else 0.0
    known = "" if ingest.photos_new else ", all known before"
    lines = [("ingest", f"{ingest.seconds:.1f} s", f"{ingest.photos:,} photos, {rate:,.0f}/s{known}")]
    if throughput is None:
        return lines
    seconds = result.done.worker_seconds
    when = "first to last result" if seconds else "in an earlier run"
    note = f"photos/s, {throughput.models} models, {throughput.seconds:.1f} s {when}"
    lines.append(("throughput", f"{throughput.photos_per_second or 0:.1f}", note))
    if seconds:
        rate = throughput.photos / seconds
        lines.append(("with start-up", f"{rate:.1f}", f"photos/s from the workers' start, {seconds:.1f} s"))
    return lines


def _quality(figures: Figures) -> list[tuple[str, str, str]]:
    shelves, handful = f"{figures.shelves} shelf photos", f"{figures.handful} shelf photos"
    lines = [
        ("tags right", f"{100 * figures.accuracy:.1f} %", f"best tag of {figures.photos:,} product photos")
    ]
    if figures.boxes:
        lines.append(("mAP@.5", f"{figures.boxes.at_50:.3f}", f"boxes in {shelves}"))
        lines.append(("mAP@\\[.5:.95]", f"{figures.boxes.at_50_95:.3f}", "the same boxes"))
    lines.append(
        ("mIoU, fast mask", f"{figures.fast_mask.mean:.3f}", f"{_parts(figures.fast_mask)}; {shelves}")
    )
    if figures.handful:
        there, fine = figures.fast_mask_there, figures.fine_mask
        lines.append(("mIoU, fast mask", f"{there.mean:.3f}", f"{_parts(there)}; {handful}"))
        lines.append(("mIoU, fine mask", f"{fine.mean:.3f}", f"{_parts(fine)}; the same {figures.handful}"))
    return lines


def _parts(overlap: MaskOverlap) -> str:
    return f"product {overlap.product:.3f}, background {overlap.background:.3f}"
