-- 0006_tag_block.sql: the repositories of a tag, packed.
--
-- A listing that asks for several tags intersects their sets of repositories.  Read row by row out of repo_tag,
-- a tag that a hundred thousand repositories have took ten milliseconds; packed it takes a fraction of one.
-- Derived from repo_tag (hub/index/tag_block.c writes both): empty beside a repo_tag that is not means "to be
-- packed", which the next start does.

CREATE TABLE tag_block (
    id      INTEGER PRIMARY KEY,  -- tag_id * 65536 + repo_id / 32768
    numbers BLOB    NOT NULL      -- repo_id % 32768 of those that have the tag, at least one: ascending as 16-bit
                                  -- little-endian numbers, or, where that is not shorter, as a bitmap of 4096 bytes
);
