"""Predictions as rows: raw scores, written in the transaction that marks their work item done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, cast

import sqlalchemy as sa

from catalog.copying import copy
from catalog.outcomes import ItemKey, Stored
from catalog.tables import Base, ClassificationRow, DetectionRow, EmbeddingRow, PhotoFactsRow, SegmentRow
from models.predictions import Box, Classification, Detections, Embedding, Facts, Prediction, Segmentation

Row = dict[str, Any]
Rows = list[tuple[type[Base], Row]]


def write(connection: sa.Connection, results: Iterable[Stored]) -> None:
    """Let `results` be all that is stored of their items, all rows of a table in one COPY.

    An item that was opened again has rows of the time before; they go in the same transaction.
    """
    results = list(results)
    _forget(connection, results)
    tables: defaultdict[type[Base], list[Row]] = defaultdict(list)
    for result in results:
        for table, row in rows_of(result):
            tables[table].append({**result.key._asdict(), **row})
    for table, rows in tables.items():
        copy(connection, cast(sa.Table, table.__table__), rows)


def _forget(connection: sa.Connection, results: Sequence[Stored]) -> None:
    keys: defaultdict[str, list[ItemKey]] = defaultdict(list)
    for result in results:
        keys[_TABLES[type(result.prediction)].__tablename__].append(result.key)
    for table, of in keys.items():
        columns = {
            "images": [key.image_id for key in of],
            "versions": [key.model_version_id for key in of],
        }
        connection.execute(sa.text(_FORGET.format(table=table)), columns)


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


_TABLES: dict[type[Prediction], type[Base]] = {
    Classification: ClassificationRow,
    Detections: DetectionRow,
    Segmentation: SegmentRow,
    Embedding: EmbeddingRow,
    Facts: PhotoFactsRow,
}

_FORGET = """
    DELETE FROM {table} old
    USING unnest(CAST(:images AS bigint[]), CAST(:versions AS bigint[])) AS item (image_id, version_id)
    WHERE old.image_id = item.image_id AND old.model_version_id = item.version_id
"""
