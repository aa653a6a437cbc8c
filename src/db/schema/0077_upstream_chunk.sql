-- 0077_upstream_chunk.sql: what of the upstream's xorbs is here, so that it need not come again (src/gateway/place.c).

-- Derived: chunks first, first + 1, ... of a xorb of that hub are the bytes from at_byte on of an object; of sizes each has four bytes.
CREATE TABLE upstream_chunk (
    upstream       TEXT    NOT NULL,
    xorb           BLOB    NOT NULL,
    first          INTEGER NOT NULL,
    sha256         BLOB    NOT NULL REFERENCES cas_object (sha256) ON DELETE CASCADE,
    at_byte        INTEGER NOT NULL,
    sizes          BLOB    NOT NULL,
    PRIMARY KEY (upstream, xorb, first, sha256)
);
CREATE INDEX upstream_chunk_by_sha256 ON upstream_chunk (sha256);
