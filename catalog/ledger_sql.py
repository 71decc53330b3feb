"""The statements of the ledger. Times are Postgres' own; every state change clears what no longer holds."""

from __future__ import annotations

import sqlalchemy as sa

# Workers that died holding the item; at its last attempt, whatever it failed of before, it is to be alone as well.
_SUSPICION = "greatest(losses, CASE WHEN attempts >= :max_attempts - 1 THEN attempts ELSE 0 END)"
_DUE = "state IN ('pending', 'retry') AND next_attempt_at <= now()"
_RUNS = "EXISTS (SELECT FROM jobs j WHERE j.id = job_id AND j.held IS NULL)"
_UNLEASED = "lease_token = NULL, lease_expires_at = NULL"

# What is there is left out before: a conflict locks its row even where nothing is changed then.
# Asked for again, what a cancelled job gave up, or had failed, is work of the new job. `{item}` is its table.
GIVEN_UP = """({item}.state = 'cancelled' OR ({item}.state = 'quarantined' AND EXISTS (
        SELECT FROM jobs j WHERE j.id = {item}.job_id AND j.held = 'cancelled')))"""
ANEW = f"""
    ON CONFLICT (image_id, model_version_id) DO UPDATE SET
        job_id = excluded.job_id, state = 'pending', attempts = 0, losses = 0, deferrals = 0, next_attempt_at = now(),
        published_at = NULL, error_code = NULL, error_reason = NULL, finished_at = NULL
    WHERE {GIVEN_UP.format(item="work_items")}
"""

PLAN = sa.text(
    f"""
    INSERT INTO work_items (image_id, model_version_id, job_id)
    SELECT image_id, model_version_id, :job_id
    FROM unnest(CAST(:image_ids AS bigint[])) image_id, unnest(CAST(:version_ids AS bigint[])) model_version_id
    WHERE NOT EXISTS (
        SELECT FROM work_items w
        WHERE (w.image_id, w.model_version_id) = (image_id.image_id, model_version_id.model_version_id)
          AND NOT {GIVEN_UP.format(item="w")})
    ORDER BY image_id, model_version_id
    {ANEW}
    """
)

# Jobs with open items, by jumps through an index: as many steps as jobs, however many items wait.
_RUNNING = """
    WITH RECURSIVE open (job_id) AS (
        (SELECT job_id FROM work_items WHERE state IN ('pending', 'retry') ORDER BY job_id LIMIT 1)
        UNION ALL
        SELECT (SELECT w.job_id FROM work_items w
                WHERE w.state IN ('pending', 'retry') AND w.job_id > open.job_id ORDER BY w.job_id LIMIT 1)
        FROM open WHERE open.job_id IS NOT NULL
    ), running AS (SELECT j.id, j.lane, j.pace FROM open JOIN jobs j ON j.id = open.job_id WHERE j.held IS NULL)
"""

JOBS = sa.text(f"{_RUNNING} SELECT id, lane, pace FROM running ORDER BY id")

# Jobs that are not over, those on hold too.
ANY_OPEN = sa.text(
    f"""
    {_RUNNING}
    SELECT job_id FROM open WHERE job_id IS NOT NULL
    UNION SELECT job_id FROM work_items WHERE state = 'leased'
    UNION SELECT id FROM jobs WHERE closed_at IS NULL AND held IS DISTINCT FROM 'cancelled' ORDER BY 1
    """
)

# By lane, for how many seconds the item that waits longest has been due.
OLDEST = sa.text(
    f"""
    {_RUNNING}
    SELECT j.lane, extract(epoch FROM max(now() - w.next_attempt_at)) AS seconds
    FROM running j CROSS JOIN LATERAL (
        SELECT next_attempt_at FROM work_items WHERE job_id = j.id AND state IN ('pending', 'retry')
        ORDER BY next_attempt_at LIMIT 1
    ) w
    WHERE w.next_attempt_at <= now() GROUP BY j.lane
    """
)

