-- Takes back 0009_stopped_ingests.sql.

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
COMMENT ON COLUMN failures.stage IS 'ingest: the manifest''s row or its photo was refused; process: a model could not be run on the photo; train, export, reprocess, collect, statistics: nothing came of such a job, nor of the same since';
