"""Which products `tagmill label suggest` names, from stored answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import numpy as np
import pytest
import sqlalchemy as sa

from catalog import results
from catalog.errors import NothingToSuggest, UnknownModel
from catalog.label_import import import_labels
from catalog.outcomes import ItemKey, Stored
from models.predictions import Classification, Embedding, Score
from tests.catalog.shop import add_images, add_product, add_version
from workers.training.suggesting import Suggestion, suggestions, write


class Shop:
    """Products whose photos a classifier and an embedder have seen."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.model = add_version(engine, "product-type").id
        self.embedder = add_version(engine, "product-embedding", task="embed", labels=[]).id

    def photo(self, shirt: float | None, direction: int = 0, embedded: bool = True) -> int:
        """A photo that is a shirt so surely, else a coat; its id."""
        (image_id,) = add_images(self.engine, 1)
        answers = []
        if shirt is not None:
            scores = sorted((Score("Shirt", shirt), Score("Coat", 1 - shirt)), key=lambda one: -one.score)
            answers.append(Stored(ItemKey(image_id, self.model), Classification(tuple(scores))))
        if embedded:
            vector = np.eye(4, dtype=np.float32)[direction]
            answers.append(Stored(ItemKey(image_id, self.embedder), Embedding(vector)))
        with self.engine.begin() as connection:
            results.write(connection, answers)
        return image_id

    def products(self, photos: Mapping[str, list[int]]) -> None:
        for sku, image_ids in photos.items():
            add_product(self.engine, sku, image_ids)

    def say(self, text: str) -> None:
        assert not import_labels(self.engine, io.BytesIO(text.encode()), "anna", lambda error: None).refused

    def suggested(self, count: int = 10, model: str = "product-type") -> list[Suggestion]:
        with self.engine.connect() as connection:
            return suggestions(connection, model, count)


@pytest.fixture
def shop(engine: sa.Engine) -> Shop:
    return Shop(engine)


def test_the_least_sure_photo_of_each_product_that_nobody_has_labelled(shop: Shop) -> None:
    shared = shop.photo(0.45)
    shop.products(
        {
            "sure": [shop.photo(0.99)],
            "torn": [shop.photo(0.9), shop.photo(0.52)],
            "shares": [shared],
            "shares too": [shared],
            "labelled": [shop.photo(0.5)],
            "turned down": [shop.photo(0.5)],
            "unseen": [shop.photo(None)],
            "no vector": [shop.photo(0.5, embedded=False)],
            "bare": [],
        }
    )
    shop.say("sku,label,accepted\nlabelled,Shirt,\nturned down,Coat,false\n")
    assert [(one.sku, one.label, round(one.score, 2)) for one in shop.suggested()] == [
        ("torn", "Shirt", 0.52),
        ("shares", "Coat", 0.55),
        ("sure", "Shirt", 0.99),
    ]
    assert shop.suggested()[0].reason == "torn between Shirt (0.52) and Coat (0.48)"
    assert [one.sku for one in shop.suggested(1)] == ["torn"]


def test_of_photos_that_look_alike_few_are_named(shop: Shop) -> None:
    shop.products({f"alike-{k}": [shop.photo(0.5)] for k in range(8)})
    shop.products({f"other-{k}": [shop.photo(0.53, direction=k)] for k in (1, 2, 3)})
    named = [one.sku for one in shop.suggested(4)]
    assert sum(sku.startswith("other") for sku in named) == 3


def test_the_file_can_be_corrected_and_taken_in(shop: Shop) -> None:
    shop.products({'q"uote, comma': [shop.photo(0.6)], "späße": [shop.photo(0.4)]})
    file = io.StringIO()
    write(shop.suggested(), file)
    assert [row["label"] for row in csv.DictReader(io.StringIO(file.getvalue()))] == ["Shirt", "Coat"]
    shop.say(file.getvalue())
    with pytest.raises(NothingToSuggest):  # now people have said a word on all
        shop.suggested()


def test_what_cannot_be_suggested_from_is_said(shop: Shop) -> None:
    with pytest.raises(UnknownModel):
        shop.suggested(model="nobody")
    with pytest.raises(
        NothingToSuggest, match=r"product-embedding@1 does embed; name a model that classifies"
    ):
        shop.suggested(model="product-embedding")
    shop.products({"unseen": [shop.photo(None)]})
    with pytest.raises(NothingToSuggest, match="run `tagmill process product-type@1`"):
        shop.suggested()


def test_without_an_embedder_there_is_nothing_to_tell_photos_apart_by(engine: sa.Engine) -> None:
    add_version(engine, "product-type")
    with engine.connect() as connection, pytest.raises(NothingToSuggest, match="no model serves that embeds"):
        suggestions(connection, "product-type", 5)
