DROP VIEW near_duplicate_groups;
DROP TABLE near_duplicates;
DROP TABLE compared_photos;
DROP VIEW product_facts;
DROP TABLE photo_facts;
-- Reads all of work_items once: some seconds a million.
DELETE FROM work_items USING model_versions v WHERE v.id = work_items.model_version_id AND v.task = 'describe';
DELETE FROM model_versions WHERE task = 'describe';
ALTER TABLE model_versions DROP CONSTRAINT ck_model_versions_task;
ALTER TABLE model_versions ADD CONSTRAINT ck_model_versions_task
    CHECK (task IN ('classify', 'detect', 'segment', 'embed'));
COMMENT ON COLUMN serving_versions.task IS 'classify, detect, segment or embed';
