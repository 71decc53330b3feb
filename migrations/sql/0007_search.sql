-- Search: what products and labels mean, words as people type them, which texts are still to be read.
-- Cheap on a big catalog: nothing is read of `products` but its largest id; workers read the texts afterwards.

CREATE TABLE product_words (
    product_id bigint NOT NULL,
    words tsvector NOT NULL,
    CONSTRAINT pk_product_words PRIMARY KEY (product_id),
    CONSTRAINT fk_product_words_product_id FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);
CREATE INDEX ix_product_words_words ON product_words USING gin (words);

CREATE TABLE product_texts (
    product_id bigint NOT NULL,
    model text NOT NULL,
    embedding halfvec NOT NULL,
    CONSTRAINT pk_product_texts PRIMARY KEY (product_id),
    CONSTRAINT fk_product_texts_product_id FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);

CREATE TABLE label_texts (
    model text NOT NULL,
    name text NOT NULL,
    embedding halfvec NOT NULL,
    CONSTRAINT pk_label_texts PRIMARY KEY (model, name)
);

-- Words are compared byte by byte, so that the primary key answers for beginnings of words, too.
CREATE TABLE known_words (
    word text COLLATE "C" NOT NULL,
    lexeme text NOT NULL,
    seen bigint NOT NULL,
    deletions text[] NOT NULL,
    CONSTRAINT pk_known_words PRIMARY KEY (word)
);
CREATE INDEX ix_known_words_lexeme ON known_words (lexeme);
CREATE INDEX ix_known_words_deletions ON known_words USING gin (deletions);

-- A queue that is only added to: no ingest ever waits for a reader. A product that is gone is passed over, so no key.
CREATE TABLE texts_to_read (
    id bigint GENERATED ALWAYS AS IDENTITY,
    product_id bigint NOT NULL,
    taken_until timestamptz NOT NULL DEFAULT '-infinity',
    CONSTRAINT pk_texts_to_read PRIMARY KEY (id)
);

CREATE TABLE text_catch_ups (
    model text NOT NULL,
    passed bigint NOT NULL,
    last bigint NOT NULL,
    CONSTRAINT pk_text_catch_ups PRIMARY KEY (model)
);

CREATE FUNCTION texts_are_to_be_read() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO texts_to_read (product_id) SELECT id FROM new_rows;
    ELSE
        INSERT INTO texts_to_read (product_id)
        SELECT n.id FROM new_rows n JOIN old_rows o ON o.id = n.id
        WHERE (n.title, n.brand, n.description, n.category)
              IS DISTINCT FROM (o.title, o.brand, o.description, o.category);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER products_inserted AFTER INSERT ON products REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION texts_are_to_be_read();
CREATE TRIGGER products_updated AFTER UPDATE ON products REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION texts_are_to_be_read();

-- The triggers hold writers off until this is committed, so that no product falls between them and this.
INSERT INTO text_catch_ups (model, passed, last) SELECT '', 0, coalesce(max(id), 0) FROM products;
