-- 0001_core.sql: accounts, repositories and what is derived from them.
--
-- Every table says whether it is truth or derived.  Derived tables can be remade by `hearth reindex`
-- from the git repositories and the large-file store.  Times are Unix milliseconds.  hex_id is the
-- 24-digit object id that clients see.  name_key is the lower-case name: lookups ignore case.

-- ------------------------------------------------------------------ accounts (truth)

CREATE TABLE account (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    kind           TEXT    NOT NULL CHECK (kind IN ('user', 'org')),
    name           TEXT    NOT NULL,
    name_key       TEXT    NOT NULL UNIQUE,
    fullname       TEXT    NOT NULL DEFAULT '',
    email          TEXT,
    details        TEXT    NOT NULL DEFAULT '',           -- a line about the person or organisation
    is_admin       INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),    -- of the whole installation
    is_disabled    INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled IN (0, 1)),
    repos_private  INTEGER NOT NULL DEFAULT 0 CHECK (repos_private IN (0, 1)), -- default for new repositories
    created_ms     INTEGER NOT NULL
);

-- Credentials stand apart: only src/account may touch these two tables.
CREATE TABLE account_password (
    account_id     INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    hash           TEXT    NOT NULL                        -- Argon2id, as libsodium writes it
);

CREATE TABLE account_token (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of the token; the token is never stored
    label          TEXT    NOT NULL,
    role           TEXT    NOT NULL CHECK (role IN ('read', 'write', 'admin', 'fineGrained')),
    scopes         TEXT    NOT NULL DEFAULT '{}',          -- JSON, for fineGrained: {"scoped":[],"global":[],"canReadGatedRepos":b}
    last4          TEXT    NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER,                                -- NULL: never
    used_ms        INTEGER                                 -- to the minute or so
);
CREATE INDEX account_token_by_account ON account_token (account_id);

CREATE TABLE account_member (
    org_id         INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    role           TEXT    NOT NULL CHECK (role IN ('no_access', 'read', 'contributor', 'write', 'admin')),
    PRIMARY KEY (org_id, user_id)
) WITHOUT ROWID;
CREATE INDEX account_member_by_user ON account_member (user_id);

-- Keys that sign what we hand out (upload links); one row per purpose.
CREATE TABLE signing_key (
    purpose        TEXT    PRIMARY KEY,
    secret         BLOB    NOT NULL,
    created_ms     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    id             INTEGER PRIMARY KEY,
    at_ms          INTEGER NOT NULL,
    actor_id       INTEGER,                                -- NULL: the command line
    type           TEXT    NOT NULL,                       -- 'repo.create', 'org.add_user', ...
    account_id     INTEGER,                                -- whose log shows it
    message        TEXT    NOT NULL,
    ip             TEXT
);
CREATE INDEX audit_by_account ON audit (account_id, id);

-- ------------------------------------------------------------------ repositories (truth)

CREATE TABLE repo (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,      -- also the name of its folder under repos/: never used twice
    hex_id         TEXT    NOT NULL UNIQUE,
    kind           TEXT    NOT NULL CHECK (kind IN ('model', 'dataset', 'space', 'kernel')),
    owner_id       INTEGER NOT NULL REFERENCES account (id),
    name           TEXT    NOT NULL,                       -- without the owner
    name_key       TEXT    NOT NULL,
    creator_id     INTEGER REFERENCES account (id) ON DELETE SET NULL,
    is_private     INTEGER NOT NULL DEFAULT 0 CHECK (is_private IN (0, 1)),
    is_disabled    INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled IN (0, 1)),
    gated          TEXT    NOT NULL DEFAULT '' CHECK (gated IN ('', 'auto', 'manual')),
    gates_members  INTEGER NOT NULL DEFAULT 0 CHECK (gates_members IN (0, 1)),  -- orgMembersGated
    discussions_disabled INTEGER NOT NULL DEFAULT 0 CHECK (discussions_disabled IN (0, 1)),
    settings       TEXT    NOT NULL DEFAULT '{}',          -- JSON: rarely used settings, as clients sent them
    sdk            TEXT    NOT NULL DEFAULT '',            -- spaces
    created_ms     INTEGER NOT NULL,
    discussions_count INTEGER NOT NULL DEFAULT 0,          -- the last number given to a discussion or pull request
    UNIQUE (kind, owner_id, name_key)
);
CREATE INDEX repo_by_owner ON repo (owner_id, kind);

