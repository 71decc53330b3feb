"""Which version serves: the switch, what it waits for, the way back, and what becomes of the retired."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
import sqlalchemy as sa

from catalog import jobs, locks, promotion, retired, versions
from catalog.asset_store import S3AssetStore, mask_key
from catalog.errors import AlreadyServes, NotCovered, NoWayBack, StoreError, StoreUnavailable, UnknownModel
from catalog.outcomes import ItemKey, Outcome, Quarantined, Stored
from catalog.promotion import Coverage
from models.predictions import Embedding
from tests.catalog.shop import (
    add_images,
    add_product,
    add_version,
    execute,
    make_ledger,
    plan,
    rows,
    spec,
    stored,
)


def states(engine: sa.Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return {version.key: version.state for version in versions.every(connection)}


def promote(engine: sa.Engine, reference: str, *, anyway: bool = False) -> tuple[str, str | None]:
    with engine.begin() as connection:
        done = promotion.promote(connection, reference, anyway=anyway)
    assert done.version.state == "serving"
    return done.version.key, done.retired and done.retired.key


def test_a_candidate_does_not_serve_though_nothing_else_does(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        assert versions.register(connection, spec(), candidate=True).state == "candidate"
    assert promote(engine, "product-type@1") == ("product-type@1", None)


def test_promoting_retires_the_version_that_served_and_can_be_taken_back(engine: sa.Engine) -> None:
    for number in (1, 2, 3):
        add_version(engine, "product-type", number)
    add_version(engine, "product-mask", 1)
    assert promote(engine, "product-type@3") == ("product-type@3", "product-type@1")
    assert promote(engine, "product-type@1") == ("product-type@1", "product-type@3")
    assert states(engine) == {
        "product-mask@1": "serving",
        "product-type@1": "serving",
        "product-type@2": "candidate",
        "product-type@3": "retired",
    }


@pytest.mark.parametrize("reference", ["product-type@1", "product-type"])
def test_what_serves_cannot_be_promoted_and_the_others_are_named(engine: sa.Engine, reference: str) -> None:
    add_version(engine, "product-type", 1)
    with pytest.raises(AlreadyServes, match=r"product-type@1 serves already; .* has no other version"):
        promote(engine, reference)
    add_version(engine, "product-type", 2)
    with pytest.raises(AlreadyServes, match=r"other versions are: product-type@2 \(candidate\)"):
        promote(engine, reference)


def test_promoting_the_unknown_changes_nothing(engine: sa.Engine) -> None:
    add_version(engine, "product-type", 1)
    with pytest.raises(UnknownModel):
        promote(engine, "product-type@7")
    assert states(engine) == {"product-type@1": "serving"}


def test_promotions_at_once_leave_one_that_serves(engine: sa.Engine) -> None:
    for number in range(1, 9):
        add_version(engine, "product-type", number)
    start = threading.Barrier(7)

    def one(number: int) -> None:
        start.wait()
        promote(engine, f"product-type@{number}")

    with ThreadPoolExecutor(7) as pool:
        list(pool.map(one, range(2, 9)))
    assert Counter(states(engine).values()) == {"serving": 1, "retired": 7}


def test_views_follow_a_promotion_at_once_and_coverage_counts_what_was_seen(engine: sa.Engine) -> None:
    first, second = (add_version(engine, "product-type", number) for number in (1, 2))
    images = add_images(engine, 3)
    add_product(engine, "A", images)
    plan(engine, images, first.id, second.id)
    ledger = make_ledger(engine)
    token = uuid4()
    ledger.claim(images, token)
    ledger.settle(token, [stored(image, first.id) for image in images] + [stored(images[0], second.id)])

    def shown() -> list[tuple[object, ...]]:
        return rows(engine, "SELECT model_version, count(*) FROM product_tags GROUP BY 1")

    with engine.connect() as connection:
        assert promotion.coverage(connection, second) == Coverage(done=1, failed=0, photos=3)
        assert promotion.coverage(connection, first) == Coverage(done=3, failed=0, photos=3)
    assert shown() == [(1, 3)]
    promote(engine, "product-type@2", anyway=True)
    assert shown() == [(2, 1)]
    promote(engine, "product-type@1")
    assert shown() == [(1, 3)]


class Filled:
    """Five photos of one product, and two versions of one model: the first serves and has seen all of them."""

    def __init__(self, engine: sa.Engine, **spec: str) -> None:
        self.engine = engine
        self.first, self.second = (add_version(engine, "product-type", number, **spec) for number in (1, 2))
        self.images = add_images(engine, 5)
        add_product(engine, "A", self.images)
        self.see(self.first, self.images)

    def see(self, version: versions.Version, images: Sequence[int], failed: Sequence[int] = ()) -> int:
        """The version's answers for `images`, and none for those that `failed`; the job."""
        job = plan(self.engine, images, version.id)
        self.settle(version, images, failed)
        return job

    def settle(self, version: versions.Version, images: Sequence[int], failed: Sequence[int] = ()) -> None:
        ledger, token = make_ledger(self.engine), uuid4()
        ledger.claim(images, token)
        outcomes: list[Outcome] = [
            Quarantined(ItemKey(image, version.id), "model_failed", "It failed.")
            if image in failed
            else stored(image, version.id)
            for image in images
        ]
        assert ledger.settle(token, outcomes) == 0


