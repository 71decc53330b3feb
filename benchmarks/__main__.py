"""All figures: `python -m benchmarks [--quick]`, or `make bench`. Prints a table, writes JSON and a plot.

Each file can be run alone: throughput, stages, startup, ingest, ledger, sql, search, recommend, lanes, forecasts,
endurance, masks, protection.
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

from benchmarks import (
    endurance,
    forecasts,
    ingest,
    lanes,
    ledger,
    masks,
    recommend,
    search,
    sql,
    stages,
    startup,
    throughput,
)
from benchmarks.plot import draw
from benchmarks.rows import Row, print_rows
from workers.device import cores

PARTS = {
    "throughput": throughput.measure,
    "stages": stages.measure,
    "startup": startup.measure,
    "ingest": ingest.measure,
    "ledger": ledger.measure,
    "sql": sql.measure,
    "search": search.measure,
    "recommend": recommend.measure,
    "lanes": lanes.measure,
    "forecasts": forecasts.measure,
    "endurance": endurance.measure,
    "masks": masks.measure,
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same rows, rougher, sooner")
    parser.add_argument(
        "--parts",
        nargs="*",
        choices=list(PARTS),
        default=list(PARTS),
        help="the others' rows stay as they were",
    )
    given = parser.parse_args()
    for part in given.parts:
        started = time.monotonic()
        rows = write(part, PARTS[part](given.quick), quick=given.quick)
        print(f"== {part}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print(hardware())
    print_rows(rows)


def write(part: str, fresh: Sequence[Row], *, quick: bool) -> list[Row]:
    """A part's rows into the results, `latest` or `quick` for rough ones, in place of those it had; rates as a plot.

    Returns all rows there are now. Those of another machine are not kept.
    """
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / ("quick.json" if quick else "latest.json")
    found = json.loads(file.read_text()) if file.exists() else {}
    kept = found["rows"] if found.get("hardware") == hardware() else []
    measured_at = datetime.now(UTC).isoformat(timespec="minutes")
    entries = [entry for entry in kept if entry["part"] != part]
    entries += [{"part": part, "measured_at": measured_at, **row.to_dict()} for row in fresh]
    entries.sort(key=lambda entry: list(PARTS).index(entry["part"]))
    text = json.dumps({"hardware": hardware(), "rows": entries}, indent=1, ensure_ascii=False)
    file.write_text(text + "\n")
    rows = [Row.from_dict(entry) for entry in entries]
    if any(row.unit == "photos/s" for row in rows):
        draw(rows, hardware(), file.with_suffix(".png"))
    return rows


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
