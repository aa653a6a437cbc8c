-- 0072_space_label.sql: a Space has a host of its own, label.spaces-domain.
-- Truth: given once, and changed with the Space's name alone (hub/space_label.h).  NULL: no Space, or one from before; `serve` gives it one.
ALTER TABLE repo ADD COLUMN label TEXT;
CREATE UNIQUE INDEX repo_by_label ON repo (label) WHERE label IS NOT NULL;
