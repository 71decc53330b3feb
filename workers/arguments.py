"""What each task takes: a message with other arguments is put aside before the task begins."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from catalog.ledger import Lane
from catalog.manifests.rows import shown

Id = Annotated[int, Field(gt=0, lt=2**63)]
Moment = Annotated[AwareDatetime, Field(strict=False)]  # strictly taken, text is no time


class Arguments(BaseModel):
    """Those of a task that takes none."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Chunk(Arguments):
    """Of `tagmill.process_chunk`; `image_ids` are as many as TAGMILL_CHUNK_SIZE may say."""

    job_id: Id
    image_ids: Annotated[list[Id], Field(min_length=1, max_length=4096)]
    lane: Lane = "backlog"


class Retraining(Arguments):
    """Of `tagmill.retrain`."""

    scheduled_for: Moment


class Night(Retraining):
    """Of `tagmill.night`."""

    schedule: Literal["reprocess", "collect", "statistics"]


def sentence(error: ValidationError) -> str:
    """The first things that are wrong. What was given is not shown, and of names only their beginnings."""
    wrong = error.errors(include_url=False, include_input=False)[:3]
    return "; ".join(f"{shown('.'.join(map(str, one['loc'])))}: {one['msg']}" for one in wrong)
