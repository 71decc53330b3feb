-- Takes back 0007_search.sql. Indexes of vectors that workers made go with their tables, or are dropped here.
DROP TRIGGER products_updated ON products;
DROP TRIGGER products_inserted ON products;
DROP FUNCTION texts_are_to_be_read();
DROP TABLE text_catch_ups;
DROP TABLE texts_to_read;
DROP TABLE known_words;
DROP TABLE label_texts;
DROP TABLE product_texts;
DROP TABLE product_words;
DO $$
DECLARE made regclass;
BEGIN
    FOR made IN SELECT indexrelid FROM pg_index
                WHERE indrelid = 'embeddings'::regclass AND indexrelid::regclass::text LIKE 'ix\_embeddings\_hnsw\_%'
    LOOP
        EXECUTE format('DROP INDEX %s', made);
    END LOOP;
END
$$;
