-- Every table of Tagmill. catalog/tables/ says what each is for.

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE products (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    sku TEXT NOT NULL,
    title TEXT,
    description TEXT,
    brand TEXT,
    category TEXT,
    price NUMERIC(14, 4),
    currency TEXT,
    parent_sku TEXT,
    attributes JSONB DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_products PRIMARY KEY (id),
    CONSTRAINT uq_products_sku UNIQUE (sku)
);
CREATE INDEX ix_products_category ON products (category);
CREATE INDEX ix_products_parent_sku ON products (parent_sku);

CREATE TABLE images (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    sha256 TEXT NOT NULL,
    object_key TEXT NOT NULL,
    format TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_images PRIMARY KEY (id),
    CONSTRAINT uq_images_sha256 UNIQUE (sha256)
);
COMMENT ON COLUMN images.width IS 'pixels, after EXIF orientation';
COMMENT ON COLUMN images.height IS 'pixels, after EXIF orientation';

CREATE TABLE product_images (
    product_id BIGINT NOT NULL,
    image_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    source TEXT NOT NULL,
    CONSTRAINT pk_product_images PRIMARY KEY (product_id, image_id),
    CONSTRAINT fk_product_images_product_id FOREIGN KEY(product_id) REFERENCES products (id),
    CONSTRAINT fk_product_images_image_id FOREIGN KEY(image_id) REFERENCES images (id)
);
CREATE INDEX ix_product_images_image_id ON product_images (image_id);
COMMENT ON COLUMN product_images.position IS '0 is the product''s main photo';

CREATE TABLE model_versions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    task TEXT NOT NULL,
    state TEXT NOT NULL,
    on_ingest BOOLEAN NOT NULL,
    labels TEXT[] NOT NULL,
    weights_sha256 TEXT NOT NULL,
    spec JSONB NOT NULL,
    metrics JSONB DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_model_versions PRIMARY KEY (id),
    CONSTRAINT uq_model_versions_name_version UNIQUE (name, version),
    CONSTRAINT ck_model_versions_task CHECK (task IN ('classify', 'detect', 'segment', 'embed')),
    CONSTRAINT ck_model_versions_state CHECK (state IN ('candidate', 'serving', 'retired'))
);
CREATE UNIQUE INDEX ix_model_versions_serving ON model_versions (name) WHERE state = 'serving';
COMMENT ON COLUMN model_versions.on_ingest IS 'new photos get this model without being asked for';

CREATE TABLE jobs (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    summary JSONB DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_jobs PRIMARY KEY (id),
    CONSTRAINT ck_jobs_kind CHECK (kind IN ('ingest', 'process'))
);
COMMENT ON COLUMN jobs.subject IS 'the manifest''s location, or the model version';
COMMENT ON COLUMN jobs.closed_at IS 'no more work will be added after this';

