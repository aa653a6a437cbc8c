-- 0003_listing.sql: listings of a million repositories.
--
-- A listing walks one order, or looks up the repositories of a tag or a search term one by one.  Both need
-- who may see a repository beside the key that they sort by, in a row narrow enough to stay in memory:
-- repo_index itself holds cards and configurations.  So: copies of what decides visibility (kept right by
-- triggers, since they change without a commit), every order index with them at its end, and one index by
-- repo_id that holds all keys.  Derived: `hearth reindex` remakes the rows.
-- Tag names that begin with the byte 1 are for the planner alone ("\1pipeline_tag:x", "\1sdk:x", "\1model:x",
-- "\1dataset:x", "\1gguf") and are shown to nobody.

ALTER TABLE repo_index ADD COLUMN owner_id   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repo_index ADD COLUMN is_private INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repo_index ADD COLUMN is_gated   INTEGER NOT NULL DEFAULT 0;
UPDATE repo_index SET (owner_id, is_private, is_gated) =
    (SELECT r.owner_id, r.is_private, r.gated <> '' FROM repo r WHERE r.id = repo_index.repo_id);

CREATE TRIGGER repo_index_follows_repo AFTER UPDATE OF owner_id, is_private, gated ON repo
BEGIN
    UPDATE repo_index SET owner_id = NEW.owner_id, is_private = NEW.is_private, is_gated = NEW.gated <> ''
    WHERE repo_id = NEW.id;
END;

DROP INDEX repo_index_by_trending;
DROP INDEX repo_index_by_downloads;
DROP INDEX repo_index_by_likes;
DROP INDEX repo_index_by_modified;
DROP INDEX repo_index_by_created;
CREATE INDEX repo_index_by_trending   ON repo_index (kind, trending DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_downloads  ON repo_index (kind, downloads DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_likes      ON repo_index (kind, likes DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_modified   ON repo_index (kind, modified_ms DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_created    ON repo_index (kind, created_ms DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_parameters ON repo_index (kind, parameters DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_name       ON repo_index (kind, full_name COLLATE NOCASE DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_owner      ON repo_index (owner_id, kind);
CREATE INDEX repo_index_narrow        ON repo_index (repo_id, kind, is_private, owner_id, is_gated, trending, downloads,
                                                     likes, modified_ms, created_ms, parameters);
CREATE INDEX tag_by_count             ON tag (kind, repos_count DESC);

-- The three-letter pieces in use: a word of one or two letters is looked up as all pieces that begin with it.
CREATE VIRTUAL TABLE repo_search_piece USING fts5vocab (repo_search, 'row');
