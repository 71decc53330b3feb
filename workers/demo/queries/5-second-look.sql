-- Where do tagger and detector disagree? A person should look there first.
SELECT t.sku, p.title,
       t.label AS tagged, round(t.score::numeric, 2) AS tag_score,
       d.label AS detected, round(d.score::numeric, 2) AS box_score
FROM product_tags t
JOIN product_detections d USING (sku, image_id)
JOIN product_details p USING (sku)
WHERE p.price IS NOT NULL
  AND d.ordinal = 0
  AND d.label <> t.label
ORDER BY t.score + d.score DESC, t.sku
LIMIT 8;
