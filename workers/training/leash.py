"""`python -m workers.training.leash PID …` is `tagmill …` that does not outlive PID, who started it.

A trainer that is killed must leave no training behind that writes into the folder in which its successor goes on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from workers.cli import main

PR_SET_PDEATHSIG = 1  # prctl(2), Linux


def hold(parent: int) -> None:
    """Let the kernel kill this process when the thread that started it ends. Elsewhere than on Linux, nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended while we were loading
            sys.exit(1)


if __name__ == "__main__":
    hold(int(sys.argv.pop(1)))
    # What a shell starts in the background ignores Ctrl-C, and so would this; the trainer asks it to stop that way.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
