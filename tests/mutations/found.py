"""What the fuzzer found is mended by these."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

AGAIN = "tests/fuzz/test_fuzz.py::test_what_was_found_stays_mended"

MUTATIONS = (
    Mutation(
        "profiles are believed",
        "models/colour.py",
        "    if not tables_fit(profile):\n        return None\n",
        "",
        AGAIN,
    ),
    Mutation(
        "any picture is a mask",
        "workers/masks.py",
        "if photo.image.mode not in _NUMBERS:",
        "if False:",
        AGAIN,
    ),
    Mutation(
        "a cell that cannot be held ends the ingest",
        "catalog/manifests/parquet_file.py",
        "    except _DAMAGED:\n        yield from",
        "    except UnicodeDecodeError:\n        yield from",
        AGAIN,
    ),
    Mutation(
        "a directory beyond all files",
        "models/tiff.py",
        "except (struct.error, OverflowError):",
        "except struct.error:",
        AGAIN,
    ),
    Mutation(
        "memory up to the limit",
        "models/files.py",
        "file.read(size + 1) if size",
        "file.read(limit + 1) if size",
        AGAIN,
    ),
    Mutation(
        "an argument's name without end",
        "workers/arguments.py",
        "{shown('.'.join(map(str, one['loc'])))}",
        "{'.'.join(map(str, one['loc']))}",
        AGAIN,
    ),
    Mutation(
        "spaces tried in all ways",
        "catalog/filters.py",
        r"(?P<field>[^=!~<>]+)(?P<operator>",
        r"\s*(?P<field>[^=!~<>]+?)\s*(?P<operator>",
        AGAIN,
    ),
)
