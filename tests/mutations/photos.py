"""What photos may cost, and what of them is shown."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_COSTLY = "tests/models/test_costly.py::test_costly_files_are_refused_in_time"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "memory not reckoned",
        "models/photo.py",
        "    if needed > limits.memory:",
        "    if needed < 0:",
        "tests/models/test_costly.py::test_memory_is_reckoned_before_anything_is_decoded",
    ),
    Mutation(
        "sides of any length",
        "models/photo.py",
        "    if max(width, height) > LONGEST_SIDE:",
        "    if False:",
        f"{_COSTLY}[PNG one pixel wide]",
    ),
    Mutation(
        "run lengths of any size",
        "models/photo.py",
        " and width * height > _MOST_RUNS:",
        " and width < 0:",
        f"{_COSTLY}[BMP of runs]",
    ),
    Mutation(
        "scans not counted",
        "models/jpeg.py",
        "            if scans > _SCANS or scans * width * height > _SCANNED_PIXELS:",
        "            if scans < 0:",
        f"{_COSTLY}[JPEG of 400 scans of 9 megapixels]",
    ),
    Mutation(
        "segments not counted",
        "models/jpeg.py",
        "        if number > _MARKERS:",
        "        if number < 0:",
        f"{_COSTLY}[JPEG of three million comments between scans]",
    ),
    Mutation(
        "metadata without end",
        "models/jpeg.py",
        "        if not scans and at > _HEADER_BYTES:",
        "        if at < 0:",
        f"{_COSTLY}[JPEG of 20 MB of EXIF]",
    ),
    Mutation(
        "every kind of JPEG",
        "models/jpeg.py",
        "            if code not in _HUFFMAN:",
        "            if code < 0:",
        f"{_COSTLY}[JPEG of arithmetic coding]",
    ),
    Mutation(
        "steps not counted",
        "models/metered.py",
        "        if self._steps < 0 or self._bytes < 0:",
        "        if self._bytes < 0:",
        f"{_COSTLY}[GIF of 300,000 blocks]",
    ),
    Mutation(
        "read again and again",
        "models/metered.py",
        "        if self._steps < 0 or self._bytes < 0:",
        "        if self._steps < 0:",
        f"{_COSTLY}[TIFF of one strip 30,000 times]",
    ),
    Mutation(
        "numbers not counted",
        "models/tiff.py",
        "    if values > _VALUES or tags > 65_535:",
        "    if tags > 65_535:",
        f"{_COSTLY}[TIFF of ten million numbers]",
    ),
    Mutation(
        "every compression of TIFF",
        "models/tiff.py",
        "    if name not in COMPRESSIONS:",
        "    if name is None:",
        f"{_COSTLY}[TIFF by LZMA]",
    ),
    Mutation(
        "profiles that are programs",
        "models/colour.py",
        ' or b"mpet" in profile:',
        ":",
        "tests/models/test_colour_profiles.py::test_a_profile_that_could_take_its_time_is_passed_over",
    ),
    Mutation(
        "nobody waits for memory",
        "models/budget.py",
        "            self._changed.wait_for(lambda: self._held.total() + taken <= self._size)\n",
        "",
        "tests/models/test_costly.py::test_threads_wait_for_memory_that_others_hold",
    ),
    Mutation(
        "threads that share nothing",
        "workers/fetching.py",
        "limits=self._limits, memory=self._memory)",
        "limits=self._limits)",
        "tests/workers/test_fetching.py::test_threads_decode_no_more_at_once_than_fits",
    ),
    Mutation(
        "memory that is not given back",
        "models/budget.py",
        "                give_back()",
        "                pass",
        "tests/workers/test_fetching.py::test_threads_decode_no_more_at_once_than_fits",
    ),
    Mutation(
        "errors that hold their photos",
        "workers/fetching.py",
        "            error.__context__ = None\n            return error.with_traceback(None)",
        "            return error",
        "tests/workers/test_fetching.py::test_a_bad_photo_is_held_by_its_error_no_longer",
    ),
    Mutation(
        "batches of any size",
        "workers/fetching.py",
        " or total + needed > BATCH_BYTES):",
        "):",
        "tests/workers/test_fetching.py::test_of_photos_that_stay_large_few_are_held",
    ),
    Mutation(
        "a photo served as it lies there",
        "workers/web/photos/making.py",
        '    made = io.BytesIO()\n    _photo(data, _LARGEST_JPEG, limits).save(made, "JPEG", quality=90)\n'
        "    return made.getvalue()",
        "    return data",
        "tests/workers/test_stripped.py::test_nothing_of_the_file_but_its_pixels",
    ),
)
