-- Nights and what follows from work: jobs with a time window and a pace, versions that know when they were retired, and
-- webhooks, whose deliveries are rows before they are requests.

ALTER TABLE jobs DROP CONSTRAINT ck_jobs_kind;
ALTER TABLE jobs ADD CONSTRAINT ck_jobs_kind CHECK (kind IN ('ingest', 'process', 'retrain', 'collect', 'statistics', 'export'));
ALTER TABLE jobs ADD COLUMN pause_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE jobs ADD COLUMN pace REAL;
ALTER TABLE jobs ADD COLUMN paced_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE jobs ADD COLUMN ended_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE jobs ADD CONSTRAINT ck_jobs_pace CHECK (pace > 0);
COMMENT ON COLUMN jobs.pause_at IS 'end of its time window: paused from then on, until its schedule is due again';
COMMENT ON COLUMN jobs.pace IS 'photos a second at most';
COMMENT ON COLUMN jobs.paced_at IS 'until when its pace is used up';
COMMENT ON COLUMN jobs.ended_at IS 'when all of it was seen to be over, and told to webhooks';
CREATE INDEX ix_jobs_unended ON jobs (id) WHERE ended_at IS NULL;
UPDATE jobs j SET ended_at = closed_at WHERE closed_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM work_items w WHERE w.job_id = j.id AND w.state IN ('pending', 'leased', 'retry'));

ALTER TABLE model_versions ADD COLUMN retired_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN model_versions.retired_at IS 'when another took its place; its results are kept for a while';
UPDATE model_versions SET retired_at = now() WHERE state = 'retired';
ALTER TABLE model_versions ADD COLUMN collected_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN model_versions.collected_at IS 'since when its results are being removed, or are gone';

CREATE TABLE webhooks (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events TEXT[] NOT NULL,
    labels TEXT[] DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_webhooks PRIMARY KEY (id)
);
COMMENT ON COLUMN webhooks.labels IS 'those that label.seen tells of';

CREATE TABLE webhook_deliveries (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    webhook_id BIGINT NOT NULL,
    event TEXT NOT NULL,
    key TEXT NOT NULL,
    payload JSONB NOT NULL,
    state TEXT DEFAULT 'pending' NOT NULL,
    attempts SMALLINT DEFAULT '0' NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_error TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    delivered_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id),
    CONSTRAINT uq_webhook_deliveries_webhook_id_key UNIQUE (webhook_id, key),
    CONSTRAINT ck_webhook_deliveries_state CHECK (state IN ('pending', 'delivered', 'failed')),
    CONSTRAINT fk_webhook_deliveries_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE
);
CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at) WHERE state = 'pending';
COMMENT ON COLUMN webhook_deliveries.key IS 'names what happened, so that it is told once';

CREATE OR REPLACE VIEW job_progress AS
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
COMMENT ON VIEW failures IS 'What did not become rows, and why: photos in quarantine, rows of manifests that were refused, and trainings, exports and nightly work that failed';
COMMENT ON COLUMN failures.stage IS 'ingest: the manifest''s row or its photo was refused; process: a model could not be run on the photo; train, export, reprocess, collect, statistics: nothing came of such a job';
