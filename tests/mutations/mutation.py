"""A thing taken out of the code, and the test that must notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` becomes `new` in `file`; then `test` must fail."""

    name: str
    file: str
    old: str
    new: str
    test: str
