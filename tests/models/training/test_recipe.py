"""Recipes: shipped, changed, wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from models.errors import RecipeError
from models.training import recipe


@pytest.mark.parametrize("name", recipe.shipped())
def test_a_shipped_recipe_says_everything_when_written_out(name: str, tmp_path: Path) -> None:
    found = recipe.load(name)
    (tmp_path / "recipe.yaml").write_text(found.to_yaml())
    assert recipe.load(str(tmp_path / "recipe.yaml")) == found
    written = yaml.safe_load(found.to_yaml())
    assert {*written} == {*recipe.Recipe.model_fields}
    assert {*written["optimise"]} == {*recipe.Optimise.model_fields}


def test_the_textbook() -> None:
    found = recipe.load("cifar10")
    assert found.network.builder == "torchvision:resnet18"
    assert (found.epochs, found.batch, found.optimise.optimiser, found.optimise.rate) == (
        10,
        128,
        "adam",
        1e-3,
    )
    assert (found.augment.crop, found.augment.padding, found.augment.flip) == ("padded", 4, 0.5)
    twin = recipe.load("fashion-mnist")
    assert (twin.augment, twin.optimise, twin.epochs, twin.batch) == (
        found.augment,
        found.optimise,
        found.epochs,
        found.batch,
    )


def test_a_field_can_be_changed() -> None:
    found = recipe.load("classify").with_changes({"optimise.rate": 0.5, "epochs": 3})
    assert (found.optimise.rate, found.epochs) == (0.5, 3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optimise.rat": 1}, r"optimise\.rat: Extra inputs"),
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1"),
        ({"data.val": 0.6, "data.test": 0.5}, "data: val and test leave nothing to train on"),
        ({"network.frozen": False}, r"network\.thaw_at needs network\.frozen"),
        ({"network.pretrained": "none"}, r"network\.frozen needs something pretrained"),
        ({"network.builder": "resnet18"}, r"network\.builder"),
        ({"name": "../shoes"}, "name"),
        ({"epochs.more": 1}, "epochs has no fields"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        recipe.load("classify").with_changes(changes)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("- a\n", "holds no recipe"), ("a: [", "is no YAML"), ("task: classify\n", "name: Field")],
)
def test_a_file_that_is_no_recipe_says_so(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RecipeError, match=sentence):
        recipe.load(str(tmp_path / "r.yaml"))


def test_what_is_there_is_named_where_a_recipe_is_not() -> None:
    with pytest.raises(RecipeError, match="shipped are cifar10, classify"):
        recipe.load("resnet")
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        recipe.load("none.yaml")
