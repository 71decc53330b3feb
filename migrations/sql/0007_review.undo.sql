-- Takes back 0007_review.sql.
DROP VIEW product_mismatches;
DROP VIEW product_categories;
DROP VIEW product_verdicts;
DROP VIEW product_scores;
DROP FUNCTION colour_names;
DROP FUNCTION plain_category;
DROP TABLE dismissed_mismatches;
DROP TABLE taxonomy;
ALTER TABLE thresholds DROP COLUMN target_precision, DROP COLUMN reviews, DROP COLUMN fitted_at;
