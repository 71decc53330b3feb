"""One chunk of image ids, from claim to rows: fetch, decode, batch, infer, store. Data flows one way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import TypeVar
from uuid import UUID, uuid4

import structlog
from sqlalchemy.exc import SQLAlchemyError

from catalog.ledger import ClaimedImage, Lane, Ledger
from catalog.outcomes import ItemKey
from models.errors import DeviceFailed
from models.photo import Sides
from models.predictor import Predictor
from workers import metrics, tracing
from workers.fetching import Fetcher
from workers.inference import answers
from workers.lease import heartbeat
from workers.model_cache import HostUnfit, Loaded, ModelCache
from workers.patience import is_database_trouble, patiently
from workers.pulse import LifeSign, Unwatched
from workers.retry import RetryPolicy
from workers.storing import Storer

log = structlog.get_logger()

T = TypeVar("T")

LARGE_SIDE = 512  # photos decoded larger than this are held in smaller numbers
LATER = timedelta(seconds=5)  # until photos are due again that were given back for nobody's fault
LOADING = 900.0  # seconds beyond the usual for fetching and loading models, before it counts as hanging
STORES_AHEAD = 2  # batches that may wait for Postgres before the network pauses


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a chunk: of the `images` that were claimed, how many were `worked` off.

    `refused` are results that came after the lease was lost. `seconds` leave the loading of networks out.
    """

    images: int = 0
    worked: int = 0
    refused: int = 0
    seconds: float = 0.0
    versions: frozenset[int] = frozenset()


class Pipeline:
    """Runs chunks. It is handed the layers below it and opens nothing itself."""

    def __init__(
        self,
        ledger: Ledger,
        models: ModelCache,
        fetcher: Fetcher,
        storer: Storer,
        policy: RetryPolicy,
        *,
        store_batch: int,
        beat_seconds: float,
        top_up_to: int,
        pulse: LifeSign | None = None,
        makes_way: Callable[[], bool] = lambda: False,
    ) -> None:
        """`makes_way` is asked between batches of the backlog: whether to give back the rest for what is fresh."""
        self._ledger = ledger
        self._models = models
        self._fetcher = fetcher
        self._storer = storer
        self._policy = policy
        self._store_batch = store_batch
        self._beat_seconds = beat_seconds
        self._top_up_to = top_up_to
        self._pulse = pulse or Unwatched()
        self._makes_way = makes_way

    def run(self, image_ids: Sequence[int], lane: Lane = "backlog") -> Report:
        """Claim the due items of `image_ids` and work them off; whatever goes wrong, the items come back."""
        token, started = uuid4(), time.perf_counter()
        with metrics.stage("claim"):
            claimed = patiently(
                lambda: self._ledger.claim(image_ids, token, top_up_to=self._top_up_to, lane=lane)
            )
        report = Report()
        if not claimed:
            self._give_back(token)  # claimed after all, by a commit whose answer was lost
        else:
            with heartbeat(self._ledger, token, self._beat_seconds):
                try:
                    report = self._work(token, claimed, lane, started)
                except DeviceFailed:  # the lease runs out: its photos are suspects
                    raise
                except Exception as error:
                    if is_database_trouble(error) or isinstance(error, HostUnfit):  # no photo's fault
                        self._give_back(token, LATER)
                    else:
                        self._fail(token, claimed, error)
                    raise
                except BaseException:  # an orderly stop
                    self._give_back(token)
                    raise
        metrics.BUSY_SECONDS.inc(report.seconds)
        metrics.REFUSED.inc(report.refused)
        return report

    def _work(self, token: UUID, claimed: Sequence[ClaimedImage], lane: Lane, started: float) -> Report:
        versions = frozenset(version for image in claimed for version in image.versions)
        before_loading = time.perf_counter()
        with self._pulse.slowly(LOADING):
            loaded = self._models.get(versions)
        started += time.perf_counter() - before_loading
        tracing.note(models=_names(loaded, versions))
        waiting: deque[Future[int]] = deque()
        worked = refused = 0
        sides = _sides(loaded)
        size = self._store_batch if max(sides) <= LARGE_SIDE else max(1, self._store_batch // 4)
        for n, batch in enumerate(metrics.timed("wait", self._fetcher.batches(claimed, size, sides))):
            if self._pulse.ending() or (n > 0 and self._leaves(token, lane)):
                break
            metrics.BATCH_PHOTOS.observe(len(batch))
            worked += len(batch)
            with metrics.stage("infer"):
                found = list(self._watched(answers(loaded, batch, self._policy)))
            waiting.append(self._storer.submit(token, found))
            while len(waiting) > STORES_AHEAD:
                refused += waiting.popleft().result()
        refused += sum(future.result() for future in waiting)
        self._give_back(token)  # what was not begun, or claimed by a commit whose answer was lost
        return Report(len(claimed), worked, refused, time.perf_counter() - started, versions)

    def _leaves(self, token: UUID, lane: Lane) -> bool:
        """Whether the rest of the chunk is to be given back: its job was paused or cancelled, or fresh photos wait."""
        if patiently(lambda: self._ledger.on_hold(token)):
            return True
        if lane == "backlog" and self._makes_way():
            metrics.MADE_WAY.inc()
            return True
        return False

    def _watched(self, results: Iterable[T]) -> Iterator[T]:
        for result in results:
            self._pulse.progress()
            yield result

    def _fail(self, token: UUID, claimed: Sequence[ClaimedImage], error: Exception) -> None:
        """Nobody foresaw this error, so it counts as an attempt: a chunk must not go round for ever."""
        keys = [(ItemKey(image.image_id, version), image) for image in claimed for version in image.versions]
        outcomes = [self._policy.decide(key, error, image) for key, image in keys]
        if not self._ledger.settle(token, outcomes):
            for outcome in outcomes:
                metrics.count("", outcome)  # whose network it was, nobody knows

    def _give_back(self, token: UUID, delay: timedelta = timedelta()) -> None:
        """Release the lease. If it runs out instead, its photos count as having lost their worker."""
        try:
            patiently(lambda: self._ledger.release(token, delay))
        except SQLAlchemyError as error:
            log.warning("release failed", token=str(token), error=str(error))


def _names(loaded: Sequence[Loaded], wanted: frozenset[int]) -> list[str]:
    """Of the model versions that are wanted; a network may have further heads."""
    return sorted(name for model in loaded for version, name in model.versions.items() if version in wanted)


def _sides(loaded: Sequence[Loaded]) -> Sides:
    """Pixels the most demanding network needs of a photo; 1 where no network could be loaded."""
    needed = [model.predictor.sides for model in loaded if isinstance(model.predictor, Predictor)]
    return reduce(Sides.with_, needed, Sides(1, 1))
