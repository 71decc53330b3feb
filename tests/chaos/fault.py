"""A fault as a value: what happens, at which step of a worker, and to which photo."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FAULTS, FOLDER = "CHAOS_FAULTS", "CHAOS_FOLDER"
DIRECT_REDIS = "CHAOS_DIRECT_REDIS"  # where a host looks for waiting messages, past a proxy

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

DEADLY = ("kill", "kill_host", "hang", "device_assertion")
"""Actions after which a process is gone, sooner or later."""

Action = Literal["kill", "kill_host", "hang", "pause", "out_of_memory", "device_assertion", "triple"]


@dataclass(slots=True)
class Fault:
    """`action` at `step` after it was reached `skip` times: once, whichever process comes first, or `always`.

    `photo` (SHA-256) or `batch_above` narrow it to this photo, or to batches of more photos.
    """

    name: str
    step: str
    action: Action
    skip: int = 0
    always: bool = False
    photo: str = ""
    batch_above: int = 0

    def happened(self, folder: Path) -> bool:
        """Note it, with the time. Of a fault that happens once, False to all processes but the first."""
        note, once = folder / self.name, os.O_EXCL if not self.always else os.O_APPEND
        try:
            file = os.open(note, os.O_CREAT | os.O_WRONLY | once)
        except FileExistsError:
            return False
        os.write(file, f"{json.dumps([self.action, time.time()])}\n".encode())
        os.close(file)
        return True

    def concerns(self, photo: str, batch: int) -> bool:
        return (not self.photo or self.photo == photo) and batch >= self.batch_above


def render(faults: Iterable[Fault]) -> str:
    return json.dumps([asdict(fault) for fault in faults])


def read_notes(folder: Path) -> Iterator[tuple[str, float]]:
    """Action and time of all that has happened."""
    for note in folder.glob("*"):
        for line in note.read_text().splitlines():
            action, at = json.loads(line)
            yield action, at


def parse(text: str) -> list[Fault]:
    return [Fault(**fields) for fields in json.loads(text)]
