-- Reviews: the shop's taxonomy, cut-offs and their targets, verdicts on products, mismatches with the feed.

ALTER TABLE thresholds
    ADD COLUMN target_precision REAL,
    ADD COLUMN reviews INTEGER,
    ADD COLUMN fitted_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN thresholds.target_precision IS 'what it was fitted for, 0 to 1';
COMMENT ON COLUMN thresholds.reviews IS 'people''s words it was fitted on';
COMMENT ON COLUMN thresholds.fitted_at IS 'fitted while this is updated_at; else it was set since';

CREATE TABLE taxonomy (
    model_name TEXT NOT NULL,
    label TEXT NOT NULL,
    category TEXT NOT NULL,
    names JSONB DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_taxonomy PRIMARY KEY (model_name, label)
);
COMMENT ON COLUMN taxonomy.names IS 'the category''s name by locale';

CREATE TABLE dismissed_mismatches (
    product_id BIGINT NOT NULL,
    model_name TEXT NOT NULL,
    feed TEXT NOT NULL,
    photo TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dismissed_mismatches PRIMARY KEY (product_id, model_name),
    CONSTRAINT fk_dismissed_mismatches_product_id FOREIGN KEY(product_id) REFERENCES products (id)
);
COMMENT ON COLUMN dismissed_mismatches.feed IS 'what the feed said then; dismissed while it says so';
COMMENT ON COLUMN dismissed_mismatches.photo IS 'what the photos showed then; dismissed while they do';

-- Functions name nothing but what is built in: readers call them with their own rights.

CREATE FUNCTION plain_category(name TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(regexp_replace(regexp_replace(
    lower(btrim(regexp_replace(name, '^.*>', ''))), 'ies$', 'y'), '(ss|sh|ch|x|z)es$', '\1'), '([^s])s$', '\1');
COMMENT ON FUNCTION plain_category IS 'The last part of a path such as Women > Dresses, in small letters and singular';

CREATE FUNCTION colour_names(words TEXT) RETURNS TEXT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
    SELECT DISTINCT known.colour
    FROM regexp_split_to_table(lower(words), '[^a-z]+') said (word)
    JOIN (VALUES
        ('black', 'black'), ('anthracite', 'grey'), ('charcoal', 'grey'), ('grey', 'grey'), ('gray', 'grey'),
        ('silver', 'grey'), ('white', 'white'), ('ivory', 'white'), ('cream', 'beige'), ('ecru', 'beige'),
        ('beige', 'beige'), ('sand', 'beige'), ('tan', 'brown'), ('camel', 'brown'), ('khaki', 'green'),
        ('brown', 'brown'), ('cognac', 'brown'), ('chocolate', 'brown'), ('bronze', 'brown'), ('red', 'red'),
        ('burgundy', 'red'), ('bordeaux', 'red'), ('maroon', 'red'), ('crimson', 'red'), ('scarlet', 'red'),
        ('orange', 'orange'), ('coral', 'orange'), ('yellow', 'yellow'), ('mustard', 'yellow'), ('gold', 'yellow'),
        ('green', 'green'), ('olive', 'green'), ('lime', 'green'), ('emerald', 'green'), ('teal', 'green'),
        ('turquoise', 'blue'), ('cyan', 'blue'), ('blue', 'blue'), ('navy', 'blue'), ('indigo', 'blue'),
        ('purple', 'purple'), ('violet', 'purple'), ('lilac', 'purple'), ('lavender', 'purple'), ('mauve', 'purple'),
        ('magenta', 'pink'), ('fuchsia', 'pink'), ('pink', 'pink'), ('rose', 'pink'), ('multicolour', 'several'),
        ('multicolor', 'several'), ('multicoloured', 'several'), ('multicolored', 'several'), ('multi', 'several')
    ) known (word, colour) ON known.word = said.word
    ORDER BY known.colour);
COMMENT ON FUNCTION colour_names IS 'The basic colours that a text names, in English; several where it is many-coloured';

