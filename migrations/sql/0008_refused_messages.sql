-- A new table: nothing that is there is read or locked.

CREATE TABLE refused_messages (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    queue TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    beginning TEXT NOT NULL,
    reason TEXT NOT NULL,
    refused_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_refused_messages PRIMARY KEY (id)
);
COMMENT ON COLUMN refused_messages.code IS 'not_sealed, too_long, unknown_task or malformed';
COMMENT ON COLUMN refused_messages.beginning IS 'what is no printable ASCII is escaped';
