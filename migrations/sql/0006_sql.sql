-- Downstream SQL over millions of rows: indexes for what is asked by label, by brand and by time, views of products,
-- results and people's word, and a comment on each column that needs one.

-- Before any other lock and in this order, else an ingest or a worker under way and this would wait for each other.
LOCK TABLE products IN SHARE MODE;
LOCK TABLE work_items IN EXCLUSIVE MODE;
LOCK TABLE ingest_errors IN SHARE MODE;

-- The best scores first, so that a LIMIT ends before the many rows below the threshold. With the ids in it the planner
-- has no reason to prefer reading the table, which goes wrong where a label stands at its end.
CREATE INDEX ix_classifications_label ON classifications (label, score DESC) INCLUDE (model_version_id, image_id);
CREATE INDEX ix_detections_label ON detections (label, score DESC);
CREATE INDEX ix_segments_label ON segments (label, score DESC);
CREATE INDEX ix_overrides_label ON overrides (label);
CREATE INDEX ix_products_brand ON products (brand);
CREATE INDEX ix_work_items_finished ON work_items (finished_at) WHERE state = 'done';
CREATE INDEX ix_work_items_failed ON work_items (finished_at) WHERE state = 'quarantined';
CREATE INDEX ix_ingest_errors_created_at ON ingest_errors (created_at);

CREATE OR REPLACE VIEW product_tags AS
SELECT p.sku, p.id AS product_id, pi.image_id, c.label, c.score, m.name AS model, m.version AS model_version,
       'model' AS origin, p.brand, p.category
FROM classifications c
JOIN serving_versions m ON m.id = c.model_version_id
JOIN product_images pi ON pi.image_id = c.image_id
JOIN products p ON p.id = pi.product_id
LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = c.label
LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = ''
WHERE c.score >= coalesce(own.threshold, general.threshold, 0.5)
  AND NOT EXISTS (SELECT FROM overrides o WHERE o.product_id = p.id AND o.label = c.label)
UNION ALL
SELECT p.sku, p.id, NULL, o.label, 1.0::real, NULL, NULL, 'person', p.brand, p.category
FROM overrides o
JOIN products p ON p.id = o.product_id
WHERE o.accepted;

CREATE VIEW product_details AS
SELECT sku, id AS product_id, title, description, brand, category, price, currency, parent_sku, attributes, created_at,
       updated_at
FROM products;
COMMENT ON VIEW product_details IS 'Products as the shop''s feed describes them, whether or not a model has seen them';

CREATE VIEW product_results AS
SELECT p.sku, p.id AS product_id, pi.image_id, m.name AS model, m.version AS model_version, w.finished_at
FROM work_items w
JOIN serving_versions m ON m.id = w.model_version_id
JOIN product_images pi ON pi.image_id = w.image_id
JOIN products p ON p.id = pi.product_id
WHERE w.state = 'done';
COMMENT ON VIEW product_results IS 'Photos of products that a serving model has seen, also where it found nothing';

CREATE VIEW product_overrides AS
SELECT p.sku, p.id AS product_id, o.label, o.accepted, o.author, o.created_at
FROM overrides o
JOIN products p ON p.id = o.product_id;
COMMENT ON VIEW product_overrides IS 'What people said of products'' labels, against or without the models';

COMMENT ON COLUMN serving_versions.id IS 'The version''s number in this database';
COMMENT ON COLUMN serving_versions.task IS 'classify, detect, segment or embed';

COMMENT ON COLUMN product_tags.model IS 'The model that found it; null where a person said so, as is model_version';
COMMENT ON COLUMN product_tags.brand IS 'The product''s, as in product_details; a condition on it is fast here';
COMMENT ON COLUMN product_tags.category IS 'The product''s, as in product_details; a condition on it is fast here';

COMMENT ON COLUMN product_detections.score IS '0 to 1, as the model gave it';
COMMENT ON COLUMN product_detections.top IS 'Pixels of the original photo after EXIF orientation, from its top edge';
COMMENT ON COLUMN product_detections."right" IS 'As left, exclusive';
COMMENT ON COLUMN product_detections.bottom IS 'As top, exclusive';

COMMENT ON COLUMN product_segments.score IS 'Mean over the label''s pixels, 0 to 1';
COMMENT ON COLUMN product_segments."left" IS 'Tight box in pixels of the original photo after EXIF orientation, from its left edge';
COMMENT ON COLUMN product_segments.top IS 'As left, from the top edge';
COMMENT ON COLUMN product_segments."right" IS 'As left, exclusive';
COMMENT ON COLUMN product_segments.bottom IS 'As top, exclusive';
COMMENT ON COLUMN product_segments.mask_key IS 'Object key of the mask, a PNG of the photo''s size whose pixel values are label numbers; 0 is background';

COMMENT ON COLUMN product_embeddings.embedding IS 'A unit vector; only those of one model and version can be compared';
COMMENT ON COLUMN product_embeddings.width IS 'Numbers in the vector';

COMMENT ON COLUMN product_details.category IS 'As the feed says it; what a model says is in product_tags';
COMMENT ON COLUMN product_details.parent_sku IS 'The product this is a variant of';
COMMENT ON COLUMN product_details.attributes IS 'All other columns of the manifest, as a JSON object';
COMMENT ON COLUMN product_details.updated_at IS 'When the feed last changed the product; not when a model saw it';

COMMENT ON COLUMN product_results.finished_at IS 'When the results were stored, in one transaction with this time';

COMMENT ON COLUMN product_overrides.accepted IS 'True, the product has the label; false, it has not, whatever a model says';
COMMENT ON COLUMN product_overrides.created_at IS 'When it was said first or changed last';

COMMENT ON COLUMN job_progress.kind IS 'ingest, process, retrain, collect, statistics or export';
COMMENT ON COLUMN job_progress.subject IS 'The manifest''s location, or the model version';
COMMENT ON COLUMN job_progress.items IS 'Work items, a photo for a model version each; the columns that follow count them by state';
COMMENT ON COLUMN job_progress.quarantined IS 'Given up; the view failures says why';
COMMENT ON COLUMN job_progress.last_finished_at IS 'When the newest of its results was stored; first_finished_at is the oldest';

COMMENT ON COLUMN failures.sku IS 'Null where the photo belongs to no product, or the row names none';
COMMENT ON COLUMN failures.source IS 'Where the manifest found the photo; for other stages the job''s subject';
COMMENT ON COLUMN failures.reason IS 'A sentence for people; group by code';
COMMENT ON COLUMN failures.models IS 'Model versions that failed in the same way, NAME@VERSION';
