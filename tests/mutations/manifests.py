"""What manifests may name, and what they may cost."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

SOURCES = "tests/catalog/test_sources.py"
HOSTILE = "tests/catalog/test_manifest_hostile.py"
INGEST = "tests/catalog/test_ingest.py"
INJECTION = "tests/catalog/test_injection.py"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "photos anywhere by two dots or by an absolute path",
        "catalog/sources.py",
        "            if not _below(os.path.normpath(path), self._roots):\n",
        "            if False:\n",
        f"{SOURCES}::test_references_that_are_refused",
    ),
    Mutation(
        "photos anywhere through a link",
        "catalog/sources.py",
        "            if not _below(found.place, self._real_roots):\n",
        "            if False:\n",
        f"{SOURCES}::test_links_may_not_lead_out",
    ),
    Mutation(
        "photos anywhere through a link that turns",
        "models/files.py",
        "        yield Pinned(os.readlink(way), os.fstat(descriptor), way)",
        "        yield Pinned(os.path.realpath(path), os.fstat(descriptor), path)",
        f"{SOURCES}::test_links_that_turn_while_it_is_read",
    ),
    Mutation(
        "a file is opened by its name again",
        "models/files.py",
        "        yield Pinned(os.readlink(way), os.fstat(descriptor), way)",
        "        yield Pinned(os.readlink(way), os.fstat(descriptor), path)",
        "tests/models/test_files.py::test_what_was_looked_at_is_what_is_read",
    ),
    Mutation(
        "devices are read",
        "catalog/sources.py",
        "        if not stat.S_ISREG(status.st_mode):\n",
        "        if stat.S_ISDIR(status.st_mode):\n",
        f"{SOURCES}::test_only_regular_files_are_read",
    ),
    Mutation(
        "a reader waits for a pipe",
        "models/files.py",
        "        if not file.is_regular:\n",
        "        if stat.S_ISDIR(file.status.st_mode):\n",
        "tests/models/test_files.py::test_what_is_no_file_is_not_opened",
    ),
    Mutation(
        "keys of a bucket with two dots",
        "catalog/sources.py",
        """if not url.startswith(self._prefixes) or not {".", ".."}.isdisjoint(key.split("/")):""",
        "if not url.startswith(self._prefixes):",
        f"{SOURCES}::test_a_bucket_is_fenced_like_a_folder",
    ),
    Mutation(
        "any bucket",
        "catalog/sources.py",
        """if not url.startswith(self._prefixes) or not {".", ".."}.isdisjoint(key.split("/")):""",
        """if not {".", ".."}.isdisjoint(key.split("/")):""",
        f"{SOURCES}::test_a_bucket_is_fenced_like_a_folder",
    ),
    Mutation(
        "a key that no server takes ends an ingest",
        "catalog/sources.py",
        "        except StoreError as error:  # the server takes no such key\n",
        "        except ZeroDivisionError as error:\n",
        f"{INGEST}::test_no_key_of_a_bucket_takes_the_others_down",
    ),
    Mutation(
        "lines of any length",
        "catalog/manifests/lines.py",
        "self._text.readline(self._limit + 1)\n        if not line:",
        "self._text.readline()\n        if not line:",
        f"{HOSTILE}::test_a_cell_of_a_quarter_gigabyte_is_one_bad_row",
    ),
    Mutation(
        "Parquet without a cap of memory",
        "catalog/manifests/parquet_process.py",
        "    _cap_memory()\n    try:",
        "    try:",
        f"{HOSTILE}::test_parquet_is_unpacked_under_a_cap",
    ),
    Mutation(
        "rows of Parquet of any size",
        "catalog/manifests/parquet_process.py",
        "    if piece.nbytes <= PIECE:\n",
        "    if True:\n",
        f"{HOSTILE}::test_a_large_row_of_parquet_is_left_out_and_the_rest_goes_on",
    ),
    Mutation(
        "all photos of a row in memory",
        "catalog/taking.py",
        "if isinstance(entry, RowError) or len(entry.photos) <= photos:",
        "if True:",
        f"{INGEST}::test_one_large_photo_under_many_names_does_not_fill_the_memory",
    ),
    Mutation(
        "any number of names in a header",
        "catalog/manifests/columns.py",
        "    if len(names) > limit:\n",
        "    if False:\n",
        f"{HOSTILE}::test_a_million_columns_are_refused_at_once",
    ),
    Mutation(
        "a name twice in JSON",
        "catalog/manifests/json_text.py",
        "    if len(record) < len(members):\n",
        "    if False:\n",
        f"{HOSTILE}::test_what_two_readers_of_json_may_take_for_two_things",
    ),
    Mutation(
        "control characters in cells",
        "catalog/manifests/cells.py",
        "    if _BAD.search(plain):\n",
        "    if False:\n",
        "tests/catalog/test_manifest_csv.py::test_a_bad_row_is_named_and_the_rest_goes_on",
    ),
    Mutation(
        "skus that turn the writing direction",
        "catalog/manifests/cells.py",
        "(_BREAKS.search(plain) or _OVERRIDES.search(plain))",
        "_BREAKS.search(plain)",
        "tests/catalog/test_manifest_csv.py::test_a_bad_row_is_named_and_the_rest_goes_on",
    ),
    Mutation(
        "a terminal obeys names",
        "workers/terminal.py",
        "Segment(plain(segment.text), segment.style)",
        "Segment(segment.text, segment.style)",
        "tests/workers/test_terminal.py::test_lines_and_tables_show_what_they_would_obey",
    ),
    Mutation(
        "a terminal obeys logs",
        "workers/logs.py",
        "    people = [plain_event, CONSOLE]",
        "    people = [CONSOLE]",
        "tests/workers/test_terminal.py::test_logs",
    ),
    Mutation(
        "formulas in an export",
        "catalog/export/csv_part.py",
        '    if kind != "text":\n',
        "    if True:\n",
        "tests/catalog/test_export.py::test_no_cell_of_a_csv_file_is_run_as_a_formula",
    ),
    Mutation(
        "formulas in the list of refused rows",
        "catalog/error_report.py",
        "harmless(cell) if isinstance(cell, str) else cell",
        "cell",
        f"{INGEST}::test_bad_rows_are_listed_with_line_and_reason_and_the_rest_goes_on",
    ),
    Mutation(
        "formulas behind a semicolon",
        "models/spreadsheets.py",
        'DIVIDERS = r";\\t\\r\\n"',
        'DIVIDERS = r"\\n"',
        "tests/models/test_spreadsheets.py::test_no_formula_is_left_and_the_cell_comes_back",
    ),
    Mutation(
        "an apostrophe for each time a file is written",
        "catalog/review/taxonomy_file.py",
        "one_line(as_it_was(cell), name, LONGEST_NAME)",
        "one_line(cell, name, LONGEST_NAME)",
        "tests/catalog/review/test_taxonomy.py::test_no_name_is_run_by_a_spreadsheet_and_each_comes_back",
    ),
    Mutation(
        "pages of HTML as names say",
        "workers/pages/environment.py",
        "autoescape=True",
        "autoescape=False",
        "tests/workers/pages/test_failures_page.py::test_hostile_text_is_text",
    ),
    Mutation(
        "reports of HTML as labels say",
        "models/training/page.py",
        "autoescape=True",
        "autoescape=False",
        "tests/models/training/test_report.py::test_the_page_stands_alone",
    ),
    Mutation(
        "words become a query's operators",
        "catalog/search/words.py",
        """    return [word[:LONGEST_WORD] for word in _WORD.findall(bare)]""",
        """    return bare.split()""",
        f"{INJECTION}::test_words_and_facets",
    ),
    Mutation(
        "a condition's value is SQL",
        "catalog/filters.py",
        """return f"{column} = ANY(:{name})", {**parameters, name: self._typed()}""",
        """return f"{column} = ANY(ARRAY['{self.values[0]}'])", parameters""",
        f"{INJECTION}::test_conditions_skus_and_names",
    ),
    Mutation(
        "masks that are programs",
        "models/training/readers/sources.py",
        "    name = inspect(data).format\n\n    def load() -> Image.Image:\n"
        "        image = Image.open(BytesIO(data), formats=[name])",
        '    name = "PNG"\n\n    def load() -> Image.Image:\n        image = Image.open(BytesIO(data))',
        "tests/models/training/test_readers_hostile.py::test_a_mask_that_is_a_program_is_not_run",
    ),
    Mutation(
        "photos to learn from by two dots",
        "models/training/readers/files.py",
        """    if parts.is_absolute() or ".." in parts.parts or _DRIVE.match(plain):\n""",
        "    if False:\n",
        "tests/models/training/test_readers_hostile.py::test_no_name_leads_out_of_the_folder",
    ),
)
