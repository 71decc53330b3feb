"""Files that commands write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from catalog.errors import CannotWrite


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A file that is there whole, or as it was. Raises CannotWrite."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
