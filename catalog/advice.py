"""What to do about each failure code: one table, which docs/catalog.md repeats."""

from __future__ import annotations

from typing import Final

FILE_AT_FAULT: Final = ("empty_file", "not_an_image", "format_refused", "corrupt", "truncated")
"""No other try of the same file helps."""

TABLE: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("missing_file", "not_a_file", "unreadable"), "correct the path, or the file's permissions"),
    (("empty_reference",), "name the photo, or leave the cell empty"),
    (("outside_root",), "allow the folder with --root"),
    (
        ("url_not_allowed",),
        "allow http and https with --allow-urls, or download the photo first; other schemes are not read",
    ),
    (("bad_url",), "write it as http://host/path or https://host/path, without user, password or odd port"),
    (("host_not_allowed",), "allow the host with --url-host, or in TAGMILL_URL_HOSTS"),
    (
        ("address_refused",),
        "the host is none of the public internet: if it is meant, name it in TAGMILL_URL_INSIDE_HOSTS",
    ),
    (("url_gone",), "nothing is there any more: correct the URL"),
    (("url_forbidden",), "give a URL that needs no login, or one that was signed just now"),
    (
        ("url_web_page",),
        "a page came where a photo was expected: give the photo's own URL, one that needs no login",
    ),
    (
        ("url_failed",),
        "the reason says what the host answered: give another URL, or download the photo first",
    ),
    (("url_unavailable",), "ingest the manifest again later: only photos that are missing are fetched"),
    (
        FILE_AT_FAULT,
        "get the photo again, as JPEG, PNG or WebP, and ingest it in place of this one, under the same name",
    ),
    (
        ("too_many_bytes", "too_many_pixels"),
        "make it smaller, or raise the limit (TAGMILL_MAX_BYTES, TAGMILL_MAX_PIXELS)",
    ),
    (
        ("too_costly",),
        "save it anew as a plain JPEG, or make it smaller; TAGMILL_DECODE_MEMORY_MB raises the limit of memory",
    ),
    (("contradicting_product",), "make the rows of this sku agree"),
    (
        (
            "wrong_encoding",
            "malformed_row",
            "wrong_cell_count",
            "control_characters",
            "wrong_type",
            "too_long",
        ),
        "correct the line; save the file as UTF-8",
    ),
    (
        ("missing_sku", "bad_sku", "bad_price", "bad_currency", "bad_attributes", "too_many_photos"),
        "correct the cell",
    ),
    (("worker_lost",), "the photo's worker died each time: try again where a worker has more memory"),
    (("object_missing",), "the photo is gone from the object store: ingest it again"),
    (
        ("object_failed",),
        "the store serves other objects, but not this photo or its mask: look at its log, then ingest the photo again",
    ),
    (
        ("store_unavailable", "store_failed"),
        "the store turned a request down: look at its log and at TAGMILL_S3_*, then try again",
    ),
    (("out_of_memory",), "try again where a worker has more memory, or fewer processes (tagmill worker -c)"),
    (
        ("unusable_output",),
        "the network answered with values that are no numbers: check its weights, then try again",
    ),
    (
        ("model_failed", "inference_failed", "result_refused"),
        "the reason says what the model or the database said: mend that, then try again",
    ),
    (
        ("training_failed", "reprocess_failed", "collect_failed", "statistics_failed"),
        "the reason says what went wrong: mend it before the next run is due",
    ),
    (
        ("export_failed", "ingest_failed"),
        "the reason says what went wrong: mend it, then run the same command again",
    ),
)

ADVICE: Final = {code: says for codes, says in TABLE for code in codes}
"""A sentence for each code that the view `failures` may show."""

NAMES: Final = {
    "missing_file": "The file is not there",
    "not_a_file": "The path leads to no file",
    "unreadable": "The file may not be read",
    "empty_reference": "A photo without a name",
    "outside_root": "A path outside the folders that are allowed",
    "url_not_allowed": "An address in place of a file",
    "bad_url": "The URL cannot be asked",
    "host_not_allowed": "A host that is not allowed",
    "address_refused": "A host that is not public",
    "url_gone": "Nothing is at the URL",
    "url_forbidden": "The host asks for a login",
    "url_web_page": "A web page in place of a photo",
    "url_failed": "The host answers otherwise than a photo's",
    "url_unavailable": "The host does not answer",
    "empty_file": "The file is empty",
    "not_an_image": "The file is no photo",
    "format_refused": "A format that is not taken",
    "corrupt": "The photo is damaged",
    "truncated": "The photo ends too early",
    "too_many_bytes": "The file is too large",
    "too_many_pixels": "The photo has too many pixels",
    "too_costly": "The photo takes too much memory or time",
    "contradicting_product": "Rows of one product contradict each other",
    "wrong_encoding": "The line is not UTF-8",
    "malformed_row": "The line cannot be read",
    "wrong_cell_count": "The line has too many or too few cells",
    "control_characters": "Control characters in the line",
    "wrong_type": "A value of the wrong type",
    "too_long": "A value is too long",
    "missing_sku": "The sku is missing",
    "bad_sku": "The sku cannot be one",
    "bad_price": "The price is no price",
    "bad_currency": "The currency is none",
    "bad_attributes": "The attributes cannot be read",
    "too_many_photos": "Too many photos for one product",
    "worker_lost": "The worker died over the photo",
    "object_missing": "The stored photo is gone",
    "object_failed": "The stored photo cannot be read",
    "store_unavailable": "The object store did not answer",
    "store_failed": "The object store turned a request down",
    "out_of_memory": "There was too little memory",
    "unusable_output": "The model answered with no numbers",
    "model_failed": "The model failed",
    "inference_failed": "The model failed on the photo",
    "result_refused": "The database refused the result",
    "training_failed": "Training failed",
    "reprocess_failed": "Reprocessing failed",
    "collect_failed": "Collecting failed",
    "statistics_failed": "Statistics failed",
    "export_failed": "The export failed",
    "ingest_failed": "The ingest ended before its time",
}
"""What each code means, in words."""


def name(code: str) -> str:
    """What went wrong; for the code of another release, the code itself."""
    return NAMES.get(code, code)


def advice(code: str) -> str:
    """What a person does about it; for the code of another release, where to look."""
    return ADVICE.get(code, "the reason says what went wrong")