# Rows are updated where they were locked: joined by their key, Postgres would read the whole table when they are many.
# One that changed between the statement's start and its lock is not found there; it is left for the next time.
_PUBLISH = f"""
    , published AS (
        UPDATE work_items w SET published_at = now() WHERE ctid = ANY(ARRAY(SELECT ctid FROM due))
        RETURNING w.job_id, w.image_id, {_SUSPICION} AS suspicion
    )
    SELECT max(suspicion) AS suspicion, min(job_id) AS job_id, image_id, now() AS published_at
    FROM published GROUP BY image_id ORDER BY 1, 2, 3
"""
PUBLISH = sa.text(
    f"""
    WITH due AS (
        SELECT w.ctid FROM unnest(CAST(:jobs AS bigint[])) j (id) CROSS JOIN LATERAL (
            SELECT ctid FROM work_items
            WHERE job_id = j.id AND {_DUE} AND published_at IS NULL
            ORDER BY published_at, next_attempt_at, image_id LIMIT :limit FOR UPDATE SKIP LOCKED
        ) w LIMIT :limit
    ) {_PUBLISH}
    """
)

# Of one job, `photos` at most, each with all of its items: by their key, also while the statistics know no such job.
PUBLISH_PHOTOS = sa.text(
    f"""
    WITH next AS (
        SELECT image_id FROM (
            SELECT image_id FROM work_items WHERE job_id = :job AND {_DUE} AND published_at IS NULL
            ORDER BY published_at, next_attempt_at, image_id
            LIMIT :photos * (SELECT count(*) FROM model_versions)
        ) items GROUP BY image_id ORDER BY image_id LIMIT :photos
    ), due AS (
        SELECT w.ctid FROM next CROSS JOIN LATERAL (
            SELECT ctid FROM work_items
            WHERE image_id = next.image_id AND job_id + 0 = :job AND {_DUE} AND published_at IS NULL
            ORDER BY model_version_id LIMIT 1000 FOR UPDATE SKIP LOCKED
        ) w
    ) {_PUBLISH}
    """
)

# How many photos a job with a pace may have now; none before a second's worth is due, or messages would be tiny. What
# it did not use in a minute is lost: a pause is not made up for. By the clock, since another transaction that began
# later may have been here; and a clock that was set back is taken as it is.
ALLOW = sa.text(
    """
    WITH mine AS (
        SELECT id, pace, paced_at, clock_timestamp() AS at FROM jobs WHERE id = :job FOR NO KEY UPDATE SKIP LOCKED
    ), allowed AS (
        SELECT id, pace, at, greatest(least(coalesce(paced_at, at), at),
                                      at - greatest(60, 2 / pace) * interval '1 second') AS since
        FROM mine
    ), counted AS (
        SELECT id, since, pace,
               CASE WHEN at - since < interval '1 second' THEN 0
                    ELSE least(:most, floor(extract(epoch FROM at - since) * pace)) END::int AS photos
        FROM allowed
    )
    UPDATE jobs j SET paced_at = c.since + c.photos / c.pace * interval '1 second'
    FROM counted c WHERE j.id = c.id RETURNING c.photos
    """
)

# Jobs whose time window is over; workers end the batch in hand.
CLOSE_WINDOWS = sa.text(
    "UPDATE jobs SET held = 'paused' WHERE pause_at <= now() AND held IS NULL AND ended_at IS NULL"
)

# Ordered and limited, so that the index answers even when the statistics are old.
_FORGET = """
    WITH lost AS (
        SELECT w.ctid FROM unnest(CAST(:jobs AS bigint[])) j (id) CROSS JOIN LATERAL (
            SELECT ctid FROM work_items
            WHERE job_id = j.id AND {due} AND {lost} ORDER BY published_at LIMIT 100000 FOR UPDATE SKIP LOCKED
        ) w
    )
    UPDATE work_items SET published_at = NULL WHERE ctid = ANY(ARRAY(SELECT ctid FROM lost))
"""
_LOST = "published_at < least(CAST(:waiting_since AS timestamptz), now()) - :in_transit"
FORGET_PUBLISHED = sa.text(_FORGET.format(due=_DUE, lost=_LOST))
# Written before the clock was set back.
FORGET_AHEAD = sa.text(_FORGET.format(due=_DUE, lost="published_at > now() + :in_transit"))

UNPUBLISH = sa.text(
    f"""
    WITH left_over AS (
        SELECT image_id, model_version_id FROM work_items
        WHERE {_DUE} AND image_id = ANY(CAST(:image_ids AS bigint[])) FOR UPDATE SKIP LOCKED
    )
    UPDATE work_items w SET published_at = NULL FROM left_over
    WHERE (w.image_id, w.model_version_id) = (left_over.image_id, left_over.model_version_id)
    """
)

