"""What was found, once more: `python -m tests.fuzz.again .fuzz/photos.error.1a2b3c`. The name says the target."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import load
from tests.fuzz.watch import FOUND, Watch, quiet


def main() -> None:
    found = 0
    with tempfile.TemporaryDirectory() as folder, quiet():
        for path in map(Path, sys.argv[1:]):
            watch = Watch(load(path.name.partition(".")[0]), Path(folder), Path(folder) / "hand")
            print(path, flush=True)
            watch.run(path.read_bytes())
            found += watch.found
    sys.exit(FOUND if found else 0)


if __name__ == "__main__":
    main()
