"""A chunk from claim to rows, on real Postgres, with a network that misbehaves on command."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
import torch
from PIL import Image
from sqlalchemy.exc import DataError, OperationalError
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs
from torch import Tensor, nn

from catalog import jobs, versions
from catalog.asset_store import MemoryAssetStore
from catalog.errors import StoreUnavailable
from catalog.ledger import ClaimedImage, Ledger
from catalog.outcomes import Outcome, Stored
from models.errors import WeightsError
from models.photo import Limits
from models.predictor import Predictor
from models.spec import ModelSpec, Preprocessing
from tests.catalog.shop import add_product
from workers import patience, pipeline
from workers.fetching import Fetcher
from workers.model_cache import HostUnfit, Loaded
from workers.pipeline import Pipeline
from workers.retry import RetryPolicy
from workers.storing import Storer

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)
COLOURS = ("red", "green", "blue")


class ColourNetwork(nn.Module):
    """Tells a photo's strongest channel; `before` is called with each batch and may raise."""

    def __init__(self, before: Callable[[Tensor], None]) -> None:
        super().__init__()
        self.before = before

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        self.before(batch)
        return {"classify": batch.mean(dim=(2, 3)) * 10}


class FixedModels:
    """The networks of a test, in place of those the registry would load."""

    def __init__(self, loaded: list[Loaded]) -> None:
        self.loaded = loaded

    def get(self, version_ids: Iterable[int]) -> list[Loaded]:
        wanted = set(version_ids)
        return [one for one in self.loaded if wanted & one.versions.keys()]


class Bench:
    """A catalog of one-coloured photos in the ledger, and a pipeline over it."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.store = MemoryAssetStore()
        self.store.ensure_bucket()
        self.ledger = Ledger(engine, lease=timedelta(seconds=20), max_attempts=2, chunk_size=128)
        self.before: Callable[[Tensor], None] = lambda batch: None
        specs = [self._spec("colours"), self._spec("colours-too")]
        with engine.begin() as connection:
            rows = [versions.register(connection, spec.model_dump(mode="json")) for spec in specs]
            self.job = jobs.create(connection, "ingest", "test")
        self.versions = [row.id for row in rows]
        network = ColourNetwork(lambda batch: self.before(batch))
        self.loaded = Loaded(Predictor(specs, network), {row.id: row.key for row in rows})

    @staticmethod
    def _spec(name: str) -> ModelSpec:
        return ModelSpec(
            name=name,
            version=1,
            task="classify",
            builder="torchvision:resnet18",
            weights="none",
            sha256="0" * 64,
            labels=COLOURS,
            preprocessing=Preprocessing(size=16, fit="squash"),
        )

    def add(self, colour: tuple[int, int, int], *, versions: list[int] | None = None) -> int:
        """A photo in the store with its work items; returns the image's id."""
        name = uuid4().hex
        buffer = io.BytesIO()
        Image.new("RGB", (20, 20), colour).save(buffer, "PNG")
        self.store.put(f"images/{name}", buffer.getvalue(), "image/png")
        with self.engine.begin() as connection:
            image_id = connection.execute(
                sa.text(
                    "INSERT INTO images (sha256, object_key, format, bytes, width, height) "
                    "VALUES (:name, 'images/' || :name, 'PNG', 1, 20, 20) RETURNING id"
                ),
                {"name": name},
            ).scalar_one()
            Ledger.plan(connection, self.job, [image_id], versions or self.versions)
        return int(image_id)

    def let_time_pass(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text("UPDATE work_items SET next_attempt_at = now()"))

    def pipeline(
        self,
        *,
        top_up_to: int = 0,
        max_deferrals: int = 50,
        makes_way: Callable[[], bool] = lambda: False,
    ) -> Pipeline:
        policy = RetryPolicy(max_attempts=2, first=timedelta(0), max_deferrals=max_deferrals)
        return Pipeline(
            self.ledger,
            FixedModels([self.loaded]),  # type: ignore[arg-type]
            Fetcher(self.store, Limits(), 2),
            Storer(self.ledger, self.store, policy, 2),
            policy,
            store_batch=8,
            beat_seconds=5,
            top_up_to=top_up_to,
            makes_way=makes_way,
        )

    def states(self) -> dict[int, set[tuple[str, str | None]]]:
        query = sa.text("SELECT image_id, state, error_code FROM work_items")
        found: dict[int, set[tuple[str, str | None]]] = {}
        with self.engine.connect() as connection:
            for row in connection.execute(query):
                found.setdefault(row.image_id, set()).add((row.state, row.error_code))
        return found

    def value(self, query: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(sa.text(query)).scalar_one())


@pytest.fixture
def bench(engine: sa.Engine) -> Bench:
    return Bench(engine)


def refuse_blue(batch: Tensor) -> None:
    if bool((batch.mean(dim=(2, 3)).argmax(dim=1) == 2).any()):
        raise RuntimeError("this kernel hates blue")


