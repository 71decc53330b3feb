-- Training on a schedule. A row a time it was due: whoever inserts it trains, everybody else stops.

ALTER TABLE jobs DROP CONSTRAINT ck_jobs_kind;
ALTER TABLE jobs ADD CONSTRAINT ck_jobs_kind CHECK (kind IN ('ingest', 'process', 'retrain'));

CREATE TABLE scheduled_runs (
    schedule TEXT NOT NULL,
    scheduled_for TIMESTAMP WITH TIME ZONE NOT NULL,
    job_id BIGINT,
    attempts SMALLINT DEFAULT '1' NOT NULL,
    CONSTRAINT pk_scheduled_runs PRIMARY KEY (schedule, scheduled_for),
    CONSTRAINT fk_scheduled_runs_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
COMMENT ON COLUMN scheduled_runs.attempts IS 'processes that began it; one that died is followed by another';

CREATE OR REPLACE VIEW job_progress AS
SELECT j.id AS job_id, j.kind, j.subject, j.created_at,
       CASE WHEN j.closed_at IS NULL AND j.kind = 'retrain' THEN 'running'
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
       w.first_finished_at, w.last_finished_at
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
COMMENT ON COLUMN job_progress.state IS 'adding: the ingest still runs; running: items are open, or it trains; finished: all are done, quarantined or cancelled';

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
SELECT 'train', j.id, NULL, NULL, NULL, j.subject, NULL, 'training_failed', j.summary->>'error', 1, ARRAY[]::text[],
       j.closed_at
FROM jobs j WHERE j.kind = 'retrain' AND j.summary->>'error' IS NOT NULL;
COMMENT ON VIEW failures IS 'What did not become rows, and why: photos in quarantine, rows of manifests that were refused, and training runs that failed';
COMMENT ON COLUMN failures.stage IS 'ingest: the manifest''s row or its photo was refused; process: a model could not be run on the photo; train: nothing came of a training run';
