"""A fault as a value: what happens, at which step of a worker, and to which photo."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

FAULTS, FOLDER = "CHAOS_FAULTS", "CHAOS_FOLDER"

STEPS = (
    "popped",
    "claimed",
    "fetched",
    "decoded",
    "inferred",
    "mask_put",
    "before_commit",
    "after_commit",
    "before_ack",
)
"""The steps of a chunk at which a worker can be killed, in order."""

Action = Literal["kill", "kill_host", "hang", "pause", "out_of_memory", "device_assertion", "triple"]


@dataclass(slots=True)
class Fault:
    """`action` at `step`, once, after the step was reached `skip` times; `always`: each time.

    `photo` (SHA-256) or `batch_above` narrow it to this photo, or to batches of more photos.
    """

    name: str
    step: str
    action: Action
    skip: int = 0
    always: bool = False
    photo: str = ""
    batch_above: int = 0

    def concerns(self, photo: str, batch: int) -> bool:
        return (not self.photo or self.photo == photo) and batch >= self.batch_above


def render(faults: Iterable[Fault]) -> str:
    return json.dumps([asdict(fault) for fault in faults])


def parse(text: str) -> list[Fault]:
    return [Fault(**fields) for fields in json.loads(text)]