def test_every_photo_gets_the_answer_of_its_own(bench: Bench) -> None:
    ids = [bench.add((RED, GREEN, BLUE)[n % 3]) for n in range(30)]
    report = bench.pipeline().run(ids)
    assert (report.images, report.refused) == (30, 0)
    with bench.engine.connect() as connection:
        found = connection.execute(
            sa.text("SELECT image_id, label FROM classifications WHERE rank = 1 ORDER BY image_id")
        ).all()
    assert [label for _, label in found] == [COLOURS[n % 3] for n in range(30) for _ in range(2)]


def test_a_photo_that_fails_does_not_take_its_batch_down(bench: Bench) -> None:
    ids = [bench.add(RED) for _ in range(12)]
    culprit = bench.add(BLUE)
    bench.before = refuse_blue
    bench.pipeline().run([*ids, culprit])
    assert all(bench.states()[image] == {("done", None)} for image in ids)
    assert bench.states()[culprit] == {("retry", "inference_failed")}
    bench.pipeline().run([culprit])
    assert bench.states()[culprit] == {("quarantined", "inference_failed")}
    add_product(bench.engine, "BLUE-1", [culprit])
    assert bench.value("SELECT count(*) FROM failures WHERE reason LIKE '%hates blue%'") == 1


def test_results_after_a_lost_lease_are_refused(bench: Bench) -> None:
    ids = [bench.add(GREEN) for _ in range(5)]

    def lose_the_lease(batch: Tensor) -> None:
        del batch
        with bench.engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE work_items SET lease_expires_at = now() - interval '1 second'")
            )
        bench.ledger.sweep()

    bench.before = lose_the_lease
    assert bench.pipeline().run(ids).refused == 10
    assert bench.value("SELECT count(*) FROM classifications") == 0
    bench.before = lambda batch: None
    for image_id in ids:  # suspects now: each comes back in a chunk of its own in the end
        bench.pipeline().run([image_id])
    assert set().union(*bench.states().values()) == {("done", None)}


def test_a_store_that_is_away_costs_no_attempt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    image_id = bench.add(RED)

    def away(key: str, *, limit: int | None = None) -> bytes:
        raise StoreUnavailable("the store does not answer")

    monkeypatch.setattr(bench.store, "get", away)
    monkeypatch.setattr(bench.store, "exists", away)
    for _ in range(5):
        bench.pipeline().run([image_id])
        bench.let_time_pass()
    assert bench.states()[image_id] == {("retry", "store_unavailable")}
    assert bench.value("SELECT max(attempts + deferrals) FROM work_items") == 0


@pytest.mark.parametrize("company", [0, 1])
def test_an_object_that_the_store_gives_never_is_quarantined_in_the_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, company: int
) -> None:
    """Though the store answers for others: for those of its batch, or, where it is alone, for any."""
    image_id = bench.add(RED)
    get, bad = bench.store.get, next(bench.store.list("images/"))
    others = [bench.add(BLUE) for _ in range(company)]

    def rotten(key: str, *, limit: int | None = None) -> bytes:
        if key == bad:
            raise StoreUnavailable("500: the disk under it is bad")
        return get(key, limit=limit)

    monkeypatch.setattr(bench.store, "get", rotten)
    pipeline = bench.pipeline(max_deferrals=3)
    for _ in range(4):
        assert bench.states()[image_id] <= {("pending", None), ("retry", "object_failed")}
        pipeline.run([image_id, *others])
        bench.let_time_pass()
    assert bench.states()[image_id] == {("quarantined", "object_failed")}
    assert bench.value("SELECT max(attempts) FROM work_items") == 1
    assert all(bench.states()[other] == {("done", None)} for other in others)