-- docs/review.md argues for the weights. All joins hang on one product, so that a condition on it, or a join with a list
-- of products, reads the rows of these products only.

CREATE VIEW product_scores AS
SELECT p.sku, p.id AS product_id, s.label, coalesce(s.score, 0)::real AS score,
       coalesce(own.threshold, general.threshold, 0.5)::real AS threshold, s.accepted,
       coalesce(s.agreeing, 0) AS agreeing, coalesce(s.support, 0)::real AS support,
       coalesce(s.photos, 0) AS photos, m.name AS model, m.version AS model_version
FROM products p
JOIN model_versions m ON m.state = 'serving' AND m.task = 'classify'
CROSS JOIN LATERAL (
    SELECT label, fused.score, fused.agreeing, fused.support, max(fused.photos) OVER () AS photos, word.accepted
    FROM (
        SELECT c.label, sum(photo.weight * photo.agreement * c.score) / photo.total AS score,
               count(*) FILTER (WHERE photo.vote = c.label) AS agreeing,
               sum(photo.share) FILTER (WHERE photo.vote = c.label) AS support, photo.photos
        FROM (
            SELECT voter.*, sum(weight * agreement) OVER () AS total, count(*) OVER () AS photos
            FROM (
                SELECT shot.*,
                       sum(weight * score) OVER (PARTITION BY best) / sum(weight * score) OVER () AS agreement,
                       weight / sum(weight) OVER () AS share
                FROM (
                    SELECT pi.image_id, c.label AS best, greatest(c.score, 1e-6) AS score,
                           CASE WHEN c.score >= coalesce(own.threshold, general.threshold, 0.5) THEN c.label END AS vote,
                           CASE WHEN pi.position = 0 THEN 2 ELSE 1 END
                           * CASE f.background WHEN 'packshot' THEN 1.5 WHEN 'lifestyle' THEN 0.5 ELSE 1 END AS weight
                    FROM product_images pi
                    JOIN classifications c ON c.image_id = pi.image_id AND c.model_version_id = m.id AND c.rank = 1
                    LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = c.label
                    LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = ''
                    LEFT JOIN LATERAL (
                        SELECT facts.background FROM photo_facts facts
                        JOIN serving_versions v ON v.id = facts.model_version_id
                        WHERE facts.image_id = pi.image_id ORDER BY v.id LIMIT 1
                    ) f ON true
                    WHERE pi.product_id = p.id
                ) shot
            ) voter
        ) photo
        JOIN classifications c ON c.image_id = photo.image_id AND c.model_version_id = m.id
        GROUP BY c.label, photo.total, photo.photos
    ) fused
    FULL JOIN (
        SELECT o.label, o.accepted FROM overrides o WHERE o.product_id = p.id AND o.label = ANY (m.labels)
    ) word USING (label)
) s
LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = s.label
LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = '';
COMMENT ON VIEW product_scores IS 'All photos of a product taken together: one row a label that a classifier scored or a person spoke of';
COMMENT ON COLUMN product_scores.score IS 'Mean over the photos, weighted by shot and agreement, 0 to 1; docs/review.md has the formula';
COMMENT ON COLUMN product_scores.threshold IS 'The score from which the label counts';
COMMENT ON COLUMN product_scores.accepted IS 'A person''s word: true, false, or null where nobody spoke';
COMMENT ON COLUMN product_scores.agreeing IS 'Photos whose best label it is, above its threshold';
COMMENT ON COLUMN product_scores.support IS 'Share of the photos'' weight that agrees, 0 to 1';
COMMENT ON COLUMN product_scores.photos IS 'Photos of the product that the version has scored';

