-- Takes back 0007_jobs.sql.

CREATE OR REPLACE VIEW failures AS
SELECT 'process' AS stage, w.job_id, p.sku, w.image_id, i.sha256, pi.source, NULL::bigint AS line, w.error_code AS code,
       w.error_reason AS reason, max(w.attempts) AS attempts,
       array_agg(m.name || '@' || m.version ORDER BY m.name, m.version) AS models,
       max(w.finished_at) AS failed_at
FROM work_items w
JOIN images i ON i.id = w.image_id
JOIN model_versions m ON m.id = w.model_version_id
LEFT JOIN product_images pi ON pi.image_id = w.image_id
LEFT JOIN products p ON p.id = pi.product_id
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
WHERE j.closed_at IS NOT NULL AND j.summary->>'error' IS NOT NULL;
COMMENT ON COLUMN failures.stage IS 'ingest: the manifest''s row or its photo was refused; process: a model could not be run on the photo; train, export, reprocess, collect, statistics: nothing came of such a job';
COMMENT ON COLUMN failures.sku IS 'Null where the photo belongs to no product, or the row names none';

DROP VIEW job_progress;
CREATE VIEW job_progress AS
SELECT j.id AS job_id, j.kind, j.subject, j.created_at,
       CASE WHEN j.held = 'cancelled' AND coalesce(w.pending + w.leased + w.retry, 0) > 0 THEN 'cancelling'
            WHEN j.held = 'cancelled' THEN 'cancelled'
            WHEN j.held = 'paused' AND (j.closed_at IS NULL OR coalesce(w.pending + w.leased + w.retry, 0) > 0) THEN 'paused'
            WHEN j.closed_at IS NULL AND j.kind NOT IN ('ingest', 'process') THEN 'running'
            WHEN j.closed_at IS NULL THEN 'adding'
            WHEN coalesce(w.pending + w.leased + w.retry, 0) > 0 THEN 'running'
            ELSE 'finished' END AS state,
       coalesce(w.items, 0) AS items,
       coalesce(w.pending, 0) AS pending,
       coalesce(w.leased, 0) AS leased,
       coalesce(w.retry, 0) AS retry,
       coalesce(w.done, 0) AS done,
       coalesce(w.quarantined, 0) AS quarantined,
       coalesce(w.cancelled, 0) AS cancelled,
       w.first_finished_at, w.last_finished_at, j.lane
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
COMMENT ON VIEW job_progress IS 'One row a job with its work items by state; a work item is one photo for one model version';
COMMENT ON COLUMN job_progress.state IS 'adding: the ingest still runs; running: items are open, or it trains; paused: no worker begins more of it; cancelling: workers end what they hold; cancelled; finished: all are done, quarantined or cancelled';
COMMENT ON COLUMN job_progress.lane IS 'fresh is taken before backlog';
COMMENT ON COLUMN job_progress.kind IS 'ingest, process, retrain, collect, statistics or export';
COMMENT ON COLUMN job_progress.subject IS 'The manifest''s location, or the model version';
COMMENT ON COLUMN job_progress.items IS 'Work items, a photo for a model version each; the columns that follow count them by state';
COMMENT ON COLUMN job_progress.quarantined IS 'Given up; the view failures says why';
COMMENT ON COLUMN job_progress.last_finished_at IS 'When the newest of its results was stored; first_finished_at is the oldest';

ALTER TABLE product_images DROP COLUMN place;