def test_a_claim_whose_answer_was_lost_is_given_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was committed; asked again, nothing is due any more, and the lease must not run out."""
    image_id = bench.add(RED)
    claim = bench.ledger.claim

    def claimed_unheard(ids: Sequence[int], token: UUID, **options: Any) -> list[ClaimedImage]:
        claim(ids, token, **options)
        return claim(ids, token, **options)

    monkeypatch.setattr(bench.ledger, "claim", claimed_unheard)
    assert bench.pipeline().run([image_id]).images == 0
    assert bench.states()[image_id] == {("retry", None)}
    assert bench.value("SELECT max(attempts) FROM work_items") == 0


def test_an_unforeseen_error_counts_as_an_attempt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    image_id = bench.add(RED)

    def broken(version_ids: Iterable[int]) -> list[Loaded]:
        raise ValueError("a bug of ours")

    for _ in range(2):
        pipeline = bench.pipeline()
        monkeypatch.setattr(pipeline._models, "get", broken)
        with pytest.raises(ValueError, match="a bug of ours"):
            pipeline.run([image_id])
    assert bench.states()[image_id] == {("quarantined", "inference_failed")}


def test_a_host_that_cannot_load_a_model_charges_no_photo(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = bench.add(RED)

    def full(version_ids: Iterable[int]) -> list[Loaded]:
        raise HostUnfit("no space left on device")

    for _ in range(3):
        pipeline = bench.pipeline()
        monkeypatch.setattr(pipeline._models, "get", full)
        with pytest.raises(HostUnfit):
            pipeline.run([image_id])
        assert bench.states()[image_id] == {("retry", None)}
        bench.let_time_pass()
    assert bench.value("SELECT max(attempts) FROM work_items") == 0


def test_a_small_chunk_is_topped_up(bench: Bench) -> None:
    ids = [bench.add(RED) for _ in range(10)]
    assert bench.pipeline(top_up_to=8).run(ids[:1]).images == 8


def test_only_what_is_owed_is_written(bench: Bench) -> None:
    """Both heads answer in one pass; one of them was not asked for."""
    image_id = bench.add(RED, versions=bench.versions[:1])
    bench.pipeline().run([image_id])
    assert bench.value("SELECT count(DISTINCT model_version_id) FROM classifications") == 1


def test_out_of_memory_halves_and_answers_stay_the_same(bench: Bench) -> None:
    ids = [bench.add((RED, GREEN, BLUE)[n % 3]) for n in range(8)]

    def small_device(batch: Tensor) -> None:
        if len(batch) > 2:
            raise torch.OutOfMemoryError("the device holds two photos")

    bench.before = small_device
    bench.pipeline().run(ids)
    assert set().union(*bench.states().values()) == {("done", None)}


def test_a_database_that_restarts_makes_no_suspects(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [bench.add(RED) for _ in range(3)]
    away = OperationalError("SELECT 1", {}, Exception("the database is restarting"))
    release, refusals = bench.ledger.release, [away, away]

    def restarting(*_: object) -> int:
        raise away

    def release_later(token: UUID, delay: timedelta) -> int:
        if refusals:
            raise refusals.pop()
        return release(token, delay)

    monkeypatch.setattr(bench.ledger, "settle", restarting)
    monkeypatch.setattr(bench.ledger, "release", release_later)
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    with pytest.raises(OperationalError):
        bench.pipeline().run(ids)
    assert set().union(*bench.states().values()) == {("retry", None)}
    assert bench.value("SELECT max(attempts) FROM work_items") == 0


def test_where_no_network_can_be_loaded_photos_are_not_decoded_whole(bench: Bench) -> None:
    """A hundred photos are held at once; of full size they would not fit into memory."""
    image_id = bench.add(RED)
    bench.loaded = Loaded(WeightsError("no such weights"), bench.loaded.versions)
    assert pipeline._sides([bench.loaded]) == (1, 1)
    bench.pipeline().run([image_id])
    assert bench.states()[image_id] == {("retry", "model_failed")}


def test_a_row_that_postgres_refuses_is_quarantined_alone_and_logged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [bench.add(RED) for _ in range(5)]
    settle = bench.ledger.settle

    def picky(token: UUID, outcomes: Sequence[Outcome]) -> int:
        if any(isinstance(o, Stored) and o.key.image_id == ids[2] for o in outcomes):
            raise DataError("INSERT", {}, Exception("NaN not allowed in vector"))
        return settle(token, outcomes)

    monkeypatch.setattr(bench.ledger, "settle", picky)
    with bound_contextvars(job=7), capture_logs([merge_contextvars]) as logs:
        bench.pipeline().run(ids)
    assert bench.states().pop(ids[2]) == {("quarantined", "result_refused")}
    assert bench.value("SELECT count(*) FROM work_items WHERE state = 'done'") == 8
    failed = [entry for entry in logs if entry["event"] == "photo failed"]
    assert {(entry["job"], entry["image"], entry["code"]) for entry in failed} == {
        (7, ids[2], "result_refused")
    }


# --- lanes


def test_a_chunk_of_the_backlog_makes_way_for_fresh_photos_after_its_batch(bench: Bench) -> None:
    images = [bench.add(RED) for _ in range(24)]
    bench.pipeline(makes_way=lambda: True).run(images)
    found = Counter(state for states in bench.states().values() for state, _ in states)
    assert found == {"done": 8, "retry": 16}  # a batch, and the rest is given back
    assert bench.value("SELECT max(attempts) FROM work_items WHERE state = 'retry'") == 0
    assert [len(chunk.image_ids) for chunk in bench.ledger.publishable(100)] == [16]


def test_a_fresh_chunk_makes_way_for_nobody(bench: Bench) -> None:
    images = [bench.add(RED) for _ in range(20)]
    report = bench.pipeline(makes_way=lambda: True).run(images, "fresh")
    assert (report.images, report.worked, report.versions) == (20, 20, frozenset(bench.versions))
    assert all({state for state, _ in states} == {"done"} for states in bench.states().values())


def test_a_chunk_of_a_job_that_is_put_on_hold_ends_after_its_batch(bench: Bench) -> None:
    images = [bench.add(RED) for _ in range(24)]

    def pause(_: Tensor) -> None:
        with bench.engine.begin() as connection:
            connection.execute(sa.text("UPDATE jobs SET held = 'paused'"))

    bench.before = pause
    assert bench.pipeline().run(images, "fresh").worked == 8
    found = Counter(state for states in bench.states().values() for state, _ in states)
    assert found == {"done": 8, "retry": 16}
    assert bench.ledger.publishable(100) == []
