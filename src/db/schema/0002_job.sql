-- 0002_job.sql: work that outlives a request.
--
-- A row is work that waits, runs or has failed for good; what is done is removed.  Truth: a lost row is
-- lost work.  A row whose lease has run out belongs to a process that died, and is taken again.

CREATE TABLE job (
    id             INTEGER PRIMARY KEY,
    kind           TEXT    NOT NULL,
    payload        TEXT    NOT NULL DEFAULT '{}',          -- JSON, for the function of that kind
    unique_key     TEXT,                                   -- at most one waiting job of a kind and key
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'failed')),
    run_after_ms   INTEGER NOT NULL,
    lease_ms       INTEGER NOT NULL DEFAULT 0,             -- running: until when it is believed to be alive
    attempts       INTEGER NOT NULL DEFAULT 0,
    last_error     TEXT    NOT NULL DEFAULT '',
    created_ms     INTEGER NOT NULL
);
CREATE INDEX job_by_time ON job (state, run_after_ms);
CREATE UNIQUE INDEX job_unique ON job (kind, unique_key) WHERE state = 'waiting' AND unique_key IS NOT NULL;

-- When each periodic job last ran, so that a restart neither repeats nor skips it.
CREATE TABLE job_periodic (
    kind           TEXT    PRIMARY KEY,
    last_ms        INTEGER NOT NULL
) WITHOUT ROWID;
