-- Takes back 0007_search.sql.
SELECT 1;