CANDIDATES = sa.text(
    f"""
    WITH due AS (
        SELECT image_id, {_SUSPICION} AS suspicion FROM work_items
        WHERE {_DUE} AND {_RUNS} AND image_id = ANY(CAST(:image_ids AS bigint[])) FOR UPDATE SKIP LOCKED
    )
    SELECT image_id, max(suspicion) AS suspicion FROM due GROUP BY image_id ORDER BY image_id
    """
)

# One row stands for its image, so that no more rows are locked than taken: a claim passes over locked rows, and
# would use up their message for nothing. An image of which any item was tried before does not join a batch.
TOP_UP = sa.text(
    f"""
    SELECT w.image_id FROM unnest(CAST(:jobs AS bigint[])) j (id) CROSS JOIN LATERAL (
        SELECT image_id FROM work_items w
        WHERE job_id = j.id AND {_DUE} AND attempts = 0 AND image_id <> ALL(CAST(:taken AS bigint[]))
          AND NOT EXISTS (
              SELECT FROM work_items o
              WHERE o.image_id = w.image_id AND o.state IN ('pending', 'retry') AND o.next_attempt_at <= now()
                AND (o.attempts > 0 OR (o.model_version_id < w.model_version_id
                                        AND o.job_id = ANY(CAST(:jobs AS bigint[])))))
        ORDER BY next_attempt_at, image_id LIMIT :images FOR UPDATE SKIP LOCKED
    ) w LIMIT :images
    """
)

LEASE = sa.text(
    f"""
    WITH due AS (
        SELECT image_id, model_version_id FROM work_items
        WHERE {_DUE} AND {_RUNS} AND image_id = ANY(CAST(:image_ids AS bigint[])) FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE work_items w
        SET state = 'leased', attempts = w.attempts + 1, lease_token = :token, lease_expires_at = now() + :lease
        FROM due WHERE (w.image_id, w.model_version_id) = (due.image_id, due.model_version_id)
        RETURNING w.image_id, w.model_version_id, w.attempts, w.deferrals
    )
    SELECT i.id AS image_id, i.sha256, i.object_key, i.width, i.height, array_agg(l.model_version_id) AS versions,
           max(l.attempts) AS attempts, max(l.deferrals) AS deferrals
    FROM leased l JOIN images i ON i.id = l.image_id
    GROUP BY i.id ORDER BY i.id
    """
)

# Rows that a settlement holds at this moment are skipped: they are about to be finished, and waiting could deadlock.
HEARTBEAT = sa.text(
    """
    WITH held AS (
        SELECT image_id, model_version_id FROM work_items
        WHERE lease_token = :token AND state = 'leased' FOR UPDATE SKIP LOCKED
    )
    UPDATE work_items w SET lease_expires_at = now() + :lease FROM held
    WHERE (w.image_id, w.model_version_id) = (held.image_id, held.model_version_id)
    """
)

ON_HOLD = sa.text(
    """
    SELECT EXISTS (SELECT FROM work_items w JOIN jobs j ON j.id = w.job_id
                   WHERE w.lease_token = :token AND w.state = 'leased' AND j.held IS NOT NULL)
    """
)

# The order keeps a settlement and a release of the same token from waiting for each other.
FENCE = sa.text(
    """
    SELECT image_id, model_version_id FROM work_items
    WHERE lease_token = :token AND state = 'leased' AND image_id = ANY(CAST(:image_ids AS bigint[]))
    ORDER BY image_id, model_version_id FOR UPDATE
    """
)

FINISH = sa.text(
    f"""
    UPDATE work_items w
    SET state = :state, finished_at = clock_timestamp(), error_code = o.code, error_reason = o.reason, {_UNLEASED}
    FROM unnest(CAST(:image_ids AS bigint[]), CAST(:version_ids AS bigint[]),
                CAST(:codes AS text[]), CAST(:reasons AS text[])) o (image_id, model_version_id, code, reason)
    WHERE (w.image_id, w.model_version_id) = (o.image_id, o.model_version_id)
    """
)

