-- How much of a photo is product, and whose photos should be cropped closer?
SELECT p.brand,
       count(*) AS photos,
       round(100 * avg(s.area)::numeric, 1) AS mean_percent,
       round(100 * min(s.area)::numeric, 1) AS least_percent,
       count(*) FILTER (WHERE s.area < 0.15) AS below_15_percent
FROM product_segments s
JOIN product_details p USING (sku)
WHERE s.model = 'product-mask'
GROUP BY p.brand
ORDER BY below_15_percent DESC, p.brand;
