"""`python -m workers.cli`, the same as `tagmill`."""

from __future__ import annotations

from workers.cli import main

main()
