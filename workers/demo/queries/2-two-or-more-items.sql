-- Which photos show several products, and what is seen together?
SELECT sku, image_id,
       sum(items)::int AS items,
       string_agg(concat(items, ' ', label), ', '
                  ORDER BY items DESC, label) AS together
FROM (SELECT sku, image_id, label, count(*) AS items
      FROM product_detections
      GROUP BY sku, image_id, label) AS found
GROUP BY sku, image_id
HAVING sum(items) >= 2
ORDER BY items DESC, sku, image_id
LIMIT 8;
