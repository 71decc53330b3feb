"""The reason why one photo, row or box is left out, on its way to become a Problem."""

from __future__ import annotations

from models.training.samples import Problem


class LeftOut(Exception):  # never leaves `models.training`: it becomes a Problem
    """`code` is a snake_case word for machines; the sentence (`str(error)`) is for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    def at(self, origin: str) -> Problem:
        return Problem(origin, self.code, str(self))
