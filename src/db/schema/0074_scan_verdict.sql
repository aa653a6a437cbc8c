-- 0074_scan_verdict.sql: what the scanner says of files (src/scan), and what it has still to look at.

-- One row for a content under a name in a repository.  A verdict belongs to the repository that it was made for: what is said of a file
-- never depends on who else has it.  Derived: the scanner makes it again.
CREATE TABLE scan_verdict (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    content        TEXT    NOT NULL,                       -- 40 digits: the git blob; 64 digits: the SHA-256 of a large file
    name           TEXT    NOT NULL,                       -- of the file, without its folder: names add probes
    version        INTEGER NOT NULL,                       -- of the probes and lists that said so
    level          TEXT    NOT NULL CHECK (level IN ('unscanned', 'safe', 'queued', 'error', 'caution', 'suspicious', 'unsafe')),
    pickle         TEXT,                                   -- JSON: what a list of imports says; NULL: there is no pickle in it
    av             TEXT,                                   -- JSON: what ClamAV says; NULL: it was not asked
    findings       TEXT,                                   -- JSON array; NULL: none
    secrets        TEXT,                                   -- JSON array: for who pushed it alone; NULL: none
    scanned_ms     INTEGER NOT NULL,
    PRIMARY KEY (repo_id, content, name)
) WITHOUT ROWID;
-- Large files that a public repository has are not read twice.
CREATE INDEX scan_verdict_large ON scan_verdict (content, name) WHERE length(content) = 64;

-- The tips that were looked at.  Derived.
CREATE TABLE scan_ref (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    commit_sha     TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    PRIMARY KEY (repo_id, name)
) WITHOUT ROWID;

-- Files at the head of main that are not safe.  A row counts while repo_file has that content at that path.  Derived.
CREATE TABLE scan_issue (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    path           TEXT    NOT NULL,
    oid            TEXT    NOT NULL,                       -- git blob, as repo_file has it
    level          TEXT    NOT NULL,
    PRIMARY KEY (repo_id, path)
) WITHOUT ROWID;

-- What may hold a secret, for who pushed it; he alone sees the row, until he says that he knows.  Truth: it is found once.
CREATE TABLE scan_secret (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    path           TEXT    NOT NULL,
    ref            TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    found_ms       INTEGER NOT NULL,
    PRIMARY KEY (repo_id, user_id, path)
) WITHOUT ROWID;
CREATE INDEX scan_secret_by_user ON scan_secret (user_id);

-- Repositories that have something to look at; gone when all of it was.  changes: how many came, so that what comes meanwhile is due again.
CREATE TABLE scan_due (
    repo_id        INTEGER PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
    changes        INTEGER NOT NULL DEFAULT 1,
    is_push        INTEGER NOT NULL DEFAULT 1 CHECK (is_push IN (0, 1)), -- 0: new lists, nothing new of its own
    after_ms       INTEGER NOT NULL DEFAULT 0,             -- it failed: not before
    failures       INTEGER NOT NULL DEFAULT 0
);
INSERT INTO scan_due (repo_id, is_push) SELECT id, 0 FROM repo;

-- Whoever moves a ref, by commit, push, merge or mirror, in the same transaction.
CREATE TRIGGER scan_due_new_ref AFTER INSERT ON repo_ref
BEGIN
    INSERT INTO scan_due (repo_id) VALUES (NEW.repo_id)
    ON CONFLICT (repo_id) DO UPDATE SET changes = changes + 1, is_push = 1, after_ms = 0, failures = 0;
END;
CREATE TRIGGER scan_due_moved_ref AFTER UPDATE OF commit_sha ON repo_ref WHEN OLD.commit_sha <> NEW.commit_sha
BEGIN
    INSERT INTO scan_due (repo_id) VALUES (NEW.repo_id)
    ON CONFLICT (repo_id) DO UPDATE SET changes = changes + 1, is_push = 1, after_ms = 0, failures = 0;
END;
CREATE TRIGGER scan_ref_gone AFTER DELETE ON repo_ref
BEGIN
    DELETE FROM scan_ref WHERE repo_id = OLD.repo_id AND name = OLD.name;
END;
-- A mirror's large files come long after its refs.
CREATE TRIGGER scan_due_mirrored AFTER INSERT ON repo_large_file WHEN (SELECT upstream FROM repo WHERE id = NEW.repo_id) <> ''
BEGIN
    INSERT INTO scan_due (repo_id) VALUES (NEW.repo_id)
    ON CONFLICT (repo_id) DO UPDATE SET changes = changes + 1, is_push = 1, after_ms = 0, failures = 0;
END;