POSTPONE = sa.text(
    f"""
    UPDATE work_items w
    SET state = 'retry', next_attempt_at = now() + o.delay * interval '1 second', published_at = NULL,
        attempts = w.attempts - o.refund, deferrals = w.deferrals + o.deferral,
        error_code = o.code, error_reason = o.reason, {_UNLEASED}
    FROM unnest(CAST(:image_ids AS bigint[]), CAST(:version_ids AS bigint[]), CAST(:codes AS text[]),
                CAST(:reasons AS text[]), CAST(:delays AS float8[]), CAST(:refunds AS int[]),
                CAST(:deferrals AS int[]))
         o (image_id, model_version_id, code, reason, delay, refund, deferral)
    WHERE (w.image_id, w.model_version_id) = (o.image_id, o.model_version_id)
    """
)

RELEASE = sa.text(
    f"""
    WITH held AS (
        SELECT image_id, model_version_id FROM work_items
        WHERE lease_token = :token AND state = 'leased' ORDER BY image_id, model_version_id FOR UPDATE
    )
    UPDATE work_items w
    SET state = 'retry', attempts = w.attempts - 1, next_attempt_at = now() + :delay, published_at = NULL,
        {_UNLEASED}
    FROM held WHERE (w.image_id, w.model_version_id) = (held.image_id, held.model_version_id)
    """
)

EXPIRE = sa.text(
    f"""
    WITH expired AS (
        SELECT image_id, model_version_id FROM work_items
        WHERE state = 'leased' AND lease_expires_at < now() FOR UPDATE SKIP LOCKED
    )
    UPDATE work_items w
    SET state = CASE WHEN w.attempts >= :max_attempts THEN 'quarantined' ELSE 'retry' END,
        finished_at = CASE WHEN w.attempts >= :max_attempts THEN now() END,
        losses = w.losses + 1, error_code = :code,
        error_reason = 'The worker died or fell silent while it held this photo (attempt ' || w.attempts || ').',
        next_attempt_at = now(), published_at = NULL, {_UNLEASED}
    FROM expired WHERE (w.image_id, w.model_version_id) = (expired.image_id, expired.model_version_id)
    RETURNING w.state
    """
)

# After Postgres' clock was set back, these would lie idle until it has caught up. A living holder prolongs its lease.
SHORTEN_LEASES = sa.text(
    """
    WITH ahead AS (
        SELECT image_id, model_version_id FROM work_items
        WHERE state = 'leased' AND lease_expires_at > now() + :longest FOR UPDATE SKIP LOCKED
    )
    UPDATE work_items w SET lease_expires_at = now() + :lease FROM ahead
    WHERE (w.image_id, w.model_version_id) = (ahead.image_id, ahead.model_version_id)
    """
)

SHORTEN_DELAYS = sa.text(
    """
    WITH ahead AS (
        SELECT w.image_id, w.model_version_id FROM unnest(CAST(:jobs AS bigint[])) j (id) CROSS JOIN LATERAL (
            SELECT image_id, model_version_id FROM work_items
            WHERE job_id = j.id AND state IN ('pending', 'retry') AND next_attempt_at > now() + :longest
            ORDER BY next_attempt_at LIMIT 100000 FOR UPDATE SKIP LOCKED
        ) w
    )
    UPDATE work_items w SET next_attempt_at = now() FROM ahead
    WHERE (w.image_id, w.model_version_id) = (ahead.image_id, ahead.model_version_id)
    """
)

# What no worker holds of cancelled jobs; a lease that is held ends as it ends. In portions: no transaction is long.
CANCEL = sa.text(
    """
    WITH given_up AS (
        SELECT w.ctid FROM jobs j CROSS JOIN LATERAL (
            SELECT ctid FROM work_items
            WHERE job_id = j.id AND state IN ('pending', 'retry')
            ORDER BY next_attempt_at, image_id LIMIT :limit FOR UPDATE SKIP LOCKED
        ) w
        WHERE j.held = 'cancelled' LIMIT :limit
    )
    UPDATE work_items SET state = 'cancelled', published_at = NULL, finished_at = now(), error_code = NULL,
                          error_reason = NULL
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM given_up))
    """
)

# Ordered, so that a small index answers even when the statistics are old; EXISTS would read the whole table.
HAS_LEASED = sa.text("SELECT true FROM work_items WHERE state = 'leased' ORDER BY lease_expires_at LIMIT 1")
