-- A collection holds buckets too.  A CHECK cannot be changed in place, so the table (truth) is made anew with the rows that it had.
ALTER TABLE collection_item RENAME TO collection_item_old;
CREATE TABLE collection_item (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    collection_id  INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
    repo_id        INTEGER REFERENCES repo (id) ON DELETE CASCADE,
    member_id      INTEGER REFERENCES collection (id) ON DELETE CASCADE,
    bucket_id      INTEGER REFERENCES bucket (id) ON DELETE CASCADE,
    position       INTEGER NOT NULL,
    note           TEXT    NOT NULL DEFAULT '',
    created_ms     INTEGER NOT NULL,
    CHECK ((repo_id IS NOT NULL) + (member_id IS NOT NULL) + (bucket_id IS NOT NULL) = 1),
    CHECK (member_id <> collection_id),
    UNIQUE (collection_id, repo_id),
    UNIQUE (collection_id, member_id),
    UNIQUE (collection_id, bucket_id)
);
INSERT INTO collection_item (id, hex_id, collection_id, repo_id, member_id, position, note, created_ms)
    SELECT id, hex_id, collection_id, repo_id, member_id, position, note, created_ms FROM collection_item_old;
DROP TABLE collection_item_old;
CREATE INDEX collection_item_by_position ON collection_item (collection_id, position);
CREATE INDEX collection_item_by_repo ON collection_item (repo_id) WHERE repo_id IS NOT NULL;
CREATE INDEX collection_item_by_member ON collection_item (member_id) WHERE member_id IS NOT NULL;
CREATE INDEX collection_item_by_bucket ON collection_item (bucket_id) WHERE bucket_id IS NOT NULL;
