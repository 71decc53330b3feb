"""What words ask for: words to look up, labels that they name or come near, and what they mean as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from catalog.search import label_texts, names, spelling
from catalog.search import words as texts
from catalog.search.looking import Looked, look
from catalog.search.meaning import Meaning
from catalog.search.names import Labels, Named
from catalog.search.spelling import Spelt
from catalog.search.tags import NONE, Cuts
from catalog.search.thought import Thought

MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """`named` are labels, `near` those that the words are only near to; `colours` are words that photos' colours have.

    `thing` are the words that say what is looked for: those that name labels; where only near ones are known, all but
    colours; where none are known, none. `labels` are all that there are. `is_sku`: all that was typed is one.

    Without a text embedder there is no `thought`. What it adds, `near` labels, is there once it is `understood`.
    """

    spelt: tuple[Spelt, ...]
    named: Cuts
    thing: tuple[str, ...]
    colours: tuple[str, ...]
    labels: Labels
    thought: Thought | None
    is_sku: bool
    near: Cuts = NONE

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(one.word for one in self.spelt)

    @property
    def things(self) -> Cuts:
        """Labels of which a product that is the thing has one."""
        return self.named if self.named.labels else self.near

    @property
    def wanted(self) -> Cuts:
        """All labels that the words name or come near."""
        return Cuts(self.named.labels + self.near.labels, self.named.cuts + self.near.cuts)

    @property
    def corrected(self) -> str | None:
        """The words as they are searched for, where that is not as they were typed."""
        return None if all(one.word == one.typed for one in self.spelt) else " ".join(self.words)

    def tsquery(self, operator: str) -> str:
        """The words joined by `&` or `|`, as `to_tsquery` reads them. They are letters and digits alone."""
        return f" {operator} ".join(one.word + (":*" if one.begins else "") for one in self.spelt)


def ask(connection: sa.Connection, typed: str, meaning: Meaning | None) -> Asked:
    """What somebody `typed` asks for, as far as it can be told without thinking. Raises BadQuery."""
    words = texts.query(typed)
    thought = _think(meaning, words)  # most words are spelt rightly
    looked, said, spelt = _looked(connection, words, typed)
    if list(looked.words) != list(words):
        thought = _think(meaning, looked.words)
    named = list(dict.fromkeys(name.label for name in said.found))[:MOST_LABELS]
    cuts = said.labels.cuts.of(named)
    return Asked(spelt, cuts, said.thing, looked.colours, said.labels, thought, looked.is_sku)


def _think(meaning: Meaning | None, words: Sequence[str]) -> Thought | None:
    return Thought(meaning, words) if meaning is not None and words else None


def understood(connection: sa.Connection, asked: Asked) -> Asked:
    """With what the words mean. This waits for the thought."""
    if asked.thought is None:
        return asked
    others = tuple(word for word in asked.words if word not in asked.colours)
    if not others:
        return asked  # a colour alone is near to what has it most often, and no thing
    alike = label_texts.near(connection, asked.thought.model, asked.thought.vector, asked.labels.names)
    near = asked.labels.cuts.of([label for label in alike if label not in asked.named.labels][:MOST_LABELS])
    if asked.named.labels or not near.labels:
        return replace(asked, near=near)
    return replace(asked, near=near, thing=others)


def _looked(
    connection: sa.Connection, words: Sequence[str], typed: str
) -> tuple[Looked, Named, tuple[Spelt, ...]]:
    """What is known of the words once they are spelt rightly, the names they hold, and how they were spelt."""
    looked = look(connection, words, typed)
    said = names.named(connection, looked.labels, looked.stem_of)
    known = looked.known.union(said.thing)
    spelt = tuple(spelling.spell(connection, words, known, lambda: names.vocabulary(said.labels.names)))
    meant = [one.word for one in spelt]
    if meant == list(words):
        return looked, said, spelt
    looked = look(connection, meant, typed)
    return looked, names.named(connection, looked.labels, looked.stem_of), spelt
