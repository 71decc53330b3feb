-- Jobs that failed say so, until the same was done without an error; photos that were replaced make way.

-- The views come before any table is locked: who reads one holds it already while waiting for its tables.

CREATE OR REPLACE VIEW job_progress AS
SELECT j.id AS job_id, j.kind, j.subject, j.created_at,
       CASE WHEN j.held = 'cancelled' AND coalesce(w.pending + w.leased + w.retry, 0) > 0 THEN 'cancelling'
            WHEN j.held = 'cancelled' THEN 'cancelled'
            WHEN j.held = 'paused' AND (j.closed_at IS NULL OR coalesce(w.pending + w.leased + w.retry, 0) > 0) THEN 'paused'
            WHEN j.closed_at IS NULL AND j.kind NOT IN ('ingest', 'process') THEN 'running'
            WHEN j.closed_at IS NULL THEN 'adding'
            WHEN coalesce(w.pending + w.leased + w.retry, 0) > 0 THEN 'running'
            WHEN j.summary->>'error' IS NOT NULL THEN 'failed'
            ELSE 'finished' END AS state,
       coalesce(w.items, 0) AS items,
       coalesce(w.pending, 0) AS pending,
       coalesce(w.leased, 0) AS leased,
       coalesce(w.retry, 0) AS retry,
       coalesce(w.done, 0) AS done,
       coalesce(w.quarantined, 0) AS quarantined,
       coalesce(w.cancelled, 0) AS cancelled,
       w.first_finished_at, w.last_finished_at, j.lane, j.summary->>'error' AS error
FROM jobs j
LEFT JOIN LATERAL (
    SELECT count(*) AS items,
           count(*) FILTER (WHERE i.state = 'pending') AS pending,
           count(*) FILTER (WHERE i.state = 'leased') AS leased,
           count(*) FILTER (WHERE i.state = 'retry') AS retry,
           count(*) FILTER (WHERE i.state = 'done') AS done,
           count(*) FILTER (WHERE i.state = 'quarantined') AS quarantined,
           count(*) FILTER (WHERE i.state = 'cancelled') AS cancelled,
           min(i.finished_at) AS first_finished_at,
           max(i.finished_at) AS last_finished_at
    FROM work_items i WHERE i.job_id = j.id
) w ON true;
COMMENT ON COLUMN job_progress.state IS 'adding: the ingest still runs; running: items are open, or it trains; paused: no worker begins more of it; cancelling: workers end what they hold; cancelled; failed: it ended with an error; finished: all are done, quarantined or cancelled';
COMMENT ON COLUMN job_progress.error IS 'Why the job itself failed, a sentence; null where it did not';

-- What no product shows any more failed for nobody. A job's failure stands until the same was done without an error: the
-- same export, or another time of the same schedule.
CREATE OR REPLACE VIEW failures AS
SELECT 'process' AS stage, w.job_id, p.sku, w.image_id, i.sha256, pi.source, NULL::bigint AS line, w.error_code AS code,
       w.error_reason AS reason, max(w.attempts) AS attempts,
       array_agg(m.name || '@' || m.version ORDER BY m.name, m.version) AS models,
       max(w.finished_at) AS failed_at
FROM work_items w
JOIN images i ON i.id = w.image_id
JOIN model_versions m ON m.id = w.model_version_id
JOIN product_images pi ON pi.image_id = w.image_id
JOIN products p ON p.id = pi.product_id
WHERE w.state = 'quarantined'
GROUP BY w.job_id, p.sku, w.image_id, i.sha256, pi.source, w.error_code, w.error_reason
UNION ALL
SELECT 'ingest', e.job_id, e.sku, NULL, NULL, e.source, e.line, e.code, e.reason, 1, ARRAY[]::text[], e.created_at
FROM ingest_errors e
UNION ALL
SELECT s.stage, j.id, NULL, NULL, NULL, j.subject, NULL,
       CASE s.stage WHEN 'train' THEN 'training_failed' ELSE s.stage || '_failed' END, j.summary->>'error', 1,
       ARRAY[]::text[], j.closed_at
FROM jobs j
CROSS JOIN LATERAL (
    SELECT CASE j.kind WHEN 'retrain' THEN 'train' WHEN 'process' THEN 'reprocess' ELSE j.kind END AS stage
) s
LEFT JOIN scheduled_runs r ON r.job_id = j.id
WHERE j.closed_at IS NOT NULL AND j.summary->>'error' IS NOT NULL AND NOT EXISTS (
    SELECT FROM jobs later LEFT JOIN scheduled_runs n ON n.job_id = later.id
    WHERE later.id > j.id AND later.kind = j.kind
      AND coalesce(n.schedule, later.subject) = coalesce(r.schedule, j.subject)
      AND later.closed_at IS NOT NULL AND later.held IS DISTINCT FROM 'cancelled'
      AND NOT later.summary ?| ARRAY['error', 'interrupted', 'skipped']);
COMMENT ON COLUMN failures.sku IS 'Null where the row of a manifest names none, and for failures of jobs';
COMMENT ON COLUMN failures.stage IS 'ingest: the manifest''s row or its photo was refused; process: a model could not be run on the photo; train, export, reprocess, collect, statistics: nothing came of such a job, nor of the same since';

-- All that this and the parts behind it change or refer to, in the order in which an ingest takes them, else one that is
-- under way and this would wait for each other.
LOCK TABLE model_versions IN ACCESS EXCLUSIVE MODE;
LOCK TABLE products, images IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE product_images IN ACCESS EXCLUSIVE MODE;

-- Cheap: no row is written. Photos that are there already get their place when a manifest names them again.
ALTER TABLE product_images ADD COLUMN place text;
COMMENT ON COLUMN product_images.place IS 'the whole path or URL of source, by which a replaced file is told; null where it was taken in before this was noted';
