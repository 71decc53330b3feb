"""What would change if another version served: products, categories, labels that flow, and what is refused."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from catalog import diff
from catalog.diff import Category, Changed, Flow, Photos
from catalog.diff_examples import Example, Said, examples
from catalog.errors import NotComparable, UnknownModel
from catalog.filters import Filter, parse
from catalog.snapshot import snapshot
from models.predictions import Detections
from tests.catalog.compared import (
    BOX,
    add_pair,
    classified,
    compare,
    detected,
    say,
    segmented,
)
from tests.catalog.shop import add_images, add_product, add_version, execute


def flows(found: diff.LabelDiff) -> dict[tuple[str | None, str | None], int]:
    return {(flow.before, flow.after): flow.count for flow in found.flows}


def test_labels_of_a_product_are_those_of_all_its_photos(engine: sa.Engine) -> None:
    old, new = add_pair(engine)
    images = add_images(engine, 4)
    same = add_product(engine, "SAME", images[:2])
    other = add_product(engine, "OTHER", images[2:3])
    say(engine, old, images[0], classified(Shirt=0.9))
    say(engine, old, images[1], classified(Coat=0.8))
    say(engine, new, images[0], classified(Coat=0.9))
    say(engine, new, images[1], classified(Shirt=0.8, Coat=0.1))
    say(engine, old, images[2], classified(Shirt=0.75))
    say(engine, new, images[2], classified(Coat=0.625, Shirt=0.4))
    say(engine, new, images[3], classified(Coat=0.9))  # the old one never saw it, and it is no product's
    found = compare(engine)
    assert (found.compared, found.changed) == (2, 1)
    assert found.flows == (Flow("Shirt", "Coat", 1, 0.75, 0.625),)
    assert found.examples == (Changed(other, 0),)
    assert same != other


def test_thresholds_count_and_overrides_do_not(engine: sa.Engine) -> None:
    old, new = add_pair(engine)
    (image,) = add_images(engine, 1)
    product = add_product(engine, "SHIRT", [image])
    say(engine, old, image, classified(Shirt=0.6, Coat=0.3))
    say(engine, new, image, classified(Shirt=0.4, Coat=0.3))
    execute(engine, "INSERT INTO overrides VALUES (:product, 'Shirt', true, 'Ann', now())", product=product)
    assert flows(compare(engine)) == {("Shirt", None): 1}
    execute(engine, "INSERT INTO thresholds VALUES ('thing', 'Shirt', 0.35, now())")
    assert compare(engine).changed == 0
    execute(engine, "INSERT INTO thresholds VALUES ('thing', '', 0.2, now())")
    found = compare(engine)
    assert (found.changed, found.score_before) == (0, pytest.approx(0.45))


def test_several_changes_at_once_are_lost_and_gained_each(engine: sa.Engine) -> None:
    old, new = add_pair(engine)
    (image,) = add_images(engine, 1)
    add_product(engine, "SHIRT", [image])
    say(engine, old, image, classified(Shirt=0.9, Bag=0.9))
    say(engine, new, image, classified(Coat=0.9, Bag=0.9, Boot=0.6))
    assert flows(compare(engine)) == {("Shirt", None): 1, (None, "Coat"): 1, (None, "Boot"): 1}


def test_boxes_are_counted_a_photo(engine: sa.Engine) -> None:
    old, new = add_pair(engine, "detect")
    images = add_images(engine, 3)
    shelf = add_product(engine, "SHELF", images[:2])
    add_product(engine, "SAME", images[2:])
    say(engine, old, images[0], detected("Shirt", "Shirt"))
    say(engine, new, images[0], detected("Shirt"))
    say(engine, old, images[1], detected("Shirt"))
    say(engine, new, images[1], detected("Coat"))
    say(engine, old, images[2], Detections(()))
    say(engine, new, images[2], detected("Coat", score=0.2))
    found = compare(engine)
    assert (found.compared, found.changed) == (2, 1)
    assert flows(found) == {("Shirt", None): 1, ("Shirt", "Coat"): 1}
    assert found.examples == (Changed(shelf, images[0]),)


def test_areas_change_by_more_than_a_tenth_of_the_photo(engine: sa.Engine) -> None:
    old, new = add_pair(engine, "segment")
    images = add_images(engine, 3)
    for sku, image in zip(("LITTLE", "MUCH", "LOST"), images, strict=True):
        add_product(engine, sku, [image])
        say(engine, old, image, segmented(shoe=0.5), "masks/thing@1/x.png")
    say(engine, new, images[0], segmented(shoe=0.45), "masks/thing@2/x.png")
    say(engine, new, images[1], segmented(shoe=0.3), "masks/thing@2/x.png")
    say(engine, new, images[2], segmented(), "masks/thing@2/x.png")
    found = compare(engine)
    assert found.changed == 2
    assert flows(found) == {("shoe", "shoe"): 1, ("shoe", None): 1}


def test_by_category_and_examples_from_each(engine: sa.Engine) -> None:
    old, new = add_pair(engine)
    images = add_images(engine, 7)
    for number, image in enumerate(images):
        add_product(engine, f"P-{number}", [image])
        say(engine, old, image, classified(Shirt=0.9))
        say(engine, new, image, classified(Coat=0.9) if number < 5 else classified(Shirt=0.9))
    execute(engine, "UPDATE products SET category = 'Tops' WHERE sku IN ('P-0', 'P-1', 'P-2', 'P-3', 'P-5')")
    execute(engine, "UPDATE products SET category = 'Coats' WHERE sku = 'P-4'")
    found = compare(engine, limit=2)
    assert found.categories == (Category("Tops", 5, 4), Category("Coats", 1, 1), Category(None, 1, 0))
    with snapshot(engine) as connection:
        shown = examples(connection, diff.pair(connection, "thing@2", None), found.examples)
    assert [one.category for one in shown] == ["Coats", "Tops"]
    narrowed = compare(engine, where=["category=Coats"])
    assert (narrowed.compared, narrowed.changed) == (1, 1)


def test_an_example_has_what_both_said(engine: sa.Engine) -> None:
    old, new = add_pair(engine, "detect")
    (image,) = add_images(engine, 1)
    product = add_product(engine, "SHELF", [image])
    say(engine, old, image, detected("Shirt", "Shirt", score=0.75))
    say(engine, new, image, detected("Shirt", score=0.5))
    with snapshot(engine) as connection:
        pair = diff.pair(connection, "thing@2", None)
        found = examples(connection, pair, [Changed(product, image)])
    before, after = Said("Shirt", 0.75, BOX), Said("Shirt", 0.5, BOX)
    assert found == [Example("SHELF", None, None, image, "images/1", 40, 30, [before, before], [after])]


@pytest.mark.parametrize(
    ("named", "error", "sentence"),
    [
        (("thing@3", None), UnknownModel, "thing@3"),
        (("thing@1", "thing@1"), NotComparable, "with itself"),
        (("thing@1", None), NotComparable, "name two versions"),
        (("thing@1", "finder"), NotComparable, "thing@1 is there to classify, finder@1 to detect"),
        (("facts@2", None), NotComparable, "measures photos and gives no labels"),
    ],
)
def test_versions_that_cannot_be_compared(
    engine: sa.Engine, named: tuple[str, str | None], error: type[Exception], sentence: str
) -> None:
    add_pair(engine)
    add_version(engine, "finder", task="detect")
    for number in (1, 2):
        add_version(engine, "facts", number, task="describe", labels=[])
    with engine.connect() as connection, pytest.raises(error, match=sentence):
        diff.pair(connection, *named)


def test_nothing_in_common_says_which_command_fills_the_candidate(engine: sa.Engine) -> None:
    old, new = add_pair(engine)
    images = add_images(engine, 3)
    add_product(engine, "A", images)
    say(engine, old, images[0], classified(Shirt=0.9))
    say(engine, old, images[1], classified(Shirt=0.9))
    say(engine, new, images[2], classified(Shirt=0.9))
    with engine.connect() as connection:
        pair = diff.pair(connection, "thing@2", None)
        with pytest.raises(NotComparable, match=r"2 by thing@1, 1 by thing@2; run `tagmill process thing@2`"):
            diff.photos_done(connection, pair, Filter())
    say(engine, new, images[0], classified(Shirt=0.9))
    with engine.begin() as connection:
        assert diff.photos_done(connection, pair, Filter()) == Photos(old=2, new=2, both=1)
        with pytest.raises(NotComparable, match="no photo that fits"):
            diff.photos_done(connection, pair, parse(["sku=SHIRT"]))
        connection.execute(sa.text("DELETE FROM product_images"))
        with pytest.raises(NotComparable, match="belong to no product"):
            diff.diff_labels(connection, pair, Filter(), 1)


def test_the_same_answers_change_nothing(engine: sa.Engine) -> None:
    old, new = add_pair(engine)
    (image,) = add_images(engine, 1)
    add_product(engine, "SHIRT", [image])
    for version in (old, new):
        say(engine, version, image, classified(Shirt=0.9))
    found = compare(engine)
    assert (found.changed, found.flows, found.examples) == (0, (), ())
