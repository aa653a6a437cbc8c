-- How many repositories an account has, and how many bytes they hold, is counted in this index alone.
DROP INDEX repo_index_by_owner;
CREATE INDEX repo_index_by_owner ON repo_index (owner_id, kind, is_private, used_bytes);
