"""What `tagmill top` shows: a frame is everything at one moment, gathered at little cost however much is stored."""

from workers.watching.frame import Frame, Ledger
from workers.watching.watch import Watch

__all__ = ["Frame", "Ledger", "Watch"]
