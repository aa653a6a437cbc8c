-- 0012_site.sql: conversations that were shared, and what an operator started from a page.

-- A conversation as it was when its owner shared it (truth).  Who may read the model may read it.
CREATE TABLE shared_chat (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    owner_id       INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    title          TEXT    NOT NULL,
    messages       TEXT    NOT NULL,                       -- JSON: [{"role", "content", "model"}, ..]
    created_ms     INTEGER NOT NULL
);
CREATE INDEX shared_chat_by_owner ON shared_chat (owner_id, id DESC);
CREATE INDEX shared_chat_by_repo ON shared_chat (repo_id);

-- Collections, checks and reindexings that were started from the operator's pages (truth): how far, and what came of it.
CREATE TABLE care_run (
    id             INTEGER PRIMARY KEY,
    kind           TEXT    NOT NULL CHECK (kind IN ('gc', 'fsck', 'reindex')),
    options        TEXT    NOT NULL DEFAULT '{}',          -- JSON
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    said           TEXT    NOT NULL DEFAULT '',            -- how far it is, or what came of it
    lines          TEXT    NOT NULL DEFAULT '',            -- problems and removals, a line each; bounded
    actor_id       INTEGER REFERENCES account (id) ON DELETE SET NULL,
    created_ms     INTEGER NOT NULL,
    began_ms       INTEGER,
    ended_ms       INTEGER
);

-- What takes the most room, read from the index alone.
CREATE INDEX repo_index_by_used ON repo_index (used_bytes DESC, repo_id, owner_id);