-- Names that a repository had before: they redirect until somebody takes them.
CREATE TABLE repo_former_name (
    kind           TEXT    NOT NULL,
    owner_key      TEXT    NOT NULL,
    name_key       TEXT    NOT NULL,
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    PRIMARY KEY (kind, owner_key, name_key)
) WITHOUT ROWID;

-- Repositories whose row is gone and whose folder must still be removed (a crash may fall in between).
CREATE TABLE repo_to_remove (
    repo_id        INTEGER PRIMARY KEY,
    deleted_ms     INTEGER NOT NULL
);

CREATE TABLE repo_access_request (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    status         TEXT    NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    fields         TEXT    NOT NULL DEFAULT '{}',          -- JSON: answers to the gate's form
    reason         TEXT,                                   -- of a rejection
    granted_by     INTEGER REFERENCES account (id) ON DELETE SET NULL, -- set when nobody asked: the owner granted
    created_ms     INTEGER NOT NULL,
    reviewed_ms    INTEGER,
    PRIMARY KEY (repo_id, user_id)
) WITHOUT ROWID;

CREATE TABLE repo_like (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (repo_id, user_id)
) WITHOUT ROWID;
CREATE INDEX repo_like_by_user ON repo_like (user_id, created_ms);

CREATE TABLE repo_download (                               -- counted once per file request of a head file
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    day            INTEGER NOT NULL,                       -- days since 1970-01-01
    count          INTEGER NOT NULL,
    PRIMARY KEY (repo_id, day)
) WITHOUT ROWID;

-- Large files that were uploaded to a repository, referenced by a commit or not yet.  A client may
-- commit a large file only if it stands here: knowing a hash is no right to the content.
CREATE TABLE repo_large_file (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    sha256         BLOB    NOT NULL,
    size_bytes     INTEGER NOT NULL,
    pusher_id      INTEGER REFERENCES account (id) ON DELETE SET NULL,
    pushed_ms      INTEGER NOT NULL,
    PRIMARY KEY (repo_id, sha256)
) WITHOUT ROWID;
CREATE INDEX repo_large_file_by_sha256 ON repo_large_file (sha256);

CREATE TABLE repo_lock (                                   -- git-lfs file locks
    id             INTEGER PRIMARY KEY,
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    path           TEXT    NOT NULL,
    ref            TEXT    NOT NULL DEFAULT '',
    owner_id       INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    locked_ms      INTEGER NOT NULL,
    UNIQUE (repo_id, path)
);

CREATE TABLE discussion (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    num            INTEGER NOT NULL,
    title          TEXT    NOT NULL,
    status         TEXT    NOT NULL CHECK (status IN ('draft', 'open', 'closed', 'merged')),
    is_pull_request INTEGER NOT NULL CHECK (is_pull_request IN (0, 1)),
    is_pinned      INTEGER NOT NULL DEFAULT 0 CHECK (is_pinned IN (0, 1)),
    author_id      INTEGER REFERENCES account (id) ON DELETE SET NULL,
    base_ref       TEXT    NOT NULL DEFAULT '',            -- pull requests: refs/heads/main
    merge_commit   TEXT,
    created_ms     INTEGER NOT NULL,
    UNIQUE (repo_id, num)
);

CREATE TABLE discussion_event (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    discussion_id  INTEGER NOT NULL REFERENCES discussion (id) ON DELETE CASCADE,
    type           TEXT    NOT NULL,                       -- 'comment', 'status-change', 'commit', 'title-change', ...
    author_id      INTEGER REFERENCES account (id) ON DELETE SET NULL,
    created_ms     INTEGER NOT NULL,
    data           TEXT    NOT NULL                        -- JSON, as the wire shows it
);
CREATE INDEX discussion_event_by_discussion ON discussion_event (discussion_id, id);

-- ------------------------------------------------------------------ large files (truth)

