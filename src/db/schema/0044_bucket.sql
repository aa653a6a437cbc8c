-- Buckets: files by path, without git (truth).  The totals in a bucket's row are changed in the transaction that changes its files.
CREATE TABLE bucket (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,      -- never used twice: rows of files may outlive it for a moment
    hex_id         TEXT    NOT NULL UNIQUE,
    owner_id       INTEGER NOT NULL REFERENCES account (id),
    name           TEXT    NOT NULL,                       -- without the owner
    name_key       TEXT    NOT NULL,
    creator_id     INTEGER REFERENCES account (id) ON DELETE SET NULL,
    is_private     INTEGER NOT NULL DEFAULT 0 CHECK (is_private IN (0, 1)),
    files_count    INTEGER NOT NULL DEFAULT 0 CHECK (files_count >= 0),
    size_bytes     INTEGER NOT NULL DEFAULT 0 CHECK (size_bytes >= 0),
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    UNIQUE (owner_id, name_key)
);
CREATE INDEX bucket_by_updated ON bucket (updated_ms, id);
CREATE INDEX bucket_by_creator ON bucket (creator_id);

-- Names that a bucket had before: they redirect until somebody takes them.
CREATE TABLE bucket_former_name (
    owner_key      TEXT    NOT NULL,
    name_key       TEXT    NOT NULL,
    bucket_id      INTEGER NOT NULL REFERENCES bucket (id) ON DELETE CASCADE,
    PRIMARY KEY (owner_key, name_key)
) WITHOUT ROWID;
CREATE INDEX bucket_former_name_by_bucket ON bucket_former_name (bucket_id);

-- Its files.  No key to bucket: a million rows are removed a few at a time, after the bucket's own row.
CREATE TABLE bucket_file (
    bucket_id      INTEGER NOT NULL,
    path           TEXT    NOT NULL,
    xet_hash       BLOB    NOT NULL,                       -- as the client named it; 32 zero bytes: the empty file, which has no object
    sha256         BLOB    NOT NULL,                       -- of cas_object
    size_bytes     INTEGER NOT NULL,
    mtime_ms       INTEGER NOT NULL DEFAULT 0,             -- of the client's file; 0: not said
    uploaded_ms    INTEGER NOT NULL,
    content_type   TEXT    NOT NULL DEFAULT '',            -- as the client said
    PRIMARY KEY (bucket_id, path)
) WITHOUT ROWID;
CREATE INDEX bucket_file_by_content ON bucket_file (bucket_id, sha256);

-- Which contents a bucket has: uploaded with a token for it, or named by a file.  Knowing a hash is no right to the content.  Every
-- content of bucket_file stands here (but the empty one), so an object that no row names may go.
CREATE TABLE bucket_content (
    bucket_id      INTEGER NOT NULL,
    sha256         BLOB    NOT NULL,
    user_id        INTEGER NOT NULL,                       -- who brought it
    pushed_ms      INTEGER NOT NULL,                       -- collection drops older rows that no file names
    PRIMARY KEY (bucket_id, sha256)
) WITHOUT ROWID;
CREATE INDEX bucket_content_by_sha256 ON bucket_content (sha256, bucket_id);
