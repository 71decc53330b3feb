"""A child that mutates a target's seeds: `python -m tests.fuzz.mutated TARGET --seconds 60 --seed 7`."""

from __future__ import annotations

import argparse
import sys
import time
from itertools import count
from pathlib import Path
from random import Random

from tests.fuzz.mutate import mutate, one_by_one
from tests.fuzz.target import Target
from tests.fuzz.targets import SHARES, load
from tests.fuzz.watch import FOUND, Watch, quiet

FOLDER = Path(".fuzz")
SYSTEMATIC = 0.3
"""Of the time: what needs no chance goes first, in an order that the seed chooses."""
LARGEST = 1 << 16
"""Larger seeds, the bombs, are run as they are."""


def fuzz(target: Target, watch: Watch, seed: int, seconds: float) -> None:
    """All seeds, and then what they become, until the time is up."""
    chance = Random(seed)
    seeds = list(target.seeds())
    begun = time.monotonic()
    for data in seeds:
        watch.run(data)
    small = [data for data in seeds if len(data) <= LARGEST]
    chance.shuffle(small)
    for share, cases in (
        (SYSTEMATIC, (wrong for data in small for wrong in one_by_one(data))),
        (1.0, (mutate(chance.choice(small), chance, small) for _ in count())),
    ):
        for data in cases:
            if time.monotonic() - begun > share * seconds:
                break
            watch.run(data)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.mutated", description=__doc__)
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0, help="of several targets each has its share")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--hand", type=Path, default=FOLDER / "hand")
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True, parents=True)
    found, whole = 0, sum(SHARES[name] for name in given.targets)
    with quiet():
        for name in given.targets:
            watch = Watch(load(name), given.folder, given.hand)
            fuzz(load(name), watch, given.seed, given.seconds * SHARES[name] / whole)
            found += watch.found
    sys.exit(FOUND if found else 0)


if __name__ == "__main__":
    main()
