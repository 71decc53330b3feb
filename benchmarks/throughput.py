"""Photos a second: Tagmill's whole path, its peers and the hardware's limit, in turns.

`python -m benchmarks.throughput [--quick] [--only NAME …]`: photos in S3, ids in Redis, rows in Postgres, masks in S3,
all services on this machine. Each figure is the median of the rounds; ratios are medians of each round's ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import PEERS
from benchmarks.photos import write_photos
from benchmarks.rows import Row, print_rows
from benchmarks.scratch import scratch
from benchmarks.shop import Shop, open_shop

ALL = ("classify", "detect", "segment", "embed")
ONE = ("classify",)
HOME = Path(os.environ.get("TAGMILL_BENCH_HOME", ".tagmill/bench"))
"""Photos and compiled networks are kept here between runs."""


@dataclass(frozen=True, slots=True)
class Size:
    """`photos` for what is fast, `few` for peers as documented, several `rounds`."""

    photos: int
    few: int
    rounds: int


FULL, QUICK = Size(2048, 100, 3), Size(1024, 100, 1)
Rates = dict[str, list[float]]


def measure(quick: bool, only: Sequence[str] = ()) -> list[Row]:
    """All figures of this file."""
    size = QUICK if quick else FULL
    manifest = write_photos(HOME.absolute() / "photos", size.photos)
    with scratch() as place, ExitStack() as stack:
        cache = HOME.absolute() / "cache"
        one, every = open_shop(place, ONE, cache), open_shop(place, ALL, cache)
        for shop in (one, every):
            shop.ingest(manifest)
        entrants = _entrants(one, every, place.folder, size)
        chosen = {name: run for name, run in entrants.items() if not only or any(o in name for o in only)}
        for shop, label in ((one, "tagmill, classifier"), (every, "tagmill, all four tasks")):
            if label in chosen:
                stack.enter_context(shop.workers(place.folder / "workers.log"))
                rate(shop, size.photos)  # compiled and warm
        rates: Rates = {name: [] for name in chosen}
        for turn in range(size.rounds):
            for name in list(chosen)[:: 1 if turn % 2 == 0 else -1]:
                rates[name].append(chosen[name]())
                print(f"{name}: {rates[name][-1]:.1f} photos/s", file=sys.stderr, flush=True)
    return rows(rates)


def _entrants(one: Shop, every: Shop, folder: Path, size: Size) -> dict[str, Callable[[], float]]:
    files = {}
    for count in {size.photos, size.few}:
        files[count] = folder / f"keys-{count}"
        files[count].write_text("\n".join(one.keys()[:count]))

    def program(count: int, module: str, *arguments: str) -> Callable[[], float]:
        return lambda: _program(one, module, "--keys", str(files[count]), *arguments)

    def limit(tasks: Sequence[str], stage: str) -> Callable[[], float]:
        return program(size.photos, "benchmarks.limit", "--tasks", ",".join(tasks), "--stage", stage)

    found = {
        "tagmill, classifier": lambda: rate(one, size.photos),
        "limit, classifier: fetch, decode, forward": limit(ONE, "fetch"),
        "limit, classifier: decode, forward": limit(ONE, "decode"),
        "limit, classifier: forward": limit(ONE, "forward"),
        "tagmill, all four tasks": lambda: rate(every, size.photos),
        "limit, all four tasks: fetch, decode, forward": limit(ALL, "fetch"),
        "limit, all four tasks: forward": limit(ALL, "forward"),
    }
    for peer in PEERS:
        module = f"benchmarks.peers.{peer}"
        found[f"{peer}, as documented"] = program(size.few, module)
        found[f"{peer}, tuned"] = program(size.photos, module, "--tuned")
    return found


def rate(shop: Shop, photos: int) -> float:
    """Photos a second through a shop whose workers run."""
    shop.reset()
    return photos / shop.seconds()


def _program(shop: Shop, module: str, *arguments: str) -> float:
    """Photos a second by the last line that a program prints; 0 where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env=shop.environment, capture_output=True, text=True
    )
    if done.returncode:
        print(f"{module} failed: {done.stderr[-500:]}", file=sys.stderr)
        return 0.0
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return float(found["photos"] / found["seconds"])


def rows(rates: Rates) -> list[Row]:
    """What was measured, and the ratios that have a target."""
    found = [
        Row(
            name,
            statistics.median(values),
            "photos/s",
            None,
            at_least=True,
            note="" if all(values) else "failed",
        )
        for name, values in rates.items()
    ]

    def ratio(name: str, above: str, below: Sequence[str], target: float) -> None:
        if above in rates and (there := [one for one in below if any(rates.get(one, ()))]):
            pairs = [value / max(rates[one][k] for one in there) for k, value in enumerate(rates[above])]
            found.append(Row(name, statistics.median(pairs), "×", target, at_least=True))

    ratio(
        "tagmill ÷ limit, classifier",
        "tagmill, classifier",
        ["limit, classifier: fetch, decode, forward"],
        0.95,
    )
    ratio(
        "tagmill ÷ limit, all four tasks",
        "tagmill, all four tasks",
        ["limit, all four tasks: fetch, decode, forward"],
        0.95,
    )
    ratio("all four tasks ÷ classifier", "tagmill, all four tasks", ["tagmill, classifier"], 0.5)
    ratio(
        "tagmill ÷ best peer as documented",
        "tagmill, classifier",
        [f"{peer}, as documented" for peer in PEERS],
        6.0,
    )
    ratio("tagmill ÷ best peer as tuned", "tagmill, classifier", [f"{peer}, tuned" for peer in PEERS], 1.3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer photos, one round")
    parser.add_argument("--only", nargs="*", default=[], help="entrants whose name contains one of these")
    given = parser.parse_args()
    print_rows(measure(given.quick, given.only))


if __name__ == "__main__":
    main()
