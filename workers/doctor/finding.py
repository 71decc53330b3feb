"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is a word for alerts, see docs/alerts.md; `remedy` says what to do unless the level is `ok`."""

    code: str
    level: Literal["ok", "warn", "fail"]
    sentence: str
    remedy: str = ""


def judge(
    code: str, good: bool, sentence: str, remedy: str, bad: Literal["warn", "fail"] = "warn"
) -> Finding:
    """`ok`, or `bad` with its remedy."""
    return Finding(code, "ok", sentence) if good else Finding(code, bad, sentence, remedy)