CREATE VIEW product_verdicts AS
SELECT p.sku, p.id AS product_id, v.label, CASE WHEN v.accepted THEN 1 ELSE v.score END::real AS score, v.threshold,
       v.accepted IS TRUE OR v.score >= v.threshold AS counts,
       CASE WHEN v.accepted THEN 'person' ELSE 'model' END AS origin, v.photos, v.agreeing,
       CASE WHEN v.sides > 1 THEN v.votes - v.agreeing ELSE 0 END AS disagreeing,
       CASE WHEN v.sides > 1 THEN v.voted - v.support ELSE 0 END::real AS disagreement,
       m.name AS model, m.version AS model_version
FROM products p
JOIN model_versions m ON m.state = 'serving' AND m.task = 'classify'
CROSS JOIN LATERAL (
    SELECT s.*, (sum(s.agreeing) OVER ())::bigint AS votes, sum(s.support) OVER () AS voted,
           count(*) FILTER (WHERE s.agreeing > 0) OVER () AS sides
    FROM product_scores s
    WHERE s.product_id = p.id AND s.model = m.name AND s.accepted IS NOT FALSE
    ORDER BY s.accepted NULLS LAST, s.score DESC, s.label LIMIT 1
) v;
COMMENT ON VIEW product_verdicts IS 'One label a product and classifier: what all its photos say together, or what a person said';
COMMENT ON COLUMN product_verdicts.score IS 'As in product_scores; 1 where a person said so';
COMMENT ON COLUMN product_verdicts.threshold IS 'The score from which the label counts';
COMMENT ON COLUMN product_verdicts.counts IS 'Whether the score reaches the threshold, or a person said so';
COMMENT ON COLUMN product_verdicts.origin IS 'model or person';
COMMENT ON COLUMN product_verdicts.photos IS 'Photos of the product that the version has scored';
COMMENT ON COLUMN product_verdicts.agreeing IS 'Photos whose best label it is, above its threshold';
COMMENT ON COLUMN product_verdicts.disagreeing IS 'Photos whose best label is another, where photos show two labels or more above their thresholds';
COMMENT ON COLUMN product_verdicts.disagreement IS 'Share of the photos'' weight that disagrees, 0 to 1; above 0 the photos disagree';

CREATE VIEW product_categories AS
SELECT v.sku, v.product_id, t.category, t.names, v.label, v.score, v.origin, v.model, v.model_version
FROM product_verdicts v
JOIN taxonomy t ON t.model_name = v.model AND t.label = v.label
WHERE v.counts;
COMMENT ON VIEW product_categories IS 'Products in the shop''s own categories: verdicts that count, through the taxonomy';
COMMENT ON COLUMN product_categories.category IS 'As the taxonomy says; the feed''s own is in product_details';
COMMENT ON COLUMN product_categories.names IS 'The category''s name by locale, such as {"de": "Kleider"}';
COMMENT ON COLUMN product_categories.origin IS 'model or person';

-- What is no category of the taxonomy and no label is not compared. Colours are compared where the feed names some; a shade
-- of the photos that is none of these names, such as denim, may be any.
-- IS TRUE keeps the list of categories one that is hashed once, not joined for each product; OFFSET 0 keeps the colours
-- of the feed from being looked for once more with each colour they are compared with.

CREATE VIEW product_mismatches AS
SELECT p.sku, p.id AS product_id, u.aspect, u.feed, u.photo, u.label, u.confidence::real AS confidence, u.origin, u.model,
       u.model_version
