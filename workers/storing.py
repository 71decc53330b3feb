"""Write behind: masks to the store, then results and completion in one transaction, while the next batch runs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from uuid import UUID

from catalog.asset_store import AssetStore, mask_key
from catalog.ledger import Ledger
from catalog.outcomes import Outcome, Quarantined, Stored
from models.predictions import Segmentation
from models.runs import Runs
from workers import metrics
from workers.batching import bisect
from workers.blame import blamed
from workers.inference import Answer, log_failure
from workers.masks import encode_mask
from workers.patience import is_database_trouble, patiently
from workers.pulse import LifeSign, Unwatched
from workers.retry import RetryPolicy, describe


class RefusedRow(Exception):
    """The database is there and will not take this row; the message is its own."""


class Storer:
    """Stores answers in the background, one batch at a time; the first failure is raised to the caller."""

    def __init__(
        self,
        ledger: Ledger,
        store: AssetStore,
        policy: RetryPolicy,
        threads: int,
        pulse: LifeSign | None = None,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._policy = policy
        self._pulse = pulse or Unwatched()
        self._uploads = ThreadPoolExecutor(threads, thread_name_prefix="mask")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")

    def submit(self, token: UUID, answers: Sequence[Answer]) -> Future[int]:
        """Store `answers`; the result is how many were refused because the lease was lost."""
        context = copy_context()  # the job, for the logs of the writer
        return self._writer.submit(context.run, self._store_all, token, answers)

    def _store_all(self, token: UUID, answers: Sequence[Answer]) -> int:
        with metrics.stage("masks"):
            outcomes = self._with_masks(answers)

        def settle(batch: Sequence[Outcome]) -> Sequence[int]:
            return [self._settle(token, batch), *[0] * (len(batch) - 1)]

        # Only what a row itself may cause is halved; a database that is away fails the whole chunk.
        with metrics.stage("settle"):
            refused = bisect(settle, outcomes, halve_on=RefusedRow)
        lost = sum(result for result in refused if isinstance(result, int))
        for answer, outcome, result in zip(answers, outcomes, refused, strict=True):
            if isinstance(result, Exception):
                last = Quarantined(answer.outcome.key, "result_refused", describe(result)[1])
                log_failure(answer.image, answer.model, last)
                self._settle(token, [last])
                outcome = last
            if not lost:
                metrics.count(answer.model, outcome)
        return lost

    def _settle(self, token: UUID, outcomes: Sequence[Outcome]) -> int:
        """Settle; a second time after a lost answer is refused by the fence, so it may be repeated."""
        try:
            return patiently(lambda: self._ledger.settle(token, outcomes))
        except Exception as error:
            if is_database_trouble(error):
                raise
            raise RefusedRow(str(getattr(error, "orig", error))) from error
        finally:
            self._pulse.progress()

    def _with_masks(self, answers: Sequence[Answer]) -> list[Outcome]:
        """Put the masks; whose mask could not be put is not stored."""
        masked = [answer for answer in answers if _runs(answer.outcome)]
        errors = blamed(self._store, list(self._uploads.map(self._put, masked)))
        failed = {
            answer.outcome.key: error
            for answer, error in zip(masked, errors, strict=True)
            if error is not None
        }
        return [self._outcome(answer, failed.get(answer.outcome.key)) for answer in answers]

    def _outcome(self, answer: Answer, error: Exception | None) -> Outcome:
        if not isinstance(answer.outcome, Stored) or not _runs(answer.outcome):
            return answer.outcome
        if error is None:
            return replace(answer.outcome, mask_key=mask_key(answer.model, answer.image.sha256))
        outcome = self._policy.decide(answer.outcome.key, error, answer.image)
        log_failure(answer.image, answer.model, outcome)
        return outcome

    def _put(self, answer: Answer) -> Exception | None:
        runs = _runs(answer.outcome)
        assert runs is not None
        try:
            self._store.put(mask_key(answer.model, answer.image.sha256), encode_mask(runs), "image/png")
        except Exception as error:  # noqa: BLE001 - the policy decides, for this item alone
            return error
        finally:
            self._pulse.progress()
        return None


def _runs(outcome: Outcome) -> Runs | None:
    """The mask of a segmentation."""
    if isinstance(outcome, Stored) and isinstance(outcome.prediction, Segmentation):
        return outcome.prediction.runs
    return None
