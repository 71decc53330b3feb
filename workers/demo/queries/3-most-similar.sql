-- Which products look most like this one?
SELECT other.sku, p.title, p.brand, p.price,
       round((1 - (other.embedding <=> this.embedding))::numeric, 3)
           AS similarity
FROM product_embeddings AS this
JOIN product_embeddings AS other USING (model, model_version)
JOIN product_details AS p ON p.product_id = other.product_id
WHERE this.sku = :'sku'
  AND other.sku <> this.sku
ORDER BY other.embedding <=> this.embedding
LIMIT 8;
