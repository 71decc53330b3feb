"""The sizes that photos are shown in: few, so that each is made once."""

from __future__ import annotations

from typing import Literal, get_args

Side = Literal[160, 320, 640, 1280]
SIDES: tuple[Side, ...] = get_args(Side)
"""Pixels of the longer side; a photo that is smaller stays as it is."""
