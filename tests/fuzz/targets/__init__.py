"""What is fuzzed, and its share of the time. A target's module is imported by the process that needs it."""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.target import Target

SHARES = {
    "photos": 8,
    "pictures": 2,
    "csv": 3,
    "jsonl": 2,
    "parquet": 3,
    "tables": 2,
    "words": 1,
    "specs": 2,
    "weights": 1,
    "labelled": 2,
    "uploads": 1,
    "messages": 1,
}


def load(name: str) -> Target:
    """The target of this name, `TARGET` of its module."""
    found: Target = import_module(f"tests.fuzz.targets.{name}").TARGET
    return found
