"""The ledger's protocol: nothing is lost, nothing is done twice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

# Of Ledger.settle.
RESULTS = "            results.write(connection, stored)\n"
STATES = """\
            _finish(connection, stored, "done")
            _finish(connection, [o for o in mine if isinstance(o, Quarantined)], "quarantined")
            _postpone(connection, [o for o in mine if isinstance(o, Retry)])
            events.labels_seen(connection, stored)
"""
RETURN = "        return len(outcomes) - len(mine)\n"

MUTATIONS = (
    Mutation(
        "no fence",
        "catalog/ledger_sql.py",
        "WHERE lease_token = :token AND state = 'leased' AND image_id = ANY(CAST(:image_ids AS bigint[]))\n    ORDER",
        "WHERE :token IS NOT NULL AND image_id = ANY(CAST(:image_ids AS bigint[]))\n    ORDER",
        "tests/chaos/test_stopped_workers.py::test_frozen_beyond_its_lease_a_worker_writes_nothing_when_it_wakes",
    ),
    Mutation(
        "no unique key of work items",
        "migrations/sql/0001_tables.sql",
        "    CONSTRAINT pk_work_items PRIMARY KEY (image_id, model_version_id),\n",
        "",
        "tests/catalog/test_ingest.py::test_ingests_of_the_same_photos_for_other_products_do_not_deadlock",
    ),
    Mutation(
        "no unique key of photos",
        "migrations/sql/0001_tables.sql",
        "CONSTRAINT pk_images PRIMARY KEY (id),\n    CONSTRAINT uq_images_sha256 UNIQUE (sha256)",
        "CONSTRAINT pk_images PRIMARY KEY (id)",
        "tests/chaos/test_ingest.py::test_the_same_photos_in_two_manifests_at_once",
    ),
    Mutation(
        "no heartbeat",
        "workers/lease.py",
        "ledger.heartbeat(token)",
        "pass",
        "tests/chaos/test_stopped_workers.py::test_a_chunk_that_outlasts_its_lease_is_not_taken_away",
    ),
    Mutation(
        "no sweep of leases",
        "catalog/ledger_sql.py",
        "WHERE state = 'leased' AND lease_expires_at < now() FOR UPDATE SKIP LOCKED",
        "WHERE false FOR UPDATE SKIP LOCKED",
        "tests/workers/test_publisher.py"
        "::test_a_sweep_brings_back_what_a_dead_worker_held_and_what_a_flushed_queue_lost",
    ),
    Mutation(
        "no search for lost messages",
        "workers/publisher.py",
        "self._ledger.forget_published(self._queue.waiting_since(lane), lane=lane)",
        "pass",
        "tests/workers/test_publisher.py"
        "::test_a_sweep_brings_back_what_a_dead_worker_held_and_what_a_flushed_queue_lost",
    ),
    Mutation(
        "attempts not counted at the claim",
        "catalog/ledger_sql.py",
        "SET state = 'leased', attempts = w.attempts + 1,",
        "SET state = 'leased', attempts = w.attempts,",
        "tests/catalog/test_ledger.py::test_an_item_whose_worker_died_at_its_last_attempt_is_quarantined",
    ),
    Mutation(
        "suspects in chunks of full size",
        "catalog/ledger.py",
        "    return max(1, chunk_size >> 3 * suspicion)",
        "    return chunk_size",
        "tests/catalog/test_ledger.py::test_suspects_come_in_smaller_chunks_and_alone_at_their_last_attempt",
    ),
    Mutation(
        "a last attempt in company",
        "catalog/ledger_sql.py",
        '"greatest(losses, CASE WHEN attempts >= :max_attempts - 1 THEN attempts ELSE 0 END)"',
        '"greatest(losses, least(:max_attempts, 0))"',
        "tests/catalog/test_ledger.py::test_at_its_last_attempt_a_photo_is_alone_whatever_it_failed_of_before",
    ),
    Mutation(
        "a rotten object is tried for ever",
        "workers/retry.py",
        " and image.deferrals < self.max_deferrals",
        "",
        "tests/workers/test_pipeline.py::test_an_object_that_the_store_gives_never_is_quarantined_in_the_end",
    ),
    Mutation(
        "a claim whose answer was lost is kept",
        "workers/pipeline.py",
        "            self._give_back(token)  # claimed after all, by a commit whose answer was lost\n        else:",
        "            pass\n        else:",
        "tests/workers/test_pipeline.py::test_a_claim_whose_answer_was_lost_is_given_back",
    ),
    Mutation(
        "an orderly stop costs an attempt",
        "catalog/ledger_sql.py",
        "SET state = 'retry', attempts = w.attempts - 1, next_attempt_at = now() + :delay",
        "SET state = 'retry', next_attempt_at = now() + :delay",
        "tests/catalog/test_ledger.py::test_a_release_gives_back_the_attempt_and_the_work",
    ),
    Mutation(
        "results apart from their state",
        "catalog/ledger.py",
        RESULTS + STATES + RETURN,
        STATES + "        with self._engine.begin() as connection:\n" + RESULTS + RETURN,
        "tests/catalog/test_ledger.py::test_a_result_that_cannot_be_written_rolls_back_its_whole_batch",
    ),
    Mutation(
        "a job on hold is worked on",
        "catalog/ledger_sql.py",
        '_RUNS = "EXISTS (SELECT FROM jobs j WHERE j.id = job_id AND j.held IS NULL)"',
        '_RUNS = "true"',
        "tests/catalog/test_jobs.py::test_of_a_paused_job_nothing_more_is_begun",
    ),
    Mutation(
        "what is left of a cancelled job stays",
        "catalog/ledger.py",
        "        cancelled = self.cancel()\n",
        "        cancelled = 0\n",
        "tests/catalog/test_jobs.py::test_what_a_dead_worker_held_of_a_cancelled_job_is_given_up",
    ),
    Mutation(
        "the backlog never has its turn",
        "workers/lanes.py",
        "turn = self._in_a_row >= FRESH_IN_A_ROW",
        "turn = False",
        "tests/workers/test_lanes.py::test_what_is_fresh_is_asked_for_first_until_it_was_so_some_times_in_a_row",
    ),
    Mutation(
        "no watchdog",
        "workers/watchdog.py",
        "                os.kill(pid, signal.SIGKILL)\n                REPLACED",
        "                pass\n                REPLACED",
        "tests/workers/test_watchdog.py::test_a_process_without_progress_is_killed",
    ),
    Mutation(
        "a deaf host stays",
        "workers/watchdog.py",
        "            self.end()",
        "            pass",
        "tests/workers/test_watchdog.py::test_a_host_that_hears_nothing_while_messages_wait_ends",
    ),
    Mutation(
        "a database in trouble is a photo's fault",
        "workers/patience.py",
        "    if error.connection_invalidated:\n        return True\n",
        "    return False\n",
        "tests/workers/test_pipeline.py::test_a_database_that_restarts_makes_no_suspects",
    ),
    Mutation(
        "leases ahead of the clock stand",
        "catalog/ledger.py",
        "            connection.execute(\n                SHORTEN_LEASES",
        "            str(\n                SHORTEN_LEASES",
        "tests/catalog/test_ledger.py"
        "::test_leases_written_before_the_clock_was_set_back_are_shortened_not_taken",
    ),
    Mutation(
        "back-offs ahead of the clock stand",
        "catalog/ledger.py",
        "            connection.execute(SHORTEN_DELAYS",
        "            str(SHORTEN_DELAYS",
        "tests/catalog/test_ledger.py::test_work_that_became_due_in_the_future_is_due_after_a_sweep",
    ),
    Mutation(
        "a job ends that was reopened",
        "catalog/events.py",
        "WHERE j.id = ANY(CAST(:jobs AS bigint[])) AND {_OVER} RETURNING",
        "WHERE j.id = ANY(CAST(:jobs AS bigint[])) RETURNING",
        "tests/catalog/test_events.py::test_a_job_that_was_reopened_since_it_was_looked_at_does_not_end",
    ),
    Mutation(
        "a webhook that goes takes a settlement with it",
        "catalog/events.py",
        "ORDER BY s.image_id, s.label, w.id FOR KEY SHARE OF w",
        "ORDER BY s.image_id, s.label, w.id",
        "tests/catalog/test_events.py::test_a_webhook_that_is_removed_at_this_moment_fails_no_settle",
    ),
    Mutation(
        "a promotion behind an ingest's back",
        "catalog/promotion.py",
        "    locks.nothing_is_planned(connection)\n",
        "",
        "tests/catalog/test_promotion.py::test_a_promotion_waits_for_the_commit_of_an_ingest_and_sees_its_photos",
    ),
    Mutation(
        "a night without an end",
        "catalog/ledger.py",
        "            connection.execute(CLOSE_WINDOWS)",
        "            str(CLOSE_WINDOWS)",
        "tests/catalog/test_windows.py::test_at_the_end_of_its_window_a_job_is_paused_and_goes_on_in_the_next",
    ),
    Mutation(
        "a pace that other batches outrun",
        "catalog/ledger.py",
        "paced=False)\n                wanted",
        "paced=True)\n                wanted",
        "tests/catalog/test_windows.py::test_what_is_held_to_a_pace_fills_no_other_batch",
    ),
)
