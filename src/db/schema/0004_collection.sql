-- 0004_collection.sql: collections of repositories, and the settings of Spaces.
--
-- All three tables are truth: nothing else says what a person gathered here or keeps secret.

CREATE TABLE collection (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    owner_id       INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    title          TEXT    NOT NULL,
    description    TEXT    NOT NULL DEFAULT '',
    theme          TEXT    NOT NULL CHECK (theme IN ('orange', 'blue', 'green', 'purple', 'pink', 'indigo')),
    is_private     INTEGER NOT NULL DEFAULT 0 CHECK (is_private IN (0, 1)),
    position       INTEGER NOT NULL,                       -- among the owner's, from 0
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,                       -- of itself or of what is in it
    UNIQUE (owner_id, title)
);
CREATE INDEX collection_by_updated ON collection (updated_ms DESC, id DESC);

-- An item is a repository or another collection; it goes when what it names goes, and leaves a gap in
-- the positions that the next change closes.
CREATE TABLE collection_item (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    collection_id  INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
    repo_id        INTEGER REFERENCES repo (id) ON DELETE CASCADE,
    member_id      INTEGER REFERENCES collection (id) ON DELETE CASCADE,
    position       INTEGER NOT NULL,
    note           TEXT    NOT NULL DEFAULT '',
    created_ms     INTEGER NOT NULL,
    CHECK ((repo_id IS NULL) <> (member_id IS NULL)),
    CHECK (member_id <> collection_id),
    UNIQUE (collection_id, repo_id),
    UNIQUE (collection_id, member_id)
);
CREATE INDEX collection_item_by_position ON collection_item (collection_id, position);
CREATE INDEX collection_item_by_repo ON collection_item (repo_id) WHERE repo_id IS NOT NULL;
CREATE INDEX collection_item_by_member ON collection_item (member_id) WHERE member_id IS NOT NULL;

-- What a Space's program finds in its environment.  A name is either a variable or a secret.  A secret's
-- value is sealed with a key that lies in a file beside the database (see account/secret_box.h).
CREATE TABLE space_setting (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    is_secret      INTEGER NOT NULL CHECK (is_secret IN (0, 1)),
    value          TEXT,                                   -- of a variable
    sealed         BLOB,                                   -- of a secret
    description    TEXT    NOT NULL DEFAULT '',
    updated_ms     INTEGER NOT NULL,
    PRIMARY KEY (repo_id, name),
    CHECK ((is_secret = 1) = (value IS NULL) AND (is_secret = 1) = (sealed IS NOT NULL))
) WITHOUT ROWID;
