"""`_export.json`: what an export was asked for, and how far it is. Replaced whole after each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Literal

from pydantic import BaseModel, ConfigDict

What = Literal["tags", "detections", "segments", "embeddings", "coco", "cutouts"]
Format = Literal["parquet", "csv", "json", "png"]
Of = Literal["image", "product"]

FILE = "_export.json"  # readers of a folder of Parquet pass over names that begin so


class Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Asked(Record):
    """What the command said; another export into the same place differs in it."""

    what: What
    format: Format
    columns: tuple[str, ...]
    where: tuple[str, ...]
    models: tuple[str, ...]
    photos_a_part: int


class Span(Record):
    """Ids of photos, or of products, from `first` to before `end`."""

    of: Of
    first: int
    end: int


class Part(Record):
    """What one range of ids became; `failed` are photos that could not be used."""

    files: tuple[str, ...]
    rows: int
    bytes: int
    failed: int = 0


class State(Record):
    """`versions` and `spans` are fixed when it begins: what is promoted or taken in later is not part of it.

    They mean something in one database only, which `catalog` names.
    """

    tagmill: str
    catalog: str
    asked: Asked
    versions: tuple[str, ...]
    spans: tuple[Span, ...]
    job_id: int
    again: bool = False
    ranges_done: int = 0
    parts: tuple[Part, ...] = ()
    seconds: float = 0.0
    finished_at: datetime | None = None

    @property
    def files(self) -> set[str]:
        return {file for part in self.parts for file in part.files}

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    @property
    def failed(self) -> int:
        return sum(part.failed for part in self.parts)

    def ranges(self) -> list[Range]:
        """All that is to be read, in order."""
        step = self.asked.photos_a_part
        return [
            Range(span.of, first, min(first + step, span.end))
            for span in self.spans
            for first in range(span.first, span.end, step)
        ]

    @property
    def is_at_last_range(self) -> bool:
        step = self.asked.photos_a_part
        return self.ranges_done + 1 == sum(ceil((span.end - span.first) / step) for span in self.spans)

    def with_part(self, part: Part | None, seconds: float) -> State:
        """One range further; None where it left no file."""
        change = {
            "ranges_done": self.ranges_done + 1,
            "parts": (*self.parts, *([part] if part else [])),
            "seconds": self.seconds + seconds,
        }
        return self.model_copy(update=change)


@dataclass(frozen=True, slots=True)
class Range:
    """Ids from `first` to before `end`: what one part is made of."""

    of: Of
    first: int
    end: int

    @property
    def parameters(self) -> dict[str, int]:
        return {"first": self.first, "end": self.end}


def ids(ranges: Sequence[Range]) -> int:
    """How many ids they span."""
    return sum(one.end - one.first for one in ranges)
