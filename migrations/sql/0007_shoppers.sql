-- Shoppers: what they did, and which products go together.

-- One act is one row, so that it can be told twice; its parts are the key, and no number is needed. All rows are
-- rewritten into the new key: some seconds a million, while those who tell of acts wait. Nothing else is locked yet.
LOCK TABLE interactions IN EXCLUSIVE MODE;
DELETE FROM interactions twin USING interactions first
WHERE first.shopper = twin.shopper AND first.happened_at = twin.happened_at
  AND first.product_id = twin.product_id AND first.kind = twin.kind AND first.id < twin.id;
DROP INDEX ix_interactions_shopper_happened_at;
ALTER TABLE interactions DROP COLUMN id;
ALTER TABLE interactions ADD CONSTRAINT pk_interactions PRIMARY KEY (shopper, happened_at, product_id, kind);

-- What follows is made anew from interactions, whole, in one transaction; foreign keys would cost more than the rest of
-- it. So it is read joined to products, and what is gone there is passed over.
CREATE TABLE product_pairs (
    product_id bigint NOT NULL,
    kind text NOT NULL,
    other_id bigint NOT NULL,
    score real NOT NULL,
    shoppers integer NOT NULL,
    CONSTRAINT pk_product_pairs PRIMARY KEY (product_id, kind, other_id),
    CONSTRAINT ck_product_pairs_kind CHECK (kind IN ('seen', 'basket'))
);
COMMENT ON COLUMN product_pairs.kind IS 'seen: shoppers did anything with both; basket: they put both in the cart or bought them';
COMMENT ON COLUMN product_pairs.score IS 'cosine of the two sets of shoppers, drawn towards 0 where few share both';

CREATE TABLE product_popularity (
    product_id bigint NOT NULL,
    category text,
    score real NOT NULL,
    CONSTRAINT pk_product_popularity PRIMARY KEY (product_id)
);
CREATE INDEX ix_product_popularity_category ON product_popularity (category, score DESC);
CREATE INDEX ix_product_popularity_score ON product_popularity (score DESC);
COMMENT ON COLUMN product_popularity.score IS 'shoppers, each counted once, by what they did and how long ago';

CREATE TABLE category_pairs (
    category text NOT NULL,
    other text NOT NULL,
    score real NOT NULL,
    shoppers integer NOT NULL,
    CONSTRAINT pk_category_pairs PRIMARY KEY (category, other)
);
