"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
