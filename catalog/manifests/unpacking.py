"""A Parquet file as pieces of Arrow, from the process that unpacks it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa

from catalog.errors import ManifestError
from catalog.manifests import parquet_process
from catalog.manifests.rows import shown


@dataclass(frozen=True, slots=True)
class Broken:
    """Nothing more will come."""

    reason: str


@dataclass(frozen=True, slots=True)
class TooLong:
    """A row that is left out."""

    size: int


class Unpacking:
    """Iterates once over record batches of bounded size, and what there is instead of some. It closes `file`.

    Raises ManifestError where the file as a whole cannot be read.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (closed below)
        self._process = subprocess.Popen(
            (sys.executable, "-P", parquet_process.__file__),
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=_environment(),
        )
        try:
            self._stream = pa.ipc.open_stream(self._process.stdout)
        except (pa.ArrowException, OSError):
            reason = self._reason()
            self.close()
            raise ManifestError(f"the manifest is no readable Parquet file: {reason}") from None
        self.schema = self._stream.schema
        self.rows = int(self.schema.metadata[parquet_process.ROWS])

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                batch, told = self._stream.read_next_batch_with_custom_metadata()
            except StopIteration:
                break
            except (pa.ArrowException, OSError):  # it broke in the midst of a piece
                yield Broken(self._reason())
                return
            yield TooLong(int(told[parquet_process.TOO_LONG])) if told else batch
        if self._process.wait():
            yield Broken(self._reason())

    def close(self) -> None:
        self._process.kill()
        if self._process.stdout:
            self._process.stdout.close()
        self._process.wait()
        self._said.close()
        self._file.close()

    def _reason(self) -> str:
        """Why it ended; it is let go by now, or will end when it is."""
        self._process.kill()
        code = self._process.wait()
        self._said.seek(0)
        lines = self._said.read(100_000).decode(errors="replace").strip().splitlines()
        return shown(lines[-1]) if lines else f"its reader died of signal {-code}"


def _environment() -> dict[str, str]:
    """Without our secrets; and with an allocator that reserves nothing ahead, since what is reserved counts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAGMILL_")}
    return {**kept, "ARROW_DEFAULT_MEMORY_POOL": "system"}
