"""Cut-offs: the scores from which labels count, as people set them or had them fitted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from catalog.errors import BadThreshold, UnknownLabel, UnknownModel
from catalog.manifests.rows import shown


@dataclass(frozen=True, slots=True)
class CutOff:
    """A row of `thresholds`; an empty label is the model's default.

    The last three are None where it was set by hand: the precision (0 to 1) that it was fitted for, on how many words
    of people, and when.
    """

    model: str
    label: str
    threshold: float
    updated_at: datetime
    target_precision: float | None
    reviews: int | None
    fitted_at: datetime | None


def every(connection: sa.Connection) -> list[CutOff]:
    """All that are set, by model and label."""
    return [CutOff(*row) for row in connection.execute(_EVERY)]


def put(connection: sa.Connection, model: str, label: str, threshold: float) -> None:
    """Set the cut-off of a label of `model`, or with an empty label its default; what was fitted is forgotten.

    Raises UnknownModel, UnknownLabel, BadThreshold.
    """
    if not 0 <= threshold <= 1:  # NaN, too, is neither
        raise BadThreshold(f"a threshold is a score from 0 to 1, not {threshold:g}")
    check(connection, model, [label] if label else [])
    connection.execute(_PUT, {"model": model, "label": label, "threshold": threshold})


def clear(connection: sa.Connection, model: str, label: str) -> bool:
    """Forget a cut-off: the model's default counts again, or 0.5. True where there was one."""
    check(connection, model, [label] if label else [])
    return connection.execute(_CLEAR, {"model": model, "label": label}).rowcount > 0


def check(connection: sa.Connection, model: str, labels: list[str]) -> None:
    """Raises UnknownModel where no version has this name, UnknownLabel where none gives a label."""
    known = connection.execute(_KNOWN).all()
    mine = {label for name, given in known if name == model for label in given}
    if model not in {name for name, _ in known}:
        names = ", ".join(sorted({name for name, _ in known})) or "none"
        raise UnknownModel(f"there is no model {shown(model)!r}; registered are: {names}")
    for label in labels:
        if label not in mine:
            raise UnknownLabel(
                f"{model} does not give the label {shown(label)!r}; see `tagmill models show {model}`"
            )


_EVERY = sa.text(
    """
    SELECT model_name, label, threshold, updated_at,
           CASE WHEN fitted_at = updated_at THEN target_precision END,
           CASE WHEN fitted_at = updated_at THEN reviews END,
           CASE WHEN fitted_at = updated_at THEN fitted_at END
    FROM thresholds ORDER BY model_name, label COLLATE "C"
    """
)

_KNOWN = sa.text("SELECT name, labels FROM model_versions ORDER BY name, version")

_PUT = sa.text(
    """
    INSERT INTO thresholds (model_name, label, threshold) VALUES (:model, :label, :threshold)
    ON CONFLICT (model_name, label) DO UPDATE
        SET threshold = excluded.threshold, updated_at = now(), target_precision = NULL, reviews = NULL,
            fitted_at = NULL
    """
)

_CLEAR = sa.text("DELETE FROM thresholds WHERE model_name = :model AND label = :label")
