"""What words ask for: words to look up, labels that they name or come near, and what they mean as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.search import colours, label_texts, names, spelling, tags
from catalog.search.meaning import Meaning, Vector
from catalog.search.spelling import Spelt
from catalog.search.tags import Cuts

MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """`named` are labels, `near` those that the words are only near to; `colours` are words that photos' colours have.

    `vector` is what all words mean, where that can be asked.
    """

    spelt: tuple[Spelt, ...]
    named: Cuts
    near: Cuts
    colours: tuple[str, ...]
    vector: Vector | None

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(one.word for one in self.spelt)

    @property
    def corrected(self) -> str | None:
        """The words as they are searched for, where that is not as they were typed."""
        return None if all(one.word == one.typed for one in self.spelt) else " ".join(self.words)

    def tsquery(self, operator: str) -> str:
        """The words joined by `&` or `|`, as `to_tsquery` reads them. They are letters and digits alone."""
        return f" {operator} ".join(one.word + (":*" if one.begins else "") for one in self.spelt)


def ask(connection: sa.Connection, words: Sequence[str], meaning: Meaning | None) -> Asked:
    """What `words` (see `words.query`) ask for."""
    found = names.named(connection, words)
    of_names = {word for name in found for word in name.words.split()}
    spelt = tuple(spelling.spell(connection, words, of_names))
    meant = [one.word for one in spelt]
    if meant != list(words):
        found = names.named(connection, meant)
    named = list(dict.fromkeys(name.label for name in found))[:MOST_LABELS]
    near: list[str] = []
    vector = None
    if meaning is not None and spelt:
        vector = meaning.embed([" ".join(meant)])[0]
        near = [label for label in label_texts.near(connection, meaning.name, vector) if label not in named][
            :MOST_LABELS
        ]
    wanted = tags.cuts(connection, [*named, *near])
    return Asked(spelt, wanted.of(named), wanted.of(near), colours.named(connection, meant), vector)
