"""What facts cannot be, or cannot be used for, is refused by a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.builders import make_draft
from models.compile.graph import why_not
from models.errors import BuilderError, DataError
from models.facts.describer import Describer
from models.spec import ModelSpec, Preprocessing
from models.training.evaluate import evaluate
from models.training.recipe import Data


def spec(**changes: Any) -> ModelSpec:
    fields = {
        "name": "facts",
        "version": 1,
        "task": "describe",
        "builder": "tagmill:facts",
        "weights": "colours.safetensors",
        "sha256": "0" * 64,
        "preprocessing": Preprocessing(size=256, fit="native"),
    }
    return ModelSpec(**{**fields, **changes})


@pytest.mark.parametrize(
    "builder", ["torchvision:resnet18", "smp:Unet", "tagmill:starter", "tagmill:u2netp", "tagmill:ssdlite"]
)
def test_no_network_gives_facts(builder: str) -> None:
    with pytest.raises(BuilderError, match="describe"):
        make_draft([spec(builder=builder, labels=("a", "b"))])


def test_the_table_of_colours_gives_facts_only() -> None:
    with pytest.raises(BuilderError, match="does describe, not embed"):
        make_draft([spec(task="embed")])


def test_facts_are_not_compiled_and_not_evaluated(describer: Describer, tmp_path: Path) -> None:
    assert (
        why_not(describer.engine.network, describer.how, ["describe"])
        == "it is a table and arithmetic, and no network"
    )
    with pytest.raises(DataError, match="does describe, which has no labels"):
        evaluate(describer, Data(source=str(tmp_path)))
