"""What a machine calls itself: whoever listens there hears nobody else."""

from __future__ import annotations

THIS_MACHINE = frozenset(("127.0.0.1", "::1", "localhost"))
