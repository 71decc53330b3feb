"""Which products are meant: `brand=Acme`, `category=Shoes|Boots`, `price<20`, `attributes.season~summer`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from catalog import places
from catalog.errors import BadFilter

TEXTS = ("sku", "title", "description", "brand", "category", "currency", "parent_sku")
NUMBERS = ("price",)
TIMES = ("created_at", "updated_at")
ATTRIBUTE = "attributes."
DIGITS = 100  # before or behind the point; Postgres takes more, but not any number of them
OPERATORS = {"=", "!=", "~", "<", "<=", ">", ">="}
# Spaces are stripped afterwards: parts that may share them would be tried in all ways, some seconds for a kilobyte.
_FORM = re.compile(r"(?P<field>[^=!~<>]+)(?P<operator>!=|<=|>=|[=~<>])(?P<value>.*)", re.DOTALL)
_BLANK = r"[ \t\n\r\f\v]*"  # what a cast to numeric passes over; \s knows more
_NUMERAL = rf"^{_BLANK}-?[0-9]{{1,50}}(\.[0-9]{{0,50}})?{_BLANK}$"
EXAMPLES = "such as 'brand=Acme', 'category=Shoes|Boots', 'price<20' or 'title~summer'"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `values` are alternatives."""

    field: str
    operator: str
    values: tuple[str, ...]

    def sql(self, number: int) -> tuple[str, dict[str, object]]:
        """The condition on `products p` and its parameters, named by `number`."""
        column, parameters = self._column(number)
        name = f"f{number}"
        match self.operator:
            case "=" if self.values == ("",):
                return f"coalesce({column}::text, '') = ''", parameters
            case "=":
                return f"{column} = ANY(:{name})", {**parameters, name: self._typed()}
            case "!=":
                return f"({column} <> ALL(:{name})) IS NOT FALSE", {**parameters, name: self._typed()}
            case "~":
                patterns = [f"%{_literally(value)}%" for value in self.values]
                return f"{column} ILIKE ANY(:{name})", {**parameters, name: patterns}
            case other if self.field.startswith(ATTRIBUTE):
                numeric = f"CASE WHEN {column} ~ '{_NUMERAL}' THEN {column}::numeric END"
                return f"{numeric} {other} :{name}", {**parameters, name: _number(self.field, self.values[0])}
            case other:
                return f"{column} {other} :{name}", {name: self._typed()[0]}

    def _column(self, number: int) -> tuple[str, dict[str, object]]:
        if self.field.startswith(ATTRIBUTE):
            return f"(p.attributes ->> :a{number})", {f"a{number}": self.field.removeprefix(ATTRIBUTE)}
        return f"p.{self.field}", {}

    def _typed(self) -> list[object]:
        if self.field in NUMBERS:
            return [_number(self.field, value) for value in self.values]
        if self.field in TIMES:
            return [_time(self.field, value) for value in self.values]
        return list(self.values)


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that all hold for a product; without any, every product is meant.

    A photo that no product shows any more, as another took its place, is never meant.
    """

    conditions: tuple[Condition, ...] = ()

    def of_image(self, image_id: str) -> tuple[str, dict[str, object]]:
        """SQL that is true where the image (a column, such as `w.image_id`) shows a product that is meant."""
        if not self.conditions:
            return places.is_shown(image_id), {}
        shown = f"product_images pi JOIN products p ON p.id = pi.product_id WHERE pi.image_id = {image_id}"
        where, parameters = self.of_product()
        return f"EXISTS (SELECT FROM {shown} AND {where})", parameters

    def of_sku(self, sku: str) -> tuple[str, dict[str, object]]:
        """SQL that is true where the sku (a column, such as `f.sku`) is that of a product that is meant."""
        if not self.conditions:
            return "true", {}
        where, parameters = self.of_product()
        return f"EXISTS (SELECT FROM products p WHERE p.sku = {sku} AND {where})", parameters

    def of_product(self) -> tuple[str, dict[str, object]]:
        """SQL that is true where the product `p` is meant, and its parameters."""
        found = [condition.sql(number) for number, condition in enumerate(self.conditions)]
        return (
            " AND ".join(text for text, _ in found) or "true",
            {name: value for _, parameters in found for name, value in parameters.items()},
        )


def parse(texts: Sequence[str]) -> Filter:
    """Raises BadFilter, which names the condition and what it may be."""
    return Filter(tuple(_condition(text) for text in texts))


def is_text(text: str) -> bool:
    """Whether Postgres takes it: no NUL, no bytes that were no UTF-8."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def _condition(text: str) -> Condition:
    found = _FORM.fullmatch(text)
    if not found or not found["field"].strip() or not is_text(text):
        raise BadFilter(f"{text!r} is no condition: write FIELD, an operator and a value, {EXAMPLES}")
    field, operator, value = found["field"].strip(), found["operator"], found["value"].strip()
    known = (*TEXTS, *NUMBERS, *TIMES)
    if field not in known and not (field.startswith(ATTRIBUTE) and field != ATTRIBUTE):
        raise BadFilter(
            f"{text!r}: there is no field {field!r}; fields are {', '.join(known)} and attributes.NAME"
        )
    if operator == "~" and field in (*NUMBERS, *TIMES):
        raise BadFilter(f"{text!r}: ~ looks into text; compare {field} by = != < <= > >=")
    if operator in ("<", "<=", ">", ">=") and field in TEXTS:
        raise BadFilter(f"{text!r}: {field} is text; compare it by = != ~")
    if operator in ("=", "!=") and field in TIMES:
        raise BadFilter(f"{text!r}: {field} is a moment; compare it by < <= > >=")
    values = tuple(part.strip() for part in value.split("|")) if operator in ("=", "!=", "~") else (value,)
    condition = Condition(field, operator, values)
    condition.sql(0)  # says so where a value is no number or no time
    return condition


def _literally(value: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", value)


def _number(field: str, value: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise BadFilter(f"{field} is compared with a number, not with {value!r}") from None
    if not number.is_finite() or abs(number.adjusted()) > DIGITS:
        raise BadFilter(f"{field} is compared with a number, not with {value!r}")
    return number


def _time(field: str, value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise BadFilter(f"{field} is compared with a time such as 2026-11-29, not with {value!r}") from None