CREATE TABLE ingest_errors (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    job_id BIGINT NOT NULL,
    manifest TEXT NOT NULL,
    line BIGINT NOT NULL,
    sku TEXT,
    source TEXT,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_ingest_errors PRIMARY KEY (id),
    CONSTRAINT fk_ingest_errors_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE INDEX ix_ingest_errors_job_id ON ingest_errors (job_id);
CREATE INDEX ix_ingest_errors_manifest ON ingest_errors (manifest);

CREATE TABLE work_items (
    image_id BIGINT NOT NULL,
    model_version_id BIGINT NOT NULL,
    job_id BIGINT NOT NULL,
    state TEXT DEFAULT 'pending' NOT NULL,
    attempts SMALLINT DEFAULT '0' NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE,
    lease_token UUID,
    lease_expires_at TIMESTAMP WITH TIME ZONE,
    error_code TEXT,
    error_reason TEXT,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_work_items PRIMARY KEY (image_id, model_version_id),
    CONSTRAINT ck_work_items_state CHECK (state IN ('pending', 'leased', 'retry', 'done', 'quarantined', 'cancelled')),
    CONSTRAINT ck_work_items_lease CHECK ((state = 'leased') = (lease_token IS NOT NULL)),
    CONSTRAINT fk_work_items_image_id FOREIGN KEY(image_id) REFERENCES images (id),
    CONSTRAINT fk_work_items_model_version_id FOREIGN KEY(model_version_id) REFERENCES model_versions (id),
    CONSTRAINT fk_work_items_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE INDEX ix_work_items_due ON work_items (next_attempt_at, image_id) WHERE state IN ('pending', 'retry');
CREATE INDEX ix_work_items_expiry ON work_items (lease_expires_at) WHERE state = 'leased';
CREATE INDEX ix_work_items_job ON work_items (job_id, state);
CREATE INDEX ix_work_items_lease ON work_items (lease_token) WHERE state = 'leased';
CREATE INDEX ix_work_items_quarantine ON work_items (error_code) WHERE state = 'quarantined';
CREATE INDEX ix_work_items_published ON work_items (published_at, next_attempt_at, image_id) WHERE state IN ('pending', 'retry');

CREATE TABLE classifications (
    image_id BIGINT NOT NULL,
    model_version_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    rank SMALLINT NOT NULL,
    score REAL NOT NULL,
    CONSTRAINT pk_classifications PRIMARY KEY (image_id, model_version_id, label),
    CONSTRAINT fk_classifications_image_id FOREIGN KEY(image_id) REFERENCES images (id),
    CONSTRAINT fk_classifications_model_version_id FOREIGN KEY(model_version_id) REFERENCES model_versions (id)
);

CREATE TABLE detections (
    image_id BIGINT NOT NULL,
    model_version_id BIGINT NOT NULL,
    ordinal SMALLINT NOT NULL,
    label TEXT NOT NULL,
    score REAL NOT NULL,
    "left" REAL NOT NULL,
    top REAL NOT NULL,
    "right" REAL NOT NULL,
    bottom REAL NOT NULL,
    CONSTRAINT pk_detections PRIMARY KEY (image_id, model_version_id, ordinal),
    CONSTRAINT fk_detections_image_id FOREIGN KEY(image_id) REFERENCES images (id),
    CONSTRAINT fk_detections_model_version_id FOREIGN KEY(model_version_id) REFERENCES model_versions (id)
);

CREATE TABLE segments (
    image_id BIGINT NOT NULL,
    model_version_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    score REAL NOT NULL,
    area REAL NOT NULL,
    "left" REAL NOT NULL,
    top REAL NOT NULL,
    "right" REAL NOT NULL,
    bottom REAL NOT NULL,
    mask_key TEXT NOT NULL,
    CONSTRAINT pk_segments PRIMARY KEY (image_id, model_version_id, label),
    CONSTRAINT fk_segments_image_id FOREIGN KEY(image_id) REFERENCES images (id),
    CONSTRAINT fk_segments_model_version_id FOREIGN KEY(model_version_id) REFERENCES model_versions (id)
);
COMMENT ON COLUMN segments.area IS 'share of the photo''s pixels, 0 to 1';

CREATE TABLE embeddings (
    image_id BIGINT NOT NULL,
    model_version_id BIGINT NOT NULL,
    embedding VECTOR NOT NULL,
    CONSTRAINT pk_embeddings PRIMARY KEY (image_id, model_version_id),
    CONSTRAINT fk_embeddings_image_id FOREIGN KEY(image_id) REFERENCES images (id),
    CONSTRAINT fk_embeddings_model_version_id FOREIGN KEY(model_version_id) REFERENCES model_versions (id)
);

CREATE TABLE interactions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    shopper TEXT NOT NULL,
    product_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    happened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_interactions PRIMARY KEY (id),
    CONSTRAINT ck_interactions_kind CHECK (kind IN ('view', 'cart', 'purchase')),
    CONSTRAINT fk_interactions_product_id FOREIGN KEY(product_id) REFERENCES products (id)
);
CREATE INDEX ix_interactions_product_id ON interactions (product_id);
CREATE INDEX ix_interactions_shopper_happened_at ON interactions (shopper, happened_at);

CREATE TABLE thresholds (
    model_name TEXT NOT NULL,
    label TEXT DEFAULT '' NOT NULL,
    threshold REAL NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_thresholds PRIMARY KEY (model_name, label)
);

CREATE TABLE overrides (
    product_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    accepted BOOLEAN NOT NULL,
    author TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_overrides PRIMARY KEY (product_id, label),
    CONSTRAINT fk_overrides_product_id FOREIGN KEY(product_id) REFERENCES products (id)
);
