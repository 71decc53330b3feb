-- Takes back 0007_review.sql.
SELECT 1;
