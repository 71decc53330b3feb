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

    `thing` are the words that say what is looked for: those that name labels; where only near ones are known, all but
    colours; where none are known, none.
    `vector` is what all words mean, where that can be asked.
    """

    spelt: tuple[Spelt, ...]
    named: Cuts
    near: Cuts
    thing: tuple[str, ...]
    colours: tuple[str, ...]
    vector: Vector | None

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(one.word for one in self.spelt)

    @property
    def things(self) -> Cuts:
        """Labels of which a product that is the thing has one."""
        return self.named if self.named.labels else self.near

    @property
    def corrected(self) -> str | None:
        """The words as they are searched for, where that is not as they were typed."""
        return None if all(one.word == one.typed for one in self.spelt) else " ".join(self.words)

    def tsquery(self, operator: str) -> str:
        """The words joined by `&` or `|`, as `to_tsquery` reads them. They are letters and digits alone."""
        return f" {operator} ".join(one.word + (":*" if one.begins else "") for one in self.spelt)


def ask(connection: sa.Connection, words: Sequence[str], meaning: Meaning | None) -> Asked:
    """What `words` (see `words.query`) ask for."""
    found, thing = names.named(connection, words)
    spelt = tuple(spelling.spell(connection, words, thing, lambda: names.vocabulary(connection)))
    meant = [one.word for one in spelt]
    if meant != list(words):
        found, thing = names.named(connection, meant)
    named = list(dict.fromkeys(name.label for name in found))[:MOST_LABELS]
    near: list[str] = []
    vector = None
    if meaning is not None and spelt:
        vector = meaning.embed([" ".join(meant)])[0]
        near = [label for label in label_texts.near(connection, meaning.name, vector) if label not in named][
            :MOST_LABELS
        ]
    wanted, hues = tags.cuts(connection, [*named, *near]), colours.named(connection, meant)
    if near and not named:
        thing = tuple(word for word in meant if word not in hues)
    return Asked(spelt, wanted.of(named), wanted.of(near), thing, hues, vector)