def gaps_of(engine: sa.Engine, reference: str) -> tuple[promotion.Gaps, str]:
    with pytest.raises(NotCovered) as caught:
        promote(engine, reference)
    return caught.value.gaps, str(caught.value)


def test_a_promotion_that_would_lose_results_says_what_is_missing_and_changes_nothing(
    engine: sa.Engine,
) -> None:
    shop = Filled(engine)
    one, two, three, four, _ = shop.images
    failed = shop.see(shop.second, [one, two], failed=[two])
    plan(engine, [three], shop.second.id)
    given_up = plan(engine, [four], shop.second.id)
    execute(engine, "UPDATE work_items SET state = 'cancelled' WHERE job_id = :job", job=given_up)
    gaps, sentence = gaps_of(engine, "product-type@2")
    assert (gaps.waiting, gaps.failed, gaps.unasked, gaps.photos) == (1, {"model_failed": 1}, 2, 4)
    execute(engine, "UPDATE jobs SET held = 'cancelled' WHERE id = :job", job=failed)
    assert gaps_of(engine, "product-type@2")[0] == promotion.Gaps(waiting=1, unasked=3)
    execute(engine, "UPDATE jobs SET held = NULL WHERE id = :job", job=failed)
    assert "4 photos have results of product-type@1 and none of product-type@2" in sentence
    for command in ("jobs retry --model product-type@2", "process product-type@2", "--fill", "--anyway"):
        assert command in sentence
    assert states(engine) == {"product-type@1": "serving", "product-type@2": "candidate"}
    with engine.begin() as connection:
        assert promotion.promote(connection, "product-type@2", anyway=True).gaps == gaps
    assert states(engine) == {"product-type@1": "retired", "product-type@2": "serving"}


def test_what_the_serving_version_failed_itself_or_is_not_asked_for_holds_nothing_up(
    engine: sa.Engine,
) -> None:
    shop = Filled(engine)
    add_product(engine, "B", add_images(engine, 2))  # of which no version was asked
    shop.see(shop.first, add_images(engine, 1))  # which no product shows any more
    shop.see(shop.first, more := add_images(engine, 2), failed=more)
    add_product(engine, "C", more)
    shop.see(shop.second, shop.images)
    assert promote(engine, "product-type@2") == ("product-type@2", "product-type@1")


def test_a_photo_that_the_serving_version_is_about_to_see_is_waited_for(engine: sa.Engine) -> None:
    shop = Filled(engine)
    shop.see(shop.second, shop.images)
    plan(engine, late := add_images(engine, 1), shop.first.id)
    add_product(engine, "B", late)
    assert gaps_of(engine, "product-type@2")[0] == promotion.Gaps(unasked=1)
    shop.see(shop.second, late)
    assert promote(engine, "product-type@2") == ("product-type@2", "product-type@1")


def test_a_promotion_waits_for_the_commit_of_an_ingest_and_sees_its_photos(engine: sa.Engine) -> None:
    shop = Filled(engine)
    shop.see(shop.second, shop.images)
    late = add_images(engine, 1)
    add_product(engine, "B", late)
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as ingest:
            locks.versions_stay(ingest)
            planned = [version.id for version in versions.for_new_photos(ingest)]
            promotion_ = pool.submit(gaps_of, engine, "product-type@2")
            job = jobs.create(ingest, "ingest", "late.csv")
            make_ledger(engine).plan(ingest, job, late, planned)
            with pytest.raises(TimeoutError):
                promotion_.result(timeout=0.5)
        assert promotion_.result(timeout=10)[0] == promotion.Gaps(unasked=1)


