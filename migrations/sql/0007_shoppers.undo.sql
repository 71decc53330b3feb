-- Takes back 0007_shoppers.sql.
DROP TABLE category_pairs;
DROP TABLE product_popularity;
DROP TABLE product_pairs;
ALTER TABLE interactions DROP CONSTRAINT pk_interactions;
ALTER TABLE interactions ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE interactions ADD CONSTRAINT pk_interactions PRIMARY KEY (id);
CREATE INDEX ix_interactions_shopper_happened_at ON interactions (shopper, happened_at);