FROM products p
CROSS JOIN LATERAL (
    SELECT 'category' AS aspect, p.category AS feed, coalesce(t.category, v.label) AS photo, v.label,
           CASE v.origin WHEN 'person' THEN 1 ELSE v.score - coalesce(rival.score, 0) END AS confidence, v.origin,
           v.model, v.model_version
    FROM product_verdicts v
    LEFT JOIN taxonomy t ON t.model_name = v.model AND t.label = v.label
    LEFT JOIN LATERAL (
        SELECT max(s.score) AS score, bool_or(s.accepted) AS accepted
        FROM product_scores s
        LEFT JOIN taxonomy k ON k.model_name = s.model AND k.label = s.label
        WHERE s.product_id = p.id AND s.model = v.model
          AND plain_category(coalesce(k.category, s.label)) = plain_category(p.category)
    ) rival ON true
    WHERE v.product_id = p.id AND v.counts AND rival.accepted IS NOT TRUE
      AND plain_category(p.category) <> plain_category(coalesce(t.category, v.label))
      AND ((v.model, plain_category(p.category)) IN (
        SELECT m.name, plain_category(coalesce(k.category, l.label))
        FROM model_versions m
        CROSS JOIN unnest(m.labels) l (label)
        LEFT JOIN taxonomy k ON k.model_name = m.name AND k.label = l.label
        WHERE m.state = 'serving' AND m.task = 'classify')) IS TRUE
    UNION ALL
    SELECT 'colour', array_to_string(feed.colours, ', '), seen.colour, NULL, seen.share, 'model', m.name, m.version
    FROM model_versions m
    CROSS JOIN LATERAL (
        SELECT colour_names(coalesce(
            nullif(btrim(p.attributes ->> 'colour'), ''), nullif(btrim(p.attributes ->> 'color'), ''),
            replace(lower(p.title), lower(coalesce(p.brand, '')), '')
        )) AS colours OFFSET 0
    ) feed
    CROSS JOIN LATERAL (
        SELECT f.colour, (f.colours -> 0 ->> 'share')::float8 AS share
        FROM product_images pi
        JOIN photo_facts f ON f.image_id = pi.image_id AND f.model_version_id = m.id
        WHERE pi.product_id = p.id ORDER BY pi.position, pi.image_id LIMIT 1
    ) seen
    WHERE m.state = 'serving' AND m.task = 'describe'
      AND feed.colours <> '{}' AND NOT 'several' = ANY (feed.colours) AND colour_names(seen.colour) <> '{}'
      AND NOT EXISTS (
        SELECT FROM product_images pi
        JOIN photo_facts f ON f.image_id = pi.image_id AND f.model_version_id = m.id
        CROSS JOIN jsonb_array_elements(f.colours) part
        LEFT JOIN unnest(colour_names(part ->> 'name')) shown (colour) ON true
        LEFT JOIN (VALUES
            ('black', '{black,grey,blue,brown}'::text[]), ('grey', '{grey,black,white,beige,blue}'),
            ('white', '{white,grey,beige}'), ('beige', '{beige,white,grey,brown,yellow,pink}'),
            ('brown', '{brown,beige,black,red,orange}'), ('red', '{red,pink,orange,brown}'),
            ('orange', '{orange,red,brown,yellow,pink}'), ('yellow', '{yellow,orange,beige,green}'),
            ('green', '{green,blue,yellow}'), ('blue', '{blue,black,grey,green,purple}'),
            ('purple', '{purple,blue,pink}'), ('pink', '{pink,red,orange,purple,beige}')
        ) near (colour, colours) ON near.colour = shown.colour
        WHERE pi.product_id = p.id AND (part ->> 'share')::float8 >= 0.05
          AND (near.colour IS NULL OR near.colours && feed.colours))
) u
WHERE NOT EXISTS (
    SELECT FROM dismissed_mismatches d
    WHERE d.product_id = p.id AND d.model_name = u.model AND d.feed = u.feed AND d.photo = u.photo);
COMMENT ON VIEW product_mismatches IS 'Products of which feed and photos say different things, but for those a person dismissed';
COMMENT ON COLUMN product_mismatches.aspect IS 'category or colour';
COMMENT ON COLUMN product_mismatches.feed IS 'What the feed says: its category, or the colours it names';
COMMENT ON COLUMN product_mismatches.photo IS 'What the photos show: the verdict''s category or label, or a colour';
COMMENT ON COLUMN product_mismatches.label IS 'The verdict''s label; null for colours';
COMMENT ON COLUMN product_mismatches.confidence IS '0 to 1; how much surer the photos are of this than of what the feed says';
COMMENT ON COLUMN product_mismatches.origin IS 'model or person';
