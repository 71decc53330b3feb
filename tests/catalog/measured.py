"""What reading a manifest costs, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_READ = """
import json, resource, sys
from collections import Counter
from catalog.manifests import open_manifest

with open_manifest(sys.argv[1]) as manifest:
    codes = Counter(getattr(row, "code", "good") for row in manifest)
peaks = [resource.getrusage(who).ru_maxrss << 10 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({"codes": codes, "peak": peaks[0], "peak_below": peaks[1]}))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """`codes`: how many rows were good, or bad for which reason. Bytes of memory of the reader, and of its child."""

    codes: dict[str, int]
    peak: int
    peak_below: int


def cost(path: Path) -> Cost:
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    return Cost(**json.loads(done.stdout))