def rollback(engine: sa.Engine, name: str = "product-type") -> tuple[str, str | None]:
    with engine.begin() as connection:
        done = promotion.rollback(connection, name)
    return done.version.key, done.retired and done.retired.key


def test_a_rollback_goes_back_to_what_served_before_at_once_and_again_forth(engine: sa.Engine) -> None:
    for number in (1, 2, 3):
        add_version(engine, "product-type", number)
    promote(engine, "product-type@2")
    promote(engine, "product-type@3")
    assert rollback(engine) == ("product-type@2", "product-type@3")
    assert rollback(engine) == ("product-type@3", "product-type@2")
    plan(engine, add_images(engine, 2), next(v.id for v in every(engine) if v.version == 3))
    assert rollback(engine) == ("product-type@2", "product-type@3")


def every(engine: sa.Engine) -> list[versions.Version]:
    with engine.connect() as connection:
        return versions.every(connection)


def test_where_nothing_served_before_there_is_no_way_back(engine: sa.Engine) -> None:
    add_version(engine, "product-type", 1)
    add_version(engine, "product-type", 2)
    with pytest.raises(NoWayBack, match="no other version of product-type did before"):
        rollback(engine)
    with pytest.raises(UnknownModel):
        rollback(engine, "shoes")


A_WEEK = timedelta(days=7)


def retire_long_ago(engine: sa.Engine) -> None:
    """And all that is done was done before."""
    execute(engine, "UPDATE model_versions SET retired_at = now() - interval '8 d' WHERE state = 'retired'")
    execute(engine, "UPDATE work_items SET finished_at = finished_at - interval '9 d'")


def test_results_of_the_retired_go_after_a_grace_period_and_nothing_else(
    engine: sa.Engine, store: S3AssetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retired, "BATCH", 2)
    shop = Filled(engine)
    shop.see(shop.second, shop.images)
    promote(engine, "product-type@2")
    assert retired.collect(engine, store, grace=A_WEEK) == retired.Collected()
    retire_long_ago(engine)
    assert retired.collect(engine, store, grace=A_WEEK) == retired.Collected(["product-type@1"], 5)
    assert retired.collect(engine, store, grace=A_WEEK) == retired.Collected()
    for table in ("work_items", "classifications"):
        assert rows(engine, f"SELECT DISTINCT model_version_id FROM {table}") == [(shop.second.id,)]
    with pytest.raises(NoWayBack, match="tagmill process product-type@1"):
        rollback(engine)
    assert gaps_of(engine, "product-type@1")[0] == promotion.Gaps(unasked=5)
    shop.see(shop.first, shop.images)
    assert promote(engine, "product-type@1") == ("product-type@1", "product-type@2")
    assert rollback(engine) == ("product-type@2", "product-type@1")
    assert rollback(engine) == ("product-type@1", "product-type@2")


def test_masks_of_the_retired_go_with_them_though_a_store_is_away_at_first(
    engine: sa.Engine, store: S3AssetStore
) -> None:
    shop = Filled(engine, task="segment")
    hashes = [sha256 for (sha256,) in rows(engine, "SELECT sha256 FROM images")]
    for version in (shop.first, shop.second):
        for sha256 in hashes:
            store.put(mask_key(version.key, sha256), b"mask", "image/png")
    promote(engine, "product-type@2", anyway=True)
    retire_long_ago(engine)
    with pytest.raises(StoreError):
        retired.collect(engine, store.in_bucket("nowhere-at-all"), grace=A_WEEK)
    assert rows(engine, "SELECT count(*), min(state) FROM work_items") == [(5, "cancelled")]
    assert retired.collect(engine, store, grace=A_WEEK).masks == 5
    assert set(store.list("masks/")) == {mask_key(shop.second.key, sha256) for sha256 in hashes}
    assert rows(engine, "SELECT count(*) FROM work_items") == [(0,)]


