"""`python -m tests.fuzz --minutes 10`, or `make fuzz`: exits 1 where something was found, and names its file."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.fuzz.mutated import FOLDER
from tests.fuzz.run import Run
from tests.fuzz.targets import SHARES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, help="default: the clock's")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="what is found goes here")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all, {', '.join(SHARES)}")
    given = parser.parse_args()
    if unknown := {*given.targets} - {*SHARES}:
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are {', '.join(SHARES)}")
    seed = int(time.time()) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    run = Run(given.minutes * 60, seed, given.folder, tuple(given.targets or SHARES))
    sys.exit(0 if run.go() else 1)


if __name__ == "__main__":
    main()
