"""What was found out about a network on this machine, once: the form to run it in, and why. Kept beside the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

Form = Literal["int8", "bf16", "fp16", "fp32", "eager"]
FILE = "verdict.json"


class Verdict(BaseModel):
    """`batch` photos a call took `milliseconds` each; `agreement` with the eager float32 form is what the gate saw.

    `kept` names the layers that stay in float32, `reason` says why the form is no faster one.
    """

    model_config = ConfigDict(frozen=True)

    form: Form
    batch: int = 0
    milliseconds: float | None = None
    agreement: dict[str, float] = {}
    kept: list[str] = []
    reason: str = ""

    def write(self, folder: Path) -> None:
        """Whole or not at all."""
        fresh = folder / f"{FILE}.{os.getpid()}"
        fresh.write_text(self.model_dump_json(indent=1))
        fresh.replace(folder / FILE)

    @staticmethod
    def forget(folder: Path) -> None:
        """So that nobody takes a package for what an earlier verdict says."""
        (folder / FILE).unlink(missing_ok=True)

    @classmethod
    def read(cls, folder: Path) -> Verdict | None:
        """None where nothing was found out yet, or the file is damaged: then it is found out anew."""
        try:
            return cls.model_validate_json((folder / FILE).read_text())
        except (OSError, ValidationError):
            return None