def test_what_serves_again_in_the_midst_of_the_collection_keeps_the_rest(
    engine: sa.Engine, store: S3AssetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retired, "BATCH", 2)
    shop = Filled(engine)
    promote(engine, "product-type@2", anyway=True)
    retire_long_ago(engine)

    def want_it_back(state: retired.Collected) -> None:
        if state.items == 2 and states(engine)["product-type@1"] == "retired":
            promote(engine, "product-type@1", anyway=True)

    assert retired.collect(engine, store, grace=A_WEEK, on_progress=want_it_back).items == 2
    assert rows(engine, "SELECT count(*) FROM work_items WHERE model_version_id = :id", id=shop.first.id) == [
        (3,)
    ]


def test_open_work_of_a_retired_version_stays_until_it_is_over(
    engine: sa.Engine, store: S3AssetStore
) -> None:
    shop = Filled(engine)
    plan(engine, late := add_images(engine, 1), shop.first.id)
    promote(engine, "product-type@2", anyway=True)
    retire_long_ago(engine)
    assert retired.collect(engine, store, grace=A_WEEK).items == 5
    shop.settle(shop.first, late)
    assert retired.collect(engine, store, grace=A_WEEK).items == 0  # made a moment ago
    retire_long_ago(engine)
    assert retired.collect(engine, store, grace=A_WEEK).items == 1


class FailsAfter:
    """A store that is gone after some deletions."""

    def __init__(self, store: S3AssetStore, deletions: int) -> None:
        self._store = store
        self._left = deletions

    def delete(self, key: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailable("gone")
        self._store.delete(key)


def test_cut_short_no_version_seems_to_have_what_is_half_gone(engine: sa.Engine, store: S3AssetStore) -> None:
    shop = Filled(engine, task="segment")
    shop.see(shop.second, shop.images)
    hashes = [sha256 for (sha256,) in rows(engine, "SELECT sha256 FROM images")]
    for sha256 in hashes:
        store.put(mask_key(shop.first.key, sha256), b"mask", "image/png")
    promote(engine, "product-type@2")
    retire_long_ago(engine)
    with pytest.raises(StoreUnavailable):
        retired.collect(engine, FailsAfter(store, 3), grace=A_WEEK)  # type: ignore[arg-type]
    assert 0 < len(list(store.list("masks/"))) < 5
    with pytest.raises(NoWayBack):
        rollback(engine)
    assert gaps_of(engine, "product-type@1")[0] == promotion.Gaps(unasked=5)
    assert retired.collect(engine, store, grace=A_WEEK).items == 5
    assert list(store.list("masks/")) == []


def test_what_was_made_anew_is_kept_as_long_again(engine: sa.Engine, store: S3AssetStore) -> None:
    shop = Filled(engine)
    promote(engine, "product-type@2", anyway=True)
    retire_long_ago(engine)
    assert retired.collect(engine, store, grace=A_WEEK).items == 5
    shop.see(shop.first, shop.images)
    assert retired.collect(engine, store, grace=A_WEEK).items == 0
    assert promote(engine, "product-type@1") == ("product-type@1", "product-type@2")


def test_neighbours_are_found_through_a_promotion_to_another_width(engine: sa.Engine) -> None:
    first, second = (add_version(engine, "look", number, task="embed") for number in (1, 2))
    images = add_images(engine, 3)
    for sku, image in zip("ABC", images, strict=True):
        add_product(engine, sku, [image])
    narrow, wide = [(1, 0), (0.8, 0.6), (0, 1)], [(0, 0, 1), (0, 1, 0), (0, 0.6, 0.8)]
    for version, found in ((first, narrow), (second, wide)):
        plan(engine, images, version.id)
        ledger, token = make_ledger(engine), uuid4()
        ledger.claim(images, token)
        answers = [Embedding(np.array(vector, np.float32)) for vector in found]
        keys = [ItemKey(image, version.id) for image in images]
        assert ledger.settle(token, [Stored(*pair) for pair in zip(keys, answers, strict=True)]) == 0

    def nearest() -> tuple[object, ...]:
        query = """
            SELECT other.sku, mine.width FROM product_embeddings mine
            JOIN product_embeddings other ON other.model = mine.model AND other.sku <> mine.sku
            WHERE mine.sku = 'A' ORDER BY other.embedding <=> mine.embedding LIMIT 1
        """
        return rows(engine, query)[0]

    assert nearest() == ("B", 2)
    promote(engine, "look@2")
    assert nearest() == ("C", 3)
    rollback(engine, "look")
    assert nearest() == ("B", 2)
