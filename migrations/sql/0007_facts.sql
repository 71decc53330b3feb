-- Facts of photos that shops filter by: colours of the product, how good the photo is. A model of the task `describe`.

ALTER TABLE model_versions DROP CONSTRAINT ck_model_versions_task;
ALTER TABLE model_versions ADD CONSTRAINT ck_model_versions_task
    CHECK (task IN ('classify', 'detect', 'segment', 'embed', 'describe'));
COMMENT ON COLUMN serving_versions.task IS 'classify, detect, segment, embed or describe';

CREATE TABLE photo_facts (
    image_id bigint NOT NULL,
    model_version_id bigint NOT NULL,
    colour text NOT NULL,
    colour_hex text NOT NULL,
    colours jsonb NOT NULL,
    sharpness real NOT NULL,
    exposure real NOT NULL,
    background text NOT NULL,
    product_share real NOT NULL,
    masked boolean NOT NULL,
    perceptual_hash bigint NOT NULL,
    CONSTRAINT pk_photo_facts PRIMARY KEY (image_id, model_version_id),
    CONSTRAINT fk_photo_facts_image_id FOREIGN KEY (image_id) REFERENCES images (id),
    CONSTRAINT fk_photo_facts_model_version_id FOREIGN KEY (model_version_id) REFERENCES model_versions (id),
    CONSTRAINT ck_photo_facts_background CHECK (background IN ('packshot', 'lifestyle'))
);
CREATE INDEX ix_photo_facts_colour ON photo_facts (colour);

CREATE VIEW product_facts AS
SELECT p.sku, p.id AS product_id, pi.image_id, f.colour, f.colour_hex, f.colours, f.sharpness, f.exposure, f.background,
       f.product_share, f.masked, i.width, i.height, m.name AS model, m.version AS model_version
FROM photo_facts f
JOIN serving_versions m ON m.id = f.model_version_id
JOIN images i ON i.id = f.image_id
JOIN product_images pi ON pi.image_id = f.image_id
JOIN products p ON p.id = pi.product_id;
COMMENT ON VIEW product_facts IS 'Photos of products: colours of what they show, and how good the photos are';
COMMENT ON COLUMN product_facts.colour IS 'Name of the colour that covers most of the product';
COMMENT ON COLUMN product_facts.colour_hex IS '#rrggbb, the mean of the pixels that have this name';
COMMENT ON COLUMN product_facts.width IS 'Of the photo, in pixels after EXIF orientation';
COMMENT ON COLUMN product_facts.height IS 'Of the photo, in pixels after EXIF orientation';
COMMENT ON COLUMN product_facts.colours IS 'All its colours, largest first: [{"name", "hex", "share"}]; share is of the product, 0 to 1';
COMMENT ON COLUMN product_facts.sharpness IS '0 blurred to 1 sharp, at the size in which the photo was seen';
COMMENT ON COLUMN product_facts.exposure IS '-1 too dark to 1 too bright; 0 is well exposed';
COMMENT ON COLUMN product_facts.background IS 'packshot: the product on a plain ground; lifestyle: a scene';
COMMENT ON COLUMN product_facts.product_share IS 'Share of the photo that the product covers, 0 to 1';
COMMENT ON COLUMN product_facts.masked IS 'True, the product was told apart by a mask; false, by the ground''s colour';

CREATE TABLE compared_photos (
    image_id bigint NOT NULL,
    model_version_id bigint NOT NULL,
    perceptual_hash bigint NOT NULL,
    CONSTRAINT pk_compared_photos PRIMARY KEY (image_id),
    CONSTRAINT fk_compared_photos_image_id FOREIGN KEY (image_id) REFERENCES images (id) ON DELETE CASCADE,
    CONSTRAINT fk_compared_photos_model_version_id FOREIGN KEY (model_version_id) REFERENCES model_versions (id)
);
CREATE INDEX ix_compared_photos_band_0 ON compared_photos (((perceptual_hash >> 0) & 65535), image_id);
CREATE INDEX ix_compared_photos_band_1 ON compared_photos (((perceptual_hash >> 16) & 65535), image_id);
CREATE INDEX ix_compared_photos_band_2 ON compared_photos (((perceptual_hash >> 32) & 65535), image_id);
CREATE INDEX ix_compared_photos_band_3 ON compared_photos (((perceptual_hash >> 48) & 65535), image_id);

CREATE TABLE near_duplicates (
    image_id bigint NOT NULL,
    other_id bigint NOT NULL,
    group_id bigint NOT NULL,
    distance smallint NOT NULL,
    similarity real NOT NULL,
    verdict text,
    author text,
    decided_at timestamptz,
    found_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_near_duplicates PRIMARY KEY (image_id, other_id),
    CONSTRAINT fk_near_duplicates_image_id FOREIGN KEY (image_id) REFERENCES images (id) ON DELETE CASCADE,
    CONSTRAINT fk_near_duplicates_other_id FOREIGN KEY (other_id) REFERENCES images (id) ON DELETE CASCADE,
    CONSTRAINT ck_near_duplicates_order CHECK (image_id < other_id),
    CONSTRAINT ck_near_duplicates_verdict CHECK (verdict IN ('accepted', 'rejected'))
);
CREATE INDEX ix_near_duplicates_other_id ON near_duplicates (other_id);
CREATE INDEX ix_near_duplicates_group_id ON near_duplicates (group_id);
CREATE INDEX ix_near_duplicates_verdict ON near_duplicates (verdict, group_id);

CREATE VIEW near_duplicate_groups AS
SELECT l.group_id, p.sku, p.id AS product_id, l.image_id, max(l.similarity) AS similarity,
       bool_and(l.verdict IS NOT NULL) AS accepted
FROM (
    SELECT group_id, image_id, other_id, similarity, verdict FROM near_duplicates
    UNION ALL
    SELECT group_id, other_id, image_id, similarity, verdict FROM near_duplicates
) l
JOIN product_images pi ON pi.image_id = l.image_id
JOIN products p ON p.id = pi.product_id
WHERE l.verdict IS DISTINCT FROM 'rejected'
  AND EXISTS (SELECT FROM product_images shown WHERE shown.image_id = l.other_id)
GROUP BY l.group_id, p.sku, p.id, l.image_id;
COMMENT ON VIEW near_duplicate_groups IS 'Photos of products that look the same as another, by group';
COMMENT ON COLUMN near_duplicate_groups.group_id IS 'The first photo of the group; the same for all of its photos';
COMMENT ON COLUMN near_duplicate_groups.similarity IS 'Cosine of the embeddings of this photo and the most similar of the group';
COMMENT ON COLUMN near_duplicate_groups.accepted IS 'True, people accepted each of the photo''s pairs; false, one is undecided';
