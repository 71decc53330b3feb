-- Reviews: the shop's taxonomy, cut-offs and their targets, verdicts on products, mismatches with the feed.
SELECT 1;
