"""`/models`: which versions there are, and which serve."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from catalog import versions
from catalog.versions import Version
from models.predictions import Task
from workers.web.deps import Reading

router = APIRouter(tags=["models"])


class Model(BaseModel):
    """`key` is NAME@VERSION; `metrics` are what its maker measured, or `tagmill evaluate`."""

    key: str
    name: str
    version: int
    task: Task
    state: str
    on_ingest: bool
    labels: list[str]
    metrics: dict[str, Any]


@router.get("/models")
def models(connection: Reading) -> list[Model]:
    """All registered versions, by name."""
    return [_told(version) for version in versions.every(connection)]


def _told(version: Version) -> Model:
    return Model(
        key=version.key,
        name=version.name,
        version=version.version,
        task=version.task,
        state=version.state,
        on_ingest=version.on_ingest,
        labels=list(version.spec.get("labels", ())),
        metrics=version.spec.get("metrics", {}),
    )
