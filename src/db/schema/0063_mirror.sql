-- 0063_mirror.sql: repositories of another hub, kept here (src/gateway).

-- The address of the hub that a namespace or a repository mirrors; '' for our own.  Truth.
ALTER TABLE account ADD COLUMN upstream TEXT NOT NULL DEFAULT '';
ALTER TABLE repo ADD COLUMN upstream TEXT NOT NULL DEFAULT '';

-- Few among many repositories, and asked for together.
CREATE INDEX repo_by_upstream ON repo (upstream) WHERE upstream <> '';
