"""Lists as parameters of a statement, as Postgres reads them quickest.

psycopg2 writes a list as `ARRAY[1,2,3]`, of which each element is an expression to be parsed and planned: some two
microseconds. One literal, `'{1,2,3}'`, is read in a fraction of that. It has no type of its own, so statements say it:
`CAST(:ids AS bigint[])`, as they must for an empty list anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa


def as_literals(engine: sa.Engine) -> sa.Engine:
    """`engine`, whose statements from now on get their lists of numbers and of texts as literals."""
    sa.event.listen(engine, "before_cursor_execute", _with_literals, retval=True)
    return engine


def literal(values: Sequence[Any]) -> str | None:
    """`values` as the text of an array; None where they are not all ints, all floats or all texts, but for None."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {str}:
        written: Sequence[str] = ["NULL" if one is None else f'"{_escaped(one)}"' for one in values]
    elif kinds in ({int}, {float}):
        written = ["NULL" if one is None else repr(one) for one in values]
    else:
        return None
    return "{" + ",".join(written) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"') if "\\" in text or '"' in text else text


def _with_literals(
    _connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    if isinstance(parameters, dict) and list in map(type, parameters.values()):
        parameters = {name: _as_literal(value) for name, value in parameters.items()}
    return statement, parameters


def _as_literal(value: object) -> object:
    return (literal(value) or value) if type(value) is list else value