CREATE TABLE cas_object (
    sha256         BLOB    PRIMARY KEY,
    size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_ms     INTEGER NOT NULL,
    touched_ms     INTEGER NOT NULL                        -- last upload or batch that named it: grace for collection
) WITHOUT ROWID;

CREATE TABLE cas_upload (                                  -- uploads in several parts
    id             TEXT    PRIMARY KEY,                    -- random; also the name of the file under tmp/
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user_id        INTEGER,
    sha256         BLOB    NOT NULL,
    size_bytes     INTEGER NOT NULL,
    part_bytes     INTEGER NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL
) WITHOUT ROWID;

-- ------------------------------------------------------------------ derived from the git repositories

CREATE TABLE repo_ref (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,                       -- full: refs/heads/main
    sha            TEXT    NOT NULL,                       -- the object that the ref names (a tag object, perhaps)
    commit_sha     TEXT    NOT NULL,                       -- the commit behind it
    PRIMARY KEY (repo_id, name)
) WITHOUT ROWID;

-- What listings and searches read: one row per repository, about the head of main.
CREATE TABLE repo_index (
    repo_id        INTEGER PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
    kind           TEXT    NOT NULL,                       -- copies of repo's columns, so that one index serves a listing
    full_name      TEXT    NOT NULL,                       -- owner/name, as displayed
    head_sha       TEXT    NOT NULL DEFAULT '',
    modified_ms    INTEGER NOT NULL,
    created_ms     INTEGER NOT NULL,
    downloads      INTEGER NOT NULL DEFAULT 0,             -- last 30 days; refreshed by a job
    downloads_all  INTEGER NOT NULL DEFAULT 0,
    likes          INTEGER NOT NULL DEFAULT 0,
    trending       REAL    NOT NULL DEFAULT 0,
    parameters     INTEGER NOT NULL DEFAULT 0,             -- weights, counted from safetensors or GGUF headers
    used_bytes     INTEGER NOT NULL DEFAULT 0,
    files_count    INTEGER NOT NULL DEFAULT 0,
    pipeline_tag   TEXT    NOT NULL DEFAULT '',
    library_name   TEXT    NOT NULL DEFAULT '',
    tags           TEXT    NOT NULL DEFAULT '[]',          -- JSON array
    card           TEXT,                                   -- JSON object: the front matter of README.md
    config         TEXT,                                   -- JSON object: what model info shows of config.json
    safetensors    TEXT,                                   -- JSON object
    gguf           TEXT,                                   -- JSON object
    extra          TEXT    NOT NULL DEFAULT '{}'           -- JSON object: description, widgetData, mask_token, transformersInfo, ...
);
CREATE INDEX repo_index_by_trending  ON repo_index (kind, trending DESC, repo_id DESC);
CREATE INDEX repo_index_by_downloads ON repo_index (kind, downloads DESC, repo_id DESC);
CREATE INDEX repo_index_by_likes     ON repo_index (kind, likes DESC, repo_id DESC);
CREATE INDEX repo_index_by_modified  ON repo_index (kind, modified_ms DESC, repo_id DESC);
CREATE INDEX repo_index_by_created   ON repo_index (kind, created_ms DESC, repo_id DESC);

CREATE TABLE repo_file (                                   -- files at the head of main
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    path           TEXT    NOT NULL,
    oid            TEXT    NOT NULL,                       -- git blob
    size_bytes     INTEGER NOT NULL,                       -- of the content, also for large files
    sha256         BLOB,                                   -- large files
    pointer_bytes  INTEGER,
    PRIMARY KEY (repo_id, path)
) WITHOUT ROWID;

CREATE TABLE tag (
    id             INTEGER PRIMARY KEY,
    kind           TEXT    NOT NULL,                       -- of repository
    name           TEXT    NOT NULL,
    repos_count    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, name)
);
CREATE TABLE repo_tag (
    tag_id         INTEGER NOT NULL REFERENCES tag (id),
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    PRIMARY KEY (tag_id, repo_id)
) WITHOUT ROWID;
CREATE INDEX repo_tag_by_repo ON repo_tag (repo_id);

CREATE VIRTUAL TABLE repo_search USING fts5 (full_name, content = '', tokenize = 'trigram');
