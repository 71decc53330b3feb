"""The demo from the first photo to the contact sheet, step by step, through the same code as any catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from catalog.batches import Summary
from catalog.errors import CatalogError
from catalog.review import taxonomy
from models.starter.data import LABELS
from workers.demo import contact_sheet, photos, questions, seen, workload
from workers.demo.answers import Answers
from workers.demo.contact_sheet import Alike, Material
from workers.demo.figures import measure
from workers.demo.questions import Answered
from workers.demo.report import Result
from workers.demo.seen import FAST_MASK, TAGGER, Seen
from workers.demo.shop import CATEGORIES
from workers.demo.voice import Voice
from workers.demo.work import Done, Plan, plan, work_off
from workers.intake import ingest_manifest, publish_due
from workers.runtime import Runtime

SHEET = "contact-sheet.html"
HANDFUL = 12
_FEW_PRODUCTS = 3
_SHELVES_SHOWN = 12
_ALIKE_SHOWN = ("Dress", "Bag", "Ankle boot", "Sandal", "Trouser")


def run(runtime: Runtime, home: Path, voice: Voice, *, photo_count: int, shelf_count: int) -> Result:
    """Everything between running services and a finished contact sheet in `home`/demo.

    Raises:
        CatalogError: the demo cannot go on; the message says why.
    """
    folder = home / "demo"
    answers = _write(folder, voice, photo_count, shelf_count)
    summary = _ingest(runtime, folder, voice)
    _file_labels(runtime)
    handful = _handful(answers)
    planned = plan(runtime, answers.hashes, handful, [answers.shelves[sha256].sku for sha256 in handful])
    done = _work(runtime, planned, home, voice)
    return _look_back(runtime, folder, answers, handful, planned, summary, done, voice)


def _write(folder: Path, voice: Voice, photo_count: int, shelf_count: int) -> Answers:
    voice.heading("A catalog with known answers")
    with voice.progress("shelf photos", shelf_count) as update:
        answers, new = photos.write_catalog(folder, photo_count, shelf_count, lambda done: update(done, ""))
    what = f"{len(answers.types):,} product photos, {len(answers.shelves):,} composed shelf photos"
    voice.say(f"{what} {'written to' if new else 'are there, in'} {folder}")
    return answers


def _ingest(runtime: Runtime, folder: Path, voice: Voice) -> Summary:
    manifest = folder / photos.MANIFEST
    voice.heading(f"Ingest: {manifest.name} to S3, Postgres and the queue")
    summary, report = ingest_manifest(runtime, str(manifest))
    if report.count:
        raise CatalogError(f"{report.count} rows or photos of the demo were refused, see {report.path}")
    rate = summary.photos / summary.seconds if summary.seconds else 0.0
    voice.say(
        f"{summary.photos:,} photos in {summary.seconds:.1f} s ({rate:,.0f}/s): {summary.photos_new:,} new"
    )
    voice.say(f"{summary.work_new:,} work items are new (a work item is one photo for one model)")
    return summary


def _file_labels(runtime: Runtime) -> None:
    """Say which category of the shop each label is, unless somebody has said so before."""
    with runtime.engine.begin() as connection:
        if not any(rule.model == TAGGER for rule in taxonomy.every(connection)):
            pairs = zip(LABELS, CATEGORIES, strict=True)
            taxonomy.replace(
                connection, [taxonomy.Rule(TAGGER, label, category, {}) for label, category in pairs]
            )


def _handful(answers: Answers) -> list[str]:
    """The first shelf photos of a few products whose display has no other: those get the fine mask as well.

    The network behind it cuts out what stands out in a photo, which among many products has no one answer.
    """
    photos_of = Counter(shelf.sku for shelf in answers.shelves.values())
    alone = [sha256 for sha256, shelf in answers.shelves.items() if photos_of[shelf.sku] == 1]
    return sorted(alone, key=lambda sha256: len(answers.shelves[sha256].labels) > _FEW_PRODUCTS)[:HANDFUL]


def _work(runtime: Runtime, planned: Plan, home: Path, voice: Voice) -> Done:
    log = home / "logs" / "worker.log"
    voice.heading("Workers: fetch, decode, predict, store")
    voice.say(f"{', '.join(version.key for version in planned.every)}; log {log}")
    done = work_off(runtime, planned, lambda: publish_due(runtime), log, voice)
    if done.worker_seconds is None:
        voice.say("every photo was done before: nothing to infer")
    else:
        voice.say(
            f"{len(planned.images):,} photos in {done.worker_seconds:.1f} s, start of the workers included"
        )
    if not done.complete:
        voice.say(f"[bold red]not all is done:[/bold red] {_counts(done)}; see the view failures")
    return done


def _counts(done: Done) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in (done.states + done.fine_states).most_common())


def _look_back(
    runtime: Runtime,
    folder: Path,
    answers: Answers,
    handful: list[str],
    planned: Plan,
    summary: Summary,
    done: Done,
    voice: Voice,
) -> Result:
    """Read everything back from the services, score it, ask the questions, render the sheet."""
    voice.heading("Read back, compare with the known answers, draw the contact sheet")
    models = tuple(version.key for version in planned.every)
    with runtime.engine.connect() as connection:
        found = seen.read(connection, answers.hashes)
        asked = questions.questions(_an_example(answers, _ALIKE_SHOWN[1]))
        answered = [questions.answer(connection, question) for question in asked]
        alike = [
            (sku, questions.answer(connection, questions.most_similar(sku))) for sku in _examples(answers)
        ]
        throughput = workload.throughput(
            connection, planned.images, [version.id for version in planned.every]
        )
    figures, pairs = measure(runtime.store, answers, found, handful)
    material = Material(
        answers,
        found,
        _shelves_shown(runtime, answers, found),
        pairs,
        _alike(found, alike),
        figures,
        throughput,
        summary.seconds,
        models,
        answered,
    )
    path = _write_sheet(folder / SHEET, contact_sheet.render(material, runtime.store))
    voice.say(f"{len(found):,} photos read back; the sheet has {path.stat().st_size / 1e6:.1f} MB")
    return Result(len(found), models, summary, done, throughput, figures, answered, path)


def _an_example(answers: Answers, label: str) -> str:
    """The first product of this type, else the first of all."""
    found = (answers.skus[sha256] for sha256, known in answers.types.items() if known == label)
    return next(found, None) or next(iter(answers.skus.values()), "")


def _examples(answers: Answers) -> list[str]:
    return list(dict.fromkeys(_an_example(answers, label) for label in _ALIKE_SHOWN))


def _shelves_shown(
    runtime: Runtime, answers: Answers, found: Mapping[str, Seen]
) -> list[tuple[Seen, seen.BoolMask]]:
    """Shelf photos at equal distances, so that nobody picked them."""
    shelves = [found[sha256] for sha256 in answers.shelves if sha256 in found]
    count = min(_SHELVES_SHOWN, len(shelves))
    chosen = [shelves[k * len(shelves) // count] for k in range(count)]
    return list(zip(chosen, seen.masks(runtime.store, chosen, FAST_MASK), strict=True))


def _alike(found: Mapping[str, Seen], answered: list[tuple[str, Answered]]) -> list[Alike]:
    by_sku: dict[str, Seen] = {}
    for photo in found.values():
        by_sku.setdefault(photo.sku, photo)
    rows = []
    for sku, one in answered:
        place = one.columns.index("similarity")
        others = [(by_sku[row[0]], float(row[place])) for row in one.rows if row[0] in by_sku]
        if sku in by_sku and others:
            rows.append(Alike(by_sku[sku], tuple(others)))
    return rows


def _write_sheet(path: Path, page: str) -> Path:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(page, encoding="utf-8")
    return partial.replace(path)
