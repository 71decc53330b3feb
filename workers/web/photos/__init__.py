"""Photos, small ones, cut-outs and masks, out of the private store."""

from __future__ import annotations

from workers.web.photos.colours import colour
from workers.web.photos.sides import SIDES

__all__ = ["SIDES", "colour"]
