"""Single keys from a terminal, without Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def keys() -> Iterator[Callable[[float], str]]:
    """In the block, a function that waits so many seconds for a key: that key, or nothing.

    What else was typed is not echoed; the terminal is as before afterwards. Where standard input is no terminal, no
    key comes.
    """
    if not sys.stdin.isatty():
        yield _none
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _key
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _key(seconds: float) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    # Past the buffer of `sys.stdin`: what it holds already, select would not tell of.
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""


def _none(seconds: float) -> str:
    select.select([], [], [], seconds)
    return ""
