"""The report: JSON by a schema, and a page that needs nothing else, written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch

from models.errors import TrainingError
from models.predictions import Box
from models.training import wording
from models.training.measure import Agreement, Confusion, Measured, Mistake, ShownBox, reliability
from models.training.measure.figures import FIGURES
from models.training.report import DataFacts, Report, SplitFacts, as_document, write_report
from models.training.samples import Instance, PhotoPixels, Problem, Sample

LABELS = ("bag <b>", "shoe")
NAN = float("nan")

NUMBER = {"type": ["number", "null"]}
SCHEMA = {
    "type": "object",
    "required": [
        *("model", "task", "test", "before", "after", "labels", "temperature", "data", "history", "recipe"),
        *("agreement", "confusion", "left_out", "environment", "made", "photos", "best_epoch", "seconds"),
    ],
    "properties": {
        "task": {"enum": ["classify", "detect", "segment"]},
        "test": {"type": "object", "additionalProperties": {"type": "number"}, "minProperties": 1},
        "before": {"type": ["object", "null"], "additionalProperties": {"type": "number"}},
        "labels": {"type": "array", "items": {"type": "object", "required": ["label", "support"]}},
        "temperature": NUMBER,
        "history": {"type": "array", "items": {"type": "object", "additionalProperties": NUMBER}},
        "data": {
            "type": "object",
            "required": ["source", "splits", "duplicates", "problems"],
            "properties": {
                "splits": {
                    "additionalProperties": {
                        "type": "object",
                        "required": ["photos", "products", "labels"],
                        "properties": {"photos": {"type": "integer"}},
                    }
                },
                "problems": {
                    "required": ["count", "codes", "first"],
                    "properties": {"first": {"maxItems": 100}},
                },
            },
        },
    },
}


def mistake(**more: Any) -> Mistake:
    plain = {
        "photo": "photos/<i>.jpg",
        "origin": "labels.csv:9",
        "weight": 0.9,
        "truth": "shoe",
        "answer": "bag <b> 0.90",
        "picture": np.full((30, 40, 3), 128, np.uint8),
        "width": 400,
        "height": 300,
    }
    return Mistake(**{**plain, **more})


def classified() -> Measured:
    logits = torch.tensor([[2.0, 0], [0, 2], [2, 0]])
    bins = reliability(logits, torch.tensor([0, 1, 1]))
    return Measured(
        "classify",
        LABELS,
        3,
        {"top1": 2 / 3, "macro_f1": 0.5, "ece": 0.1, "ece_calibrated": 0.05, "unanswered": 0.0},
        [{"label": one, "support": 2, "precision": 0.5, "recall": 1.0, "f1": 0.6} for one in LABELS],
        [mistake()],
        Confusion(LABELS, np.array([[1, 0], [1, 1]]), "photos"),
        (Problem("labels.csv:3", "truncated", "the JPEG ends too early"),),
        temperature=1.3,
        reliability=bins,
        calibrated=bins,
        agreement=Agreement("kappa", 3, 0.8, 0.7, None),
    )


def detected() -> Measured:
    known = (ShownBox("shoe", Box(10, 10, 100, 100), False),)
    found = (
        ShownBox("bag <b>", Box(300, 5, 390, 100), False, 0.9),
        ShownBox("shoe", Box(1, 1, 9, 9), True, 0.8),
    )
    return Measured(
        "detect",
        LABELS,
        2,
        {"map50": 0.5, "map": 0.4},
        [
            {"label": one, "support": 0, "ap50": None, "ap": None, "precision": None, "recall": 0.5}
            for one in LABELS
        ],
        [mistake(known_boxes=known, found_boxes=found)],
        Confusion((*LABELS, "nothing"), np.array([[1, 0, 2], [0, 1, 0], [3, 0, 0]]), "objects"),
        curves={"shoe": np.linspace(1, 0, 101), "all labels": np.ones(101), "any label": np.ones(101)},
    )


def segmented() -> Measured:
    mask = np.ones((30, 40), np.uint8)
    return Measured(
        "segment",
        LABELS,
        2,
        {"miou": 0.5},
        [{"label": one, "support": 9, "iou": 0.5, "dice": 0.6} for one in ("background", *LABELS)],
        [mistake(known_mask=mask * 2, found_mask=mask), mistake(found_mask=mask)],
        Confusion(("background", *LABELS), np.array([[900, 1, 0], [0, 9, 0], [0, 9, 0]]), "pixels"),
    )


MADE: list[Callable[[], Measured]] = [classified, detected, segmented]


def report(after: Measured, **more: Any) -> Report:
    plain: dict[str, Any] = {
        "model": "shoes@1",
        "after": after,
        "data": DataFacts(
            "labels.csv",
            {"train": SplitFacts(70, 30, {"shoe": 70}), "test": SplitFacts(3, 2)},
            [Problem(f"labels.csv:{k}", "no_such_photo", f"there is no file {k}.jpg") for k in range(120)],
            duplicates=4,
        ),
        "recipe": {"name": "shoes", "optimise": {"rate": 0.001}, "description": "Shoes & bags"},
        "history": [
            {"epoch": k, "loss": NAN if k == 1 else 1 / (k + 1), "metric": 0.5 + k / 10, "rate": 1e-3}
            for k in range(3)
        ],
        "best_epoch": 2,
        "seconds": 75.0,
    }
    return Report(**{**plain, **more})


class Page(HTMLParser):
    """Collects tags, addresses and text; elements must be closed in order."""

    EMPTY = frozenset(("meta", "img", "br", "path", "rect", "use"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(folder: Path) -> Page:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "http" not in text
    assert "//" not in text.replace("base64,//", "").partition("<body>")[0]
    parsed = Page()
    parsed.feed(text)
    assert parsed.open == []
    return parsed


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("compared", [False, True])
def test_json_follows_its_schema(tmp_path: Path, made: Callable[[], Measured], compared: bool) -> None:
    after = made()
    json_path, _ = write_report(tmp_path, report(after, before=after if compared else None))
    found = json.loads(json_path.read_text(encoding="utf-8"), parse_constant=lambda word: pytest.fail(word))
    jsonschema.validate(found, SCHEMA)
    assert found["test"] == found["after"] == after.figures
    assert found["before"] == (after.figures if compared else None)
    assert found["history"][1]["loss"] is None
    assert found["data"]["problems"]["count"] == 120
    assert found["data"]["problems"]["codes"] == {"no_such_photo": 120}
    assert found["confusion"]["counts"] == after.confusion.counts.tolist()
    assert found["recipe"]["optimise"] == {"rate": 0.001}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("compared", [False, True])
def test_the_page_stands_alone(tmp_path: Path, made: Callable[[], Measured], compared: bool) -> None:
    after = made()
    write_report(tmp_path / "run", report(after, before=after if compared else None))
    found = page(tmp_path / "run")
    assert found.addresses
    assert all(one.startswith(("data:image/jpeg;base64,", "#")) for one in found.addresses)
    assert not {"script", "link", "iframe"} & {*found.tags}
    assert found.tags.count("svg") >= 3
    for words in ("shoes@1", "bag <b>", "Shoes & bags", "there is no file 9.jpg", "120", "no such photo"):
        assert words in found.text
    assert ("before training" in found.text) == compared


def test_a_report_of_almost_nothing(tmp_path: Path) -> None:
    bare = replace(
        detected(),
        figures={},
        per_label=[],
        mistakes=[],
        curves=None,
        confusion=Confusion((), np.zeros((0, 0), np.int64), "objects"),
    )
    empty = Report(model="m", after=bare, data=DataFacts("x", {}), recipe={})
    write_report(tmp_path, empty)
    assert "cannot tell" in page(tmp_path).text
    assert as_document(empty)["agreement"] is None


@pytest.mark.parametrize("fails", [1, 2])
def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int) -> None:
    write_report(tmp_path, report(classified()))
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    calls = 0

    def full(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == fails:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as raised:
        write_report(tmp_path, report(segmented()))
    assert raised.value.errno == errno.ENOSPC
    after = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert after == before


def test_without_matplotlib_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(TrainingError, match=r"pip install 'tagmill\[train\]'"):
        write_report(tmp_path, report(classified()))
    assert list(tmp_path.iterdir()) == []


def test_the_verdict_says_where_it_came_from() -> None:
    after = replace(classified(), count=1000, figures={"top1": 0.9})
    before = replace(after, figures={"top1": 0.1})
    sentence = wording.verdict(after, before)
    assert sentence.startswith("Top-1 accuracy is 90.0 % on 1,000 photos the model never saw, up from 10.0 %")
    assert "88.0 to 91.7" in sentence
    assert "down from" in wording.verdict(before, after)
    assert "as it was" in wording.verdict(after, after)
    assert wording.verdict(detected(), None) == "mAP@.5 is 0.500 on 2 photos the model never saw."
    assert "Box overlap is 0.700" in wording.verdict(replace(segmented(), figures={"boxes_iou": 0.7}), None)


def test_the_interval_is_wilsons() -> None:
    """Newcombe 1998, table I: 81 of 263."""
    assert wording.interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    low, high = wording.interval(1.0, 10)
    assert low < 0.75
    assert high == 1.0


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("top1", 0.5, 0.6, ("+10.0", "better")),
        ("top1", 0.6, 0.5, ("−10.0", "worse")),
        ("nll", 1.0, 0.5, ("−0.500", "better")),
        ("ece", 0.1, 0.2, ("+10.0", "worse")),
        ("best_threshold", 0.3, 0.4, ("+0.100", "")),
        ("map50", 0.5, 0.5, ("+0.000", "")),
        ("map50", None, 0.5, ("", "")),
    ],
)
def test_changes(name: str, before: float | None, after: float, told: tuple[str, str]) -> None:
    assert wording.change(FIGURES[name], before, after) == told


def test_confusions_in_words() -> None:
    assert wording.largest_confusions(detected().confusion) == [
        "bag <b> found where nothing is: 3 times",
        "bag <b> missed: 2 of 3 objects (66.7 %)",
    ]
    assert wording.largest_confusions(classified().confusion) == [
        "shoe taken for bag <b>: 1 of 2 photos (50.0 %)"
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (4.4, "4 s"), (75, "1 min 15 s"), (4410, "1 h 13 min")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert wording.duration(seconds) == text


def test_facts_of_a_split() -> None:
    photo = PhotoPixels(np.zeros((2, 2, 3), np.uint8), "p")
    box = Instance("shoe", Box(0, 0, 1, 1))
    samples = [
        Sample(photo, "a", "1", label="bag"),
        Sample(photo, "a", "2", label="bag"),
        Sample(photo, "b", "3", instances=(box, box)),
    ]
    assert SplitFacts.of(samples) == SplitFacts(3, 2, {"bag": 2, "shoe": 2})
