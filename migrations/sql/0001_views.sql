-- The contract with downstream SQL: names and columns of these views are stable. docs/sql.md documents them.
-- Raw scores are stored; thresholds and people's overrides are applied here, so changing one costs no inference.

CREATE VIEW serving_versions AS
SELECT id, name, version, task FROM model_versions WHERE state = 'serving';
COMMENT ON VIEW serving_versions IS 'Model versions whose results the product_* views show';

-- A label counts from its own threshold, else from its model's (the row with an empty label), else from 0.5.

CREATE VIEW product_tags AS
SELECT p.sku, p.id AS product_id, pi.image_id, c.label, c.score, m.name AS model, m.version AS model_version,
       'model' AS origin
FROM classifications c
JOIN serving_versions m ON m.id = c.model_version_id
JOIN product_images pi ON pi.image_id = c.image_id
JOIN products p ON p.id = pi.product_id
LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = c.label
LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = ''
WHERE c.score >= coalesce(own.threshold, general.threshold, 0.5)
  AND NOT EXISTS (SELECT FROM overrides o WHERE o.product_id = p.id AND o.label = c.label)
UNION ALL
SELECT p.sku, p.id, NULL, o.label, 1.0::real, NULL, NULL, 'person'
FROM overrides o
JOIN products p ON p.id = o.product_id
WHERE o.accepted;
COMMENT ON VIEW product_tags IS 'Labels of products: one row a photo and label above its threshold, or one a label a person accepted';
COMMENT ON COLUMN product_tags.image_id IS 'The photo that shows it; null where a person said so';
COMMENT ON COLUMN product_tags.score IS '0 to 1; 1 where a person said so';
COMMENT ON COLUMN product_tags.origin IS 'model or person';

CREATE VIEW product_detections AS
SELECT p.sku, p.id AS product_id, pi.image_id, d.ordinal, d.label, d.score, d."left", d.top, d."right", d.bottom,
       m.name AS model, m.version AS model_version
FROM detections d
JOIN serving_versions m ON m.id = d.model_version_id
JOIN product_images pi ON pi.image_id = d.image_id
JOIN products p ON p.id = pi.product_id
LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = d.label
LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = ''
WHERE d.score >= coalesce(own.threshold, general.threshold, 0.5);
COMMENT ON VIEW product_detections IS 'Objects found in photos of products, above their threshold';
COMMENT ON COLUMN product_detections.ordinal IS '0 is the surest of the photo';
COMMENT ON COLUMN product_detections."left" IS 'Pixels of the original photo after EXIF orientation, from its left edge';

CREATE VIEW product_segments AS
SELECT p.sku, p.id AS product_id, pi.image_id, s.label, s.score, s.area, s."left", s.top, s."right", s.bottom,
       s.mask_key, m.name AS model, m.version AS model_version
FROM segments s
JOIN serving_versions m ON m.id = s.model_version_id
JOIN product_images pi ON pi.image_id = s.image_id
JOIN products p ON p.id = pi.product_id
LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = s.label
LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = ''
WHERE s.score >= coalesce(own.threshold, general.threshold, 0.5);
COMMENT ON VIEW product_segments IS 'Labels of the masks of photos of products, with share of the photo and tight box';
COMMENT ON COLUMN product_segments.area IS 'Share of the photo''s pixels, 0 to 1';
COMMENT ON COLUMN product_segments.mask_key IS 'Object key of the mask, a PNG of the photo''s size whose pixel values are label numbers';

CREATE VIEW product_embeddings AS
SELECT p.sku, p.id AS product_id, pi.image_id, e.embedding, vector_dims(e.embedding) AS width,
       m.name AS model, m.version AS model_version
FROM embeddings e
JOIN serving_versions m ON m.id = e.model_version_id
JOIN product_images pi ON pi.image_id = e.image_id
JOIN products p ON p.id = pi.product_id;
COMMENT ON VIEW product_embeddings IS 'Photos of products as unit vectors: 1 - (a <=> b) is their cosine similarity';

CREATE VIEW job_progress AS
SELECT j.id AS job_id, j.kind, j.subject, j.created_at,
       CASE WHEN j.closed_at IS NULL THEN 'adding'
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
COMMENT ON VIEW job_progress IS 'One row a job with its work items by state; a work item is one photo for one model version';
COMMENT ON COLUMN job_progress.state IS 'adding: the ingest still runs; running: items are open; finished: all are done, quarantined or cancelled';

CREATE VIEW failures AS
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
FROM ingest_errors e;
COMMENT ON VIEW failures IS 'What did not become rows, and why: photos in quarantine, and rows of manifests that were refused';
COMMENT ON COLUMN failures.stage IS 'ingest: the manifest''s row or its photo was refused; process: a model could not be run on the photo';
COMMENT ON COLUMN failures.code IS 'A short name of the cause; reason is a sentence';
COMMENT ON COLUMN failures.line IS 'Line of the manifest, for stage ingest';
