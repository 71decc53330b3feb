"""A child that is guided by the coverage of our code, Pillow's and pydantic's: `python -m tests.fuzz.guided TARGET …`.

atheris (https://github.com/google/atheris) gives libFuzzer the lines and comparisons of Python; a new one is worth
keeping the case for. Half of the cases are mutated as in `mutate.py`, the others by libFuzzer, which learns numbers and
words from the comparisons.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from random import Random

import atheris

from tests.fuzz.mutate import mutate
from tests.fuzz.mutated import FOLDER, LARGEST
from tests.fuzz.targets import load
from tests.fuzz.watch import Watch, quiet

INSTRUMENTED = [
    *("catalog", "models", "workers.masks", "workers.web.photos", "workers.web.bodies", "workers.arguments"),
    *("workers.sealing", "PIL", "starlette", "python_multipart", "yaml", "csv", "json"),
]


def main() -> None:
    begun = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided")
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--hand", type=Path, default=FOLDER / "hand")
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True, parents=True)
    with quiet(), atheris.instrument_imports(include=INSTRUMENTED):
        target = load(given.target)
        seeds = [data for data in target.seeds() if len(data) <= LARGEST]
        watch = Watch(target, given.folder, given.hand)

        def mutated(data: bytes, most: int, seed: int) -> bytes:
            chance = Random(seed)
            if chance.random() < 0.5:
                return mutate(data, chance, seeds)[:most]
            found: bytes = atheris.Mutate(data, most)
            return found

        with tempfile.TemporaryDirectory() as corpus:
            for number, data in enumerate(seeds):
                (Path(corpus) / f"{number}").write_bytes(data)
            flags = {
                "max_total_time": max(2, round(given.seconds - (time.monotonic() - begun))),
                "seed": given.seed + 1,
                "max_len": LARGEST,
                "timeout": 3600,  # the watch sees to time and memory, and keeps what it finds
                "rss_limit_mb": 0,
                "artifact_prefix": f"{corpus}/",
                "len_control": 0,
            }
            argv = ["guided", *(f"-{name}={value}" for name, value in flags.items()), corpus]
            atheris.Setup(argv, watch.run, custom_mutator=mutated)
            atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main()
