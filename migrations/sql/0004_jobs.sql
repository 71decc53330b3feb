-- Jobs that can be held, two lanes, and what was measured of chunks. Work is looked up job by job, so that a job on hold
-- costs nothing to pass over.

CREATE TABLE chunk_runs (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    photos INTEGER NOT NULL,
    seconds REAL NOT NULL,
    version_ids BIGINT[] NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_chunk_runs PRIMARY KEY (id)
);
CREATE INDEX ix_chunk_runs_finished_at ON chunk_runs (finished_at);
COMMENT ON COLUMN chunk_runs.seconds IS 'of one process, loading of networks left out';
COMMENT ON COLUMN chunk_runs.version_ids IS 'ascending';

ALTER TABLE jobs ADD COLUMN lane TEXT DEFAULT 'backlog' NOT NULL;
ALTER TABLE jobs ADD COLUMN held TEXT;
ALTER TABLE jobs ADD CONSTRAINT ck_jobs_lane CHECK (lane IN ('fresh', 'backlog'));
ALTER TABLE jobs ADD CONSTRAINT ck_jobs_held CHECK (held IN ('paused', 'cancelled'));
COMMENT ON COLUMN jobs.lane IS 'fresh: uploads that somebody waits for, taken first; backlog: all else';
COMMENT ON COLUMN jobs.held IS 'paused or cancelled: no worker begins anything more of it';

DROP INDEX ix_work_items_due;
DROP INDEX ix_work_items_published;
CREATE INDEX ix_work_items_due ON work_items (job_id, next_attempt_at, image_id) WHERE state IN ('pending', 'retry');
CREATE INDEX ix_work_items_published ON work_items (job_id, published_at, next_attempt_at, image_id) WHERE state IN ('pending', 'retry');

CREATE OR REPLACE VIEW job_progress AS
SELECT j.id AS job_id, j.kind, j.subject, j.created_at,
       CASE WHEN j.held = 'cancelled' AND coalesce(w.pending + w.leased + w.retry, 0) > 0 THEN 'cancelling'
            WHEN j.held = 'cancelled' THEN 'cancelled'
            WHEN j.held = 'paused' AND (j.closed_at IS NULL OR coalesce(w.pending + w.leased + w.retry, 0) > 0) THEN 'paused'
            WHEN j.closed_at IS NULL AND j.kind = 'retrain' THEN 'running'
            WHEN j.closed_at IS NULL THEN 'adding'
            WHEN coalesce(w.pending + w.leased + w.retry, 0) > 0 THEN 'running'
            ELSE 'finished' END AS state,
       coalesce(w.items, 0) AS items,
       coalesce(w.pending, 0) AS pending,
       coalesce(w.leased, 0) AS leased,
       coalesce(w.retry, 0) AS retry,
       coalesce(w.done, 0) AS done,
       coalesce(w.quarantined, 0) AS quarantined,
       coalesce(w.cancelled, 0) AS cancelled,
       w.first_finished_at, w.last_finished_at, j.lane
FROM jobs j
LEFT JOIN LATERAL (
    SELECT count(*) AS items,
           count(*) FILTER (WHERE i.state = 'pending') AS pending,
           count(*) FILTER (WHERE i.state = 'leased') AS leased,
           count(*) FILTER (WHERE i.state = 'retry') AS retry,
           count(*) FILTER (WHERE i.state = 'done') AS done,
           count(*) FILTER (WHERE i.state = 'quarantined') AS quarantined,
           count(*) FILTER (WHERE i.state = 'cancelled') AS cancelled,
           min(i.finished_at) AS first_finished_at,
           max(i.finished_at) AS last_finished_at
    FROM work_items i WHERE i.job_id = j.id
) w ON true;
COMMENT ON COLUMN job_progress.state IS 'adding: the ingest still runs; running: items are open, or it trains; paused: no worker begins more of it; cancelling: workers end what they hold; cancelled; finished: all are done, quarantined or cancelled';
COMMENT ON COLUMN job_progress.lane IS 'fresh is taken before backlog';
