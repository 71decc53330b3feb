-- What does the shop sell, at what price, and whose is it mostly?
SELECT t.label AS tag,
       count(DISTINCT t.sku) AS products,
       round(avg(t.score)::numeric, 2) AS mean_score,
       round(avg(p.price), 2) AS mean_price,
       mode() WITHIN GROUP (ORDER BY p.brand) AS main_brand
FROM product_tags t
JOIN product_details p USING (sku)
WHERE p.price IS NOT NULL
GROUP BY t.label
ORDER BY products DESC, tag;
