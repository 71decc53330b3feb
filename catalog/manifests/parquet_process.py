"""A process of its own that unpacks Parquet from standard input, as a stream of Arrow to standard output.

A few hundred bytes of Parquet may stand for gigabytes, whatever its footer says, and nobody can know before they are
unpacked. Here they are unpacked under a cap of memory, and what breaks is this process alone.

It is run by its path and imports nothing of ours.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

MEMORY = 1 << 30
"""Bytes that unpacking may take; the file itself may have any size."""
PIECE = 32 << 20
"""Bytes of rows that are handed on at once. A row of more is handed on without its values, and marked `TOO_LONG`."""
TOO_LONG = b"too_long"
ROWS = b"rows"

_BATCH = 1_024


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who reads us ends us
    _cap_memory()
    try:
        with os.fdopen(0, "rb") as source, os.fdopen(os.dup(1), "wb") as sink:
            _copy(source, sink)
    except BrokenPipeError:
        return 0
    except MemoryError:
        return _fail(f"it unpacks to more than the {MEMORY >> 20:,} MiB that are given for it")
    except (pa.ArrowException, OSError, ValueError) as error:
        return _fail(" ".join(str(error).split())[:1_000])
    return 0


def _copy(source: IO[bytes], sink: IO[bytes]) -> None:
    # Pre-buffering would hold a whole row group's bytes, and some files have only one row group.
    file = pq.ParquetFile(source, pre_buffer=False, buffer_size=1 << 16, thrift_container_size_limit=100_000)
    schema = pa.schema([field.with_type(_plain(field.type)) for field in file.schema_arrow])
    rows = {ROWS: str(file.metadata.num_rows)}
    with pa.ipc.new_stream(sink, schema.with_metadata(rows)) as stream:
        for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
            for piece in _pieces(batch.cast(schema)):
                _write(stream, piece)


def _write(stream: Any, piece: Any) -> None:
    if piece.nbytes <= PIECE:
        stream.write_batch(piece)
    else:
        stream.write_batch(piece.slice(0, 0), custom_metadata={TOO_LONG: str(piece.nbytes)})


def _pieces(batch: Any) -> Iterator[Any]:
    half = batch.num_rows // 2
    if half and batch.nbytes > PIECE:
        yield from _pieces(batch.slice(0, half))
        yield from _pieces(batch.slice(half))
    else:
        yield batch


def _plain(kind: Any) -> Any:
    """Without a dictionary, which would be handed on whole with each piece."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _cap_memory() -> None:
    """Beside what is mapped by now: libraries, whose size is no measure of anything."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _fail(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
