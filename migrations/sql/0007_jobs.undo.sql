-- Takes back 0007_jobs.sql.
SELECT 1;
