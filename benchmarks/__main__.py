"""All figures: `python -m benchmarks [--quick]`, or `make bench`. Prints a table, writes JSON and a plot.

Each file can be run alone: throughput, stages, startup, ingest, ledger, endurance, masks, protection.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks import endurance, ingest, ledger, masks, stages, startup, throughput
from benchmarks.plot import draw
from benchmarks.rows import Row, print_rows
from workers.device import cores

PARTS = {
    "throughput": throughput.measure,
    "stages": stages.measure,
    "startup": startup.measure,
    "ingest": ingest.measure,
    "ledger": ledger.measure,
    "endurance": endurance.measure,
    "masks": masks.measure,
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the same rows, rougher, in a quarter of an hour"
    )
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    given = parser.parse_args()
    rows: list[Row] = []
    for part in given.parts:
        started = time.monotonic()
        rows += PARTS[part](given.quick)
        print(f"== {part}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        write(rows, quick=given.quick)  # after each part: what was measured is kept, whatever comes
    print(hardware())
    print_rows(rows)


def write(rows: Sequence[Row], *, quick: bool) -> None:
    """The rows as JSON, and rates as a plot: `latest`, or `quick` for rough ones."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / ("quick.json" if quick else "latest.json")
    found = {
        "hardware": hardware(),
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "rows": [row.to_dict() for row in rows],
    }
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if any(row.unit == "photos/s" for row in rows):
        draw(rows, hardware(), file.with_suffix(".png"))


def hardware() -> str:
    """The machine, as a line below figures."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = [
        int(line.split()[1]) // 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")
    ]
    bf16 = "bf16" if torch.cpu._is_avx512_bf16_supported() else "no bf16"
    return (
        f"{cores()} cores of {names[0] if names else platform.machine()}"
        f" ({torch.backends.cpu.get_cpu_capability()}, {bf16}), {memory[0] if memory else '?'} GiB,"
        f" torch {torch.__version__}, services on the same machine"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    main()
