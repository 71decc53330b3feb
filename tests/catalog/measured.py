"""What reading a manifest costs, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_READ = """
import json, re, resource, sys
from collections import Counter
from pathlib import Path
from catalog.manifests import open_manifest

with open_manifest(sys.argv[1]) as manifest:
    codes = Counter(getattr(row, "code", "good") for row in manifest)
# Its own resource usage counts what the process had from which this one was forked.
own = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10
below = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
print(json.dumps({"codes": codes, "peak": own, "peak_below": below}))
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
