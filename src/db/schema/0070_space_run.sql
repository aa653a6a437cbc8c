-- 0070_space_run.sql: what its owner wants of a Space that runs, and how its last attempt ended (src/space).
-- Truth: whether it is paused and when it sleeps.  The rest is what a restart of the server would forget.
CREATE TABLE space_run (
    repo_id    INTEGER PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
    is_paused  INTEGER NOT NULL DEFAULT 0 CHECK (is_paused IN (0, 1)),
    sleep_s    INTEGER,                                    -- -1: never; NULL: as the server says
    failed     TEXT    NOT NULL DEFAULT '',                -- 'BUILD_ERROR' and its like; '': it did not fail
    error      TEXT    NOT NULL DEFAULT '',
    sha        TEXT    NOT NULL DEFAULT '',                -- the commit that failed, or ran last
    since_ms   INTEGER NOT NULL
);
