"""Labels and authors as people type them: what is there, or a sentence that says it is not."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from catalog.errors import BadDecision, UnknownLabel
from catalog.filters import is_text
from catalog.label_import import known_labels
from catalog.manifests.cells import BadCell, one_line
from catalog.manifests.rows import shown

LONGEST_AUTHOR = 200


def check_labels(connection: sa.Connection, labels: Iterable[str]) -> None:
    """Raises UnknownLabel, which names the first that no model gives and no person has used."""
    wanted = list(dict.fromkeys(labels))
    usable = [label for label in wanted if is_text(label)]
    known = known_labels(connection, usable)
    for label in wanted:
        if label not in known:
            raise UnknownLabel(
                f"no model gives the label {shown(label)!r} and nobody has used it; `tagmill models show` lists "
                "a model's labels, and `tagmill label import` takes new ones"
            )


def check_author(author: str) -> str:
    """One line without outer spaces. Raises BadDecision."""
    try:
        plain = one_line(author, "author", LONGEST_AUTHOR)
    except BadCell as bad:
        raise BadDecision(bad.reason) from None
    if plain is None:
        raise BadDecision("there is no author: say whose word it is")
    return plain
