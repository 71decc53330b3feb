"""What became of one work item: stored, to be tried again, or quarantined with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from models.predictions import Prediction


class ItemKey(NamedTuple):
    """A work item: one photo for one model version."""

    image_id: int
    model_version_id: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The model answered; `mask_key` is where the mask of a segmentation was put."""

    key: ItemKey
    prediction: Prediction
    mask_key: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. An attempt that is not `counted` was nobody's fault but a service's, and costs nothing.

    It is `deferred` where the service answered for others meanwhile: that is counted apart.
    """

    key: ItemKey
    code: str
    reason: str
    delay: timedelta
    counted: bool = True
    deferred: bool = False


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Never, until a person looks: `code` names the cause, `reason` is a sentence."""

    key: ItemKey
    code: str
    reason: str


Outcome = Stored | Retry | Quarantined
