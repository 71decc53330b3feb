-- Shoppers: what they did, and which products go together.
SELECT 1;
