"""Cut-offs fitted to a precision, held against reviews that were not seen."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import sqlalchemy as sa

from catalog.errors import BadThreshold, UnknownLabel, UnknownModel
from catalog.review import cutoffs, fitting, precision
from catalog.review.fitting import Fit
from tests.catalog.reviewed import Reviewed
from tests.catalog.shop import add_version, execute, rows

TARGET = 0.9


@pytest.fixture
def shop(engine: sa.Engine) -> Reviewed:
    return Reviewed(engine)


def reviewed(shop: Reviewed, label: str, count: int, right: int, score: float) -> None:
    """Products whose label has this score and of which people accept so many."""
    execute(
        shop.engine,
        """
        WITH made AS (INSERT INTO products (sku) SELECT gen_random_uuid()::text FROM generate_series(1, :count)
                      RETURNING id),
             photo AS (INSERT INTO images (sha256, object_key, format, bytes, width, height)
                       SELECT gen_random_uuid()::text, 'images/' || id, 'JPEG', 9, 40, 30 FROM made RETURNING id),
             pair AS (SELECT m.id AS product, p.id AS photo, m.n FROM
                      (SELECT id, row_number() OVER () AS n FROM made) m
                      JOIN (SELECT id, row_number() OVER () AS n FROM photo) p USING (n)),
             shown AS (INSERT INTO product_images SELECT product, photo, 0, 'x' FROM pair),
             scored AS (INSERT INTO classifications SELECT photo, :model, :label, 1, :score FROM pair)
        INSERT INTO overrides (product_id, label, accepted, author)
        SELECT product, :label, n <= :right, 'anna' FROM pair
        """,
        **{"count": count, "right": right, "label": label, "score": score, "model": shop.model},
    )


def fitted(shop: Reviewed, target: float = TARGET, labels: tuple[str, ...] = ("Dress",)) -> list[Fit]:
    with shop.engine.begin() as connection:
        found = fitting.fit(connection, "product-type", target, labels)
        fitting.apply(connection, "product-type", target, found)
    return found


def test_the_bound_is_wilson_s() -> None:
    """The share of which what was seen lies Z standard deviations above."""
    for right, count in ((15, 20), (1, 1), (99, 100), (950, 1000)):
        bound = precision.lower_bound(right / count, count)
        deviation = (bound * (1 - bound) / count) ** 0.5
        assert right / count == pytest.approx(bound + precision.Z * deviation)
    assert precision.lower_bound(0, 0) == 0
    for target in (0.5, 0.9, 0.95, 0.99):
        least = precision.needed(target)
        assert precision.lower_bound(1, least) >= target > precision.lower_bound(1, least - 1)


def test_the_cut_off_is_the_lowest_that_holds(shop: Reviewed) -> None:
    reviewed(shop, "Dress", 60, 60, 0.95)
    reviewed(shop, "Dress", 60, 57, 0.75)
    reviewed(shop, "Dress", 60, 20, 0.55)
    (fit,) = fitted(shop)
    assert (fit.cut_off, fit.reviews) == (pytest.approx(0.75), 120)
    assert fit.precision == pytest.approx(117 / 120)
    assert fit.coverage == pytest.approx(117 / 137)
    assert (fit.before, fit.after) == (180, 120)
    assert len(rows(shop.engine, "SELECT FROM product_verdicts WHERE counts AND origin = 'model'")) == 0
    execute(shop.engine, "DELETE FROM overrides")
    assert rows(shop.engine, "SELECT count(*) FROM product_tags") == [(120,)]  # at once, by stored scores
    with shop.engine.connect() as connection:
        (cut,) = cutoffs.every(connection)
    assert (cut.label, cut.target_precision, cut.reviews) == ("Dress", pytest.approx(0.9), 120)
    assert cut.fitted_at == cut.updated_at


@pytest.mark.parametrize(
    ("count", "right", "reason"),
    [
        (0, 0, "0 reviews say it is right; it takes 25"),
        (24, 24, "24 reviews say it is right; it takes 25"),
        (200, 100, "at best 44.2% can be promised"),
    ],
)
def test_where_it_cannot_be_promised_nothing_is_set(
    shop: Reviewed, count: int, right: int, reason: str
) -> None:
    reviewed(shop, "Dress", count, right, 0.9)
    (fit,) = fitted(shop)
    assert fit.cut_off is None
    assert fit.reason is not None
    assert reason in fit.reason
    assert rows(shop.engine, "SELECT * FROM thresholds") == []


def test_accepting_one_label_says_that_the_others_are_wrong(shop: Reviewed) -> None:
    for n in range(60):
        shop.product(f"sku {n}", {"Dress": 0.6, "Shirt": 0.4})
    execute(shop.engine, "INSERT INTO overrides SELECT id, 'Shirt', true, 'anna' FROM products")
    dress, shirt = fitted(shop, labels=("Dress", "Shirt"))
    assert (dress.reviewed, dress.cut_off) == (60, None)
    assert shirt.cut_off == pytest.approx(0.4)


def draw(chance: random.Random, count: int, power: float) -> list[tuple[float, bool]]:
    """Scores between 0 and 1, the low ones more often with a power above 1; the surer, the more are right."""
    scores = [chance.random() ** power for _ in range(count)]
    return [(score, chance.random() < score**0.25) for score in scores]


@pytest.mark.parametrize("power", [1.0, 2.0, 0.5])
def test_precision_holds_on_photos_that_nobody_reviewed(power: float) -> None:
    """Whichever scores people look at most: a few of the draws miss the target, and those by little."""
    chance = random.Random(7)
    unseen = draw(chance, 50_000, 1)
    photos = Counter(precision.band(score) for score, _ in unseen)
    reached = []
    for _ in range(200):
        found = precision.widest(draw(chance, 500, power), TARGET, photos)
        if found is not None:
            right = [good for score, good in unseen if score >= found.cut_off]
            reached.append(sum(right) / len(right))
    assert len(reached) > 150
    assert sum(one < TARGET for one in reached) / len(reached) < 0.12
    assert min(reached) > TARGET - 0.03


def test_scores_that_nobody_reviewed_are_not_promised(shop: Reviewed) -> None:
    reviewed(shop, "Dress", 100, 100, 0.95)
    reviewed(shop, "Dress", 1, 1, 0.2)
    for n in range(50):
        shop.product(f"unseen {n}", {"Dress": 0.5})
    assert fitted(shop)[0].cut_off == pytest.approx(0.95)


@pytest.mark.parametrize("target", [0.0, 1.0, -1.0, 2.0, float("nan"), float("inf")])
def test_a_precision_that_cannot_be_is_refused(shop: Reviewed, target: float) -> None:
    with pytest.raises(BadThreshold, match="between 0 and 1"):
        fitted(shop, target)


def test_models_and_labels_that_cannot_be_fitted_are_named(shop: Reviewed) -> None:
    add_version(shop.engine, "boxes", task="detect")
    with shop.engine.connect() as connection:
        with pytest.raises(UnknownModel):
            fitting.fit(connection, "nobody", TARGET)
        with pytest.raises(BadThreshold, match="boxes@1 does detect"):
            fitting.fit(connection, "boxes", TARGET)
        with pytest.raises(UnknownLabel, match="'Hat'"):
            fitting.fit(connection, "product-type", TARGET, ["Hat"])


def test_thresholds_are_set_by_hand_and_cleared(shop: Reviewed) -> None:
    with shop.engine.begin() as connection:
        cutoffs.put(connection, "product-type", "Dress", 0.8)
        cutoffs.put(connection, "product-type", "", 0.4)
        assert [(one.label, one.fitted_at) for one in cutoffs.every(connection)] == [
            ("", None),
            ("Dress", None),
        ]
        assert cutoffs.clear(connection, "product-type", "Dress")
        assert not cutoffs.clear(connection, "product-type", "Dress")
        for wrong in (-0.1, 1.1, float("nan"), float("inf")):
            with pytest.raises(BadThreshold, match="0 to 1"):
                cutoffs.put(connection, "product-type", "Dress", wrong)
        for text in ("a\0b", "\ud800", "'; --", "x" * 10_000):
            with pytest.raises(UnknownLabel):
                cutoffs.put(connection, "product-type", text, 0.5)
            with pytest.raises(UnknownModel):
                cutoffs.put(connection, text, "", 0.5)


def test_setting_by_hand_forgets_what_was_fitted(shop: Reviewed) -> None:
    reviewed(shop, "Dress", 60, 60, 0.95)
    fitted(shop)
    with shop.engine.begin() as connection:
        cutoffs.put(connection, "product-type", "Dress", 0.5)
        assert cutoffs.every(connection)[0].target_precision is None
