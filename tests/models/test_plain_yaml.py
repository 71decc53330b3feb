"""YAML of strangers: what means more than is written is refused before anything else looks at it."""

from __future__ import annotations

import pytest
import yaml

from models import plain_yaml

LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


def test_values_come_as_they_are() -> None:
    assert plain_yaml.load("a: [1, {b: 2.5}]\nc: &x [1]\nd: *x") == {"a": [1, {"b": 2.5}], "c": [1], "d": [1]}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", [LAUGHS, "&a [*a]", "a: &a {b: *a}", "x" * 10_000_001])
def test_too_much(text: str) -> None:
    with pytest.raises(plain_yaml.TooMuch):
        plain_yaml.load(text)


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "2026-02-30", "!!python/object/apply:os.system [id]", "a: [", "\0"]
)
def test_whatever_is_wrong_is_one_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        plain_yaml.load(text)
