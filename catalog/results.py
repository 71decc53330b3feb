"""Predictions as rows: raw scores, written once in the transaction that marks their work item done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, cast

import sqlalchemy as sa

from catalog.copying import copy
from catalog.outcomes import Stored
from catalog.tables import Base, ClassificationRow, DetectionRow, EmbeddingRow, PhotoFactsRow, SegmentRow
from models.predictions import Box, Classification, Detections, Embedding, Facts, Segmentation

Row = dict[str, Any]
Rows = list[tuple[type[Base], Row]]


def write(connection: sa.Connection, results: Iterable[Stored]) -> None:
    """Append the rows of `results`, all rows of a table in one COPY."""
    tables: defaultdict[type[Base], list[Row]] = defaultdict(list)
    for result in results:
        for table, row in rows_of(result):
            tables[table].append({**result.key._asdict(), **row})
    for table, rows in tables.items():
        copy(connection, cast(sa.Table, table.__table__), rows)


def rows_of(result: Stored) -> Rows:
    """The rows one prediction becomes; nothing found is no rows, and the work item is done all the same."""
    match result.prediction:
        case Classification(scores):
            return [
                (ClassificationRow, {"rank": rank, "label": score.label, "score": score.score})
                for rank, score in enumerate(scores, start=1)
            ]
        case Detections(items):
            return [
                (DetectionRow, {"ordinal": n, "label": item.label, "score": item.score, **_edges(item.box)})
                for n, item in enumerate(items)
            ]
        case Segmentation(segments=segments):
            return [
                (
                    SegmentRow,
                    {
                        "label": segment.label,
                        "score": segment.score,
                        "area": segment.area,
                        "mask_key": result.mask_key,
                        **_edges(segment.box),
                    },
                )
                for segment in segments
            ]
        case Embedding(vector):
            return [(EmbeddingRow, {"embedding": vector})]
        case Facts() as facts:
            return [(PhotoFactsRow, _facts(facts))]


def _facts(facts: Facts) -> Row:
    first = facts.colours[0]
    return {
        "colour": first.name,
        "colour_hex": first.hex,
        "colours": [asdict(colour) for colour in facts.colours],
        "sharpness": facts.sharpness,
        "exposure": facts.exposure,
        "background": facts.background,
        "product_share": facts.product_share,
        "masked": facts.masked,
        "perceptual_hash": facts.perceptual_hash,
    }


def _edges(box: Box) -> Row:
    return {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}
