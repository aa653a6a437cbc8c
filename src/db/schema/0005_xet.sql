-- 0005_xet.sql: large files as chunks in xorbs.
--
-- The blobs are truth, and a xorb's blob carries its own index as footer; cas_xorb can be remade from them.  Which
-- terms make a file, and which SHA-256 it has, stands here alone (truth).  Hashes are 32 raw bytes.

CREATE TABLE cas_xorb (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,      -- never used twice: stale rows of cas_dedup may name it
    hash           BLOB    NOT NULL UNIQUE,
    chunks_count   INTEGER NOT NULL,
    raw_bytes      INTEGER NOT NULL,
    stored_bytes   INTEGER NOT NULL,                       -- frames, without the footer
    created_ms     INTEGER NOT NULL,
    touched_ms     INTEGER NOT NULL                        -- uploaded again, or advertised to a client: grace for collection
);

-- Who has proved, by sending them, that he has the chunks of a xorb.
CREATE TABLE cas_xorb_owner (
    xorb_id        INTEGER NOT NULL REFERENCES cas_xorb (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (xorb_id, user_id)
) WITHOUT ROWID;
CREATE INDEX cas_xorb_owner_by_user ON cas_xorb_owner (user_id);

-- A file as a list of terms.  One SHA-256 may have several (clients cut in two dialects); cas_object names one.
CREATE TABLE cas_file (
    id             INTEGER PRIMARY KEY,
    hash           BLOB    NOT NULL UNIQUE,
    sha256         BLOB    NOT NULL REFERENCES cas_object (sha256) ON DELETE CASCADE,
    size_bytes     INTEGER NOT NULL,
    created_ms     INTEGER NOT NULL,
    terms          BLOB    NOT NULL                        -- docs/formats/cas.md
);
CREATE INDEX cas_file_by_sha256 ON cas_file (sha256);

-- Which xorbs a file needs: a xorb without a row here may be collected.
CREATE TABLE cas_file_xorb (
    file_id        INTEGER NOT NULL REFERENCES cas_file (id) ON DELETE CASCADE,
    xorb_id        INTEGER NOT NULL REFERENCES cas_xorb (id),
    PRIMARY KEY (file_id, xorb_id)
) WITHOUT ROWID;
CREATE INDEX cas_file_xorb_by_xorb ON cas_file_xorb (xorb_id);

-- Derived: where sampled chunks lie.  key is the first eight bytes of the chunk's hash as a little-endian number.
-- Rows may outlive their xorb; a look-up passes over those.
CREATE TABLE cas_dedup (
    key            INTEGER NOT NULL,
    xorb_id        INTEGER NOT NULL,
    chunk          INTEGER NOT NULL,
    PRIMARY KEY (key, xorb_id, chunk)
) WITHOUT ROWID;

-- Under which key the hashes in answers to dedup queries are hidden.
CREATE TABLE cas_dedup_key (
    id             INTEGER PRIMARY KEY,
    key            BLOB    NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL
);

-- NULL: still a whole blob under cas/sha256, to be converted.
ALTER TABLE cas_object ADD COLUMN xet_hash BLOB;
CREATE INDEX cas_object_to_convert ON cas_object (sha256) WHERE xet_hash IS NULL;
