-- 0076_mirror_due.sql: of mirrors whose weights have come, what is derived from their headers may not stand in the index yet.

-- Truth, until it is done.  files: how many have come since; what is done is dropped only if none came meanwhile.
CREATE TABLE mirror_due (
    repo_id        INTEGER PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
    files          INTEGER NOT NULL
);
