"""Facets as people type them, as they are written in the catalog: case makes no difference."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa

from catalog.errors import BadQuery
from catalog.search import names
from catalog.search.hits import Chosen
from catalog.search.words import check
from models.facts.palette import PALETTE

MOST_VALUES = 100
BACKGROUNDS = ("packshot", "lifestyle")
READ = 2000
"""Brands or categories that a value in unusual case is compared with; in a usual one it is looked up."""


def as_known(connection: sa.Connection, chosen: Chosen) -> Chosen:
    """`chosen` with its values as the catalog writes them; of several ways to write one, all.

    Raises BadQuery: a value that is no text, or a colour or background that there is not.
    """
    for name in ("categories", "tags", "brands", "colours", "backgrounds"):
        _check(name, getattr(chosen, name))

    def of_column(column: str) -> Callable[[str], Iterable[str]]:
        return lambda value: _written(connection, column, value)

    return replace(
        chosen,
        categories=_each(chosen.categories, of_column("category")),
        brands=_each(chosen.brands, of_column("brand")),
        tags=_each(chosen.tags, lambda value: _labels(connection, value)),
        colours=_each(chosen.colours, lambda value: (_one_of("colour", value, PALETTE),)),
        backgrounds=_each(chosen.backgrounds, lambda value: (_one_of("background", value, BACKGROUNDS),)),
    )


def _each(values: Sequence[str], written: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """Values that nothing has stay as they are, and find nothing."""
    return tuple(dict.fromkeys(known for value in values for known in tuple(written(value)) or (value,)))


def _check(name: str, values: Sequence[str]) -> None:
    if len(values) > MOST_VALUES:
        raise BadQuery(f"{len(values):,} {name} are chosen; choose at most {MOST_VALUES}")
    for value in values:
        check(value, f"the {name}")


def _one_of(what: str, value: str, known: Collection[str]) -> str:
    plain = value.strip().casefold()
    if plain not in known:
        raise BadQuery(f"no {what} is called {value!r}; choose one of {', '.join(known)}")
    return plain


def _labels(connection: sa.Connection, value: str) -> list[str]:
    plain = value.casefold()
    given = {name.label for name in names.every(connection)}
    return [value] if value in given else sorted(label for label in given if label.casefold() == plain)


def _written(connection: sa.Connection, column: str, value: str) -> list[str]:
    forms = dict.fromkeys((value, value.lower(), value.upper(), value.title(), value.capitalize()))
    found = list(connection.scalars(sa.text(_USUAL.format(column=column)), {"forms": list(forms)}))
    if value in found:
        return [value]
    unusual = sa.text(_UNUSUAL.format(column=column))
    return found or list(connection.scalars(unusual, {"value": value, "most": READ}))


# A look into the index for each; the planner would read all products for a value that nothing has.
_USUAL = """
    SELECT form FROM unnest(CAST(:forms AS text[])) form
    WHERE form = (SELECT p.{column} FROM products p WHERE p.{column} >= form ORDER BY p.{column} LIMIT 1)
"""

_UNUSUAL = """
    WITH RECURSIVE known (value, place) AS (
        (SELECT p.{column}, 1 FROM products p WHERE p.{column} IS NOT NULL ORDER BY p.{column} LIMIT 1)
        UNION ALL
        SELECT (SELECT p.{column} FROM products p WHERE p.{column} > known.value ORDER BY p.{column} LIMIT 1), place + 1
        FROM known WHERE known.value IS NOT NULL AND place < :most)
    SELECT value FROM known WHERE lower(value) = lower(:value)
"""
