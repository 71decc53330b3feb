-- Takes back 0007_shoppers.sql.
SELECT 1;
