"""A JSON document with long lists, from pieces of these: none of it is in memory as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any

BETWEEN = b",\n"


def write_list(file: IO[bytes], items: Iterable[Mapping[str, Any]]) -> int:
    """Write the items with commas between them, as a fragment; how many they were."""
    count = 0
    for item in items:
        file.write((BETWEEN if count else b"") + json.dumps(item).encode())
        count += 1
    return count


def put_together(file: IO[bytes], head: Mapping[str, Any], lists: Mapping[str, Sequence[Path]]) -> None:
    """Write `head`, which has a key at least, with further keys whose values are lists, each in fragments."""
    file.write(json.dumps(head).encode()[:-1])
    for name, fragments in lists.items():
        file.write(f", {json.dumps(name)}: [\n".encode())
        filled = [path for path in fragments if path.stat().st_size]
        for number, path in enumerate(filled):
            file.write(BETWEEN if number else b"")
            with path.open("rb") as fragment:
                copyfileobj(fragment, file)
        file.write(b"\n]")
    file.write(b"}\n")
