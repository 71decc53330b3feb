"""Compiling ahead of the first photo, over a real registry."""

from __future__ import annotations

import pytest

from catalog.errors import UnknownModel
from workers.compiling import compile_models
from workers.runtime import Runtime
from workers.setup import prepare


def test_each_network_is_told_with_its_models_and_its_form(runtime: Runtime) -> None:
    prepare(runtime)
    found = {tuple(sorted(keys)): verdict for keys, verdict in compile_models(runtime, [])}
    family = ("product-detector@1", "product-embedding@1", "product-mask@1", "product-type@1")
    assert set(found) == {family, ("product-cutout@1",), ("photo-facts@1",)}
    assert {verdict.form for verdict in found.values()} == {"eager"}
    assert {verdict.reason for verdict in found.values()} == {"the settings say so"}


def test_siblings_are_compiled_with_the_one_that_is_named(runtime: Runtime) -> None:
    prepare(runtime)
    ((keys, _),) = compile_models(runtime, ["product-type"], again=True)
    assert len(keys) == 4
    with pytest.raises(UnknownModel, match="no-such"):
        compile_models(runtime, ["no-such"])
