"""What each part of the running system may do with each table: one place to read, and to add a line to.

Letters are those of Postgres' own `\\dp`: r SELECT, a INSERT, w UPDATE, d DELETE, m MAINTAIN, and `-` nothing; `o` owns
the table. Taking a row's lock is UPDATE. What a foreign key or a cascade does is done as the tables' owner and needs no
letter. The keeper owns the tables of vectors, since Postgres lets nobody but a table's owner make an index.
"""

from __future__ import annotations

from collections.abc import Iterator

LETTERS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "m": "MAINTAIN", "o": "ALL"}

_GRANTS = """
table                 ingest  worker  trainer  web     exporter  keeper
alembic_version       r       r       r        r       r         r
products              raw     rm      r        r       r         -
images                raw     rm      r        r       r         -
product_images        rawd    rm      r        r       r         -
ingest_errors         rad     rm      r        r       r         -
texts_to_read         a       rawdm   -        -       -         -
jobs                  raw     rawm    raw      rw      r         -
work_items            raw     rawdm   rw       rw      r         -
model_versions        r       rm      ra       r       r         r
classifications       -       rawdm   r        r       -         -
detections            -       rawdm   r        r       -         -
segments              -       rawdm   r        r       -         -
embeddings            -       rawdm   r        r       -         o
photo_facts           -       rawdm   r        r       -         -
chunk_runs            -       rawdm   -        r       -         -
scheduled_runs        -       rawm    raw      r       -         -
compared_photos       -       rm      -        r       -         -
near_duplicates       -       rm      -        rw      -         -
product_words         -       rawdm   -        r       -         -
product_texts         -       rawdm   -        r       -         o
label_texts           -       rawdm   -        r       -         -
known_words           -       rawdm   -        r       -         -
text_catch_ups        -       rawdm   -        r       -         r
interactions          -       rm      -        ra      -         -
product_pairs         -       rawdm   -        r       -         -
product_popularity    -       rawdm   -        r       -         -
category_pairs        -       rawdm   -        r       -         -
thresholds            -       rm      r        r       -         -
overrides             -       rm      r        rawd    -         -
taxonomy              -       rm      r        r       -         -
dismissed_mismatches  -       rm      -        rawd    -         -
webhooks              -       m       -        -       -         r
webhook_deliveries    -       am      a        -       -         rwd
refused_messages      -       radm    rad      -       -         -
"""

COLUMNS = {
    # A text that is read must not change meanwhile, so the product is locked; nothing else of it can be written.
    ("products", "worker"): "UPDATE (updated_at)",
    # Of a version whose results it has removed it says so; which weights it has, and whether it serves, others say.
    ("model_versions", "worker"): "UPDATE (collected_at)",
    # To tell of what happens one must know who listens, and hold them until it is committed; not their secret.
    ("webhooks", "worker"): "SELECT (id, events, labels, created_at), UPDATE (created_at)",
    ("webhooks", "trainer"): "SELECT (id, events, labels, created_at), UPDATE (created_at)",
}
TEMPORARY = ("worker",)
"""Parts that make temporary tables."""
OF_WORK = ("serving_versions", "job_progress", "failures")
"""Views that every part may read; the others are of results."""
SEE_RESULTS = ("worker", "trainer", "web")
"""Parts that may read all views."""

_HEAD, *_ROWS = (line.split() for line in _GRANTS.strip().splitlines())
PARTS = tuple(_HEAD[1:])
TABLES = tuple(row[0] for row in _ROWS)


def of(part: str, *, maintain: bool) -> Iterator[tuple[str, str]]:
    """(table, rights as GRANT lists them) of a part; `maintain` where Postgres knows that right, from 17 on."""
    column = _HEAD.index(part)
    for row in _ROWS:
        rights = [LETTERS[letter] for letter in row[column] if letter != "-" and (maintain or letter != "m")]
        if rights:
            yield row[0], ", ".join(rights)
        if (row[0], part) in COLUMNS:
            yield row[0], COLUMNS[row[0], part]


def owned(part: str) -> list[str]:
    """The tables that a part owns."""
    column = _HEAD.index(part)
    return [row[0] for row in _ROWS if row[column] == "o"]
