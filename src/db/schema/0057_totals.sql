-- Figures that pages and scrapes ask for again and again, beside what they count: triggers keep them, in the transaction that changes what
-- is counted, so no statement can forget one.  Derived.  A migration that makes one of these tables anew must make its triggers anew.

-- How many repositories there are of each kind.
CREATE TABLE repo_total (
    kind           TEXT    PRIMARY KEY,
    count          INTEGER NOT NULL CHECK (count >= 0)
) WITHOUT ROWID;
INSERT INTO repo_total VALUES ('model', 0), ('dataset', 0), ('space', 0), ('kernel', 0);
UPDATE repo_total SET count = (SELECT count(*) FROM repo_index i WHERE i.kind = repo_total.kind);
CREATE TRIGGER repo_index_counted AFTER INSERT ON repo_index BEGIN UPDATE repo_total SET count = count + 1 WHERE kind = NEW.kind; END;
CREATE TRIGGER repo_index_gone AFTER DELETE ON repo_index BEGIN UPDATE repo_total SET count = count - 1 WHERE kind = OLD.kind; END;

-- How much is stored (cas/stats.c): one row.
CREATE TABLE cas_total (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    objects        INTEGER NOT NULL,
    object_bytes   INTEGER NOT NULL,
    whole          INTEGER NOT NULL,                       -- of the objects: still a whole blob, to be converted
    whole_bytes    INTEGER NOT NULL,
    files          INTEGER NOT NULL,
    xorbs          INTEGER NOT NULL,
    chunks         INTEGER NOT NULL,
    raw_bytes      INTEGER NOT NULL,
    stored_bytes   INTEGER NOT NULL
);
INSERT INTO cas_total SELECT 1, o.*, (SELECT count(*) FROM cas_file), x.* FROM
    (SELECT count(*), coalesce(sum(size_bytes), 0), coalesce(sum(xet_hash IS NULL), 0),
            coalesce(sum(CASE WHEN xet_hash IS NULL THEN size_bytes END), 0) FROM cas_object) o,
    (SELECT count(*), coalesce(sum(chunks_count), 0), coalesce(sum(raw_bytes), 0), coalesce(sum(stored_bytes), 0) FROM cas_xorb) x;
CREATE TRIGGER cas_object_counted AFTER INSERT ON cas_object
BEGIN
    UPDATE cas_total SET objects = objects + 1, object_bytes = object_bytes + NEW.size_bytes,
        whole = whole + (NEW.xet_hash IS NULL), whole_bytes = whole_bytes + (NEW.xet_hash IS NULL) * NEW.size_bytes;
END;
CREATE TRIGGER cas_object_gone AFTER DELETE ON cas_object
BEGIN
    UPDATE cas_total SET objects = objects - 1, object_bytes = object_bytes - OLD.size_bytes,
        whole = whole - (OLD.xet_hash IS NULL), whole_bytes = whole_bytes - (OLD.xet_hash IS NULL) * OLD.size_bytes;
END;
CREATE TRIGGER cas_object_changed AFTER UPDATE OF size_bytes, xet_hash ON cas_object
WHEN OLD.size_bytes <> NEW.size_bytes OR (OLD.xet_hash IS NULL) <> (NEW.xet_hash IS NULL)
BEGIN
    UPDATE cas_total SET object_bytes = object_bytes + NEW.size_bytes - OLD.size_bytes,
        whole = whole + (NEW.xet_hash IS NULL) - (OLD.xet_hash IS NULL),
        whole_bytes = whole_bytes + (NEW.xet_hash IS NULL) * NEW.size_bytes - (OLD.xet_hash IS NULL) * OLD.size_bytes;
END;
CREATE TRIGGER cas_file_counted AFTER INSERT ON cas_file BEGIN UPDATE cas_total SET files = files + 1; END;
CREATE TRIGGER cas_file_gone    AFTER DELETE ON cas_file BEGIN UPDATE cas_total SET files = files - 1; END;
CREATE TRIGGER cas_xorb_counted AFTER INSERT ON cas_xorb
BEGIN
    UPDATE cas_total SET xorbs = xorbs + 1, chunks = chunks + NEW.chunks_count, raw_bytes = raw_bytes + NEW.raw_bytes,
        stored_bytes = stored_bytes + NEW.stored_bytes;
END;
CREATE TRIGGER cas_xorb_gone AFTER DELETE ON cas_xorb
BEGIN
    UPDATE cas_total SET xorbs = xorbs - 1, chunks = chunks - OLD.chunks_count, raw_bytes = raw_bytes - OLD.raw_bytes,
        stored_bytes = stored_bytes - OLD.stored_bytes;
END;
CREATE TRIGGER cas_xorb_changed AFTER UPDATE OF chunks_count, raw_bytes, stored_bytes ON cas_xorb
BEGIN
    UPDATE cas_total SET chunks = chunks + NEW.chunks_count - OLD.chunks_count, raw_bytes = raw_bytes + NEW.raw_bytes - OLD.raw_bytes,
        stored_bytes = stored_bytes + NEW.stored_bytes - OLD.stored_bytes;
END;

-- How many repositories have a tag, and how many of these everybody may see.
ALTER TABLE tag ADD COLUMN public_count INTEGER NOT NULL DEFAULT 0;
UPDATE tag SET public_count = (SELECT count(*) FROM repo_tag x JOIN repo_index i ON i.repo_id = x.repo_id
                               WHERE x.tag_id = tag.id AND i.is_private = 0);
DROP INDEX tag_by_count;
CREATE INDEX tag_by_public ON tag (kind, public_count DESC, name);
CREATE TRIGGER repo_tag_counted AFTER INSERT ON repo_tag
BEGIN
    UPDATE tag SET repos_count = repos_count + 1,
        public_count = public_count + EXISTS (SELECT 1 FROM repo_index i WHERE i.repo_id = NEW.repo_id AND i.is_private = 0)
    WHERE id = NEW.tag_id;
END;
CREATE TRIGGER repo_tag_gone AFTER DELETE ON repo_tag
BEGIN
    UPDATE tag SET repos_count = repos_count - 1,
        public_count = public_count - EXISTS (SELECT 1 FROM repo_index i WHERE i.repo_id = OLD.repo_id AND i.is_private = 0)
    WHERE id = OLD.tag_id;
END;
CREATE TRIGGER tags_follow_repo_index AFTER UPDATE OF is_private ON repo_index WHEN OLD.is_private <> NEW.is_private
BEGIN
    UPDATE tag SET public_count = public_count + OLD.is_private - NEW.is_private
    WHERE id IN (SELECT x.tag_id FROM repo_tag x WHERE x.repo_id = NEW.repo_id);
END;

-- What lists of discussions show, and sort by: comments, and how many people have reacted to any of them.
ALTER TABLE discussion ADD COLUMN comments_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE discussion ADD COLUMN reactors_count INTEGER NOT NULL DEFAULT 0;
UPDATE discussion SET
    comments_count = (SELECT count(*) FROM discussion_event v WHERE v.discussion_id = discussion.id AND v.type = 'comment'),
    reactors_count = (SELECT count(DISTINCT x.user_id) FROM discussion_event v JOIN discussion_reaction x ON x.event_id = v.id
                      WHERE v.discussion_id = discussion.id);
CREATE TRIGGER comment_counted AFTER INSERT ON discussion_event WHEN NEW.type = 'comment'
BEGIN
    UPDATE discussion SET comments_count = comments_count + 1 WHERE id = NEW.discussion_id;
END;
CREATE TRIGGER comment_gone AFTER DELETE ON discussion_event WHEN OLD.type = 'comment'
BEGIN
    UPDATE discussion SET comments_count = comments_count - 1 WHERE id = OLD.discussion_id;
END;
CREATE TRIGGER reaction_counted AFTER INSERT ON discussion_reaction
BEGIN
    UPDATE discussion SET reactors_count = (SELECT count(DISTINCT x.user_id) FROM discussion_event v
        JOIN discussion_reaction x ON x.event_id = v.id WHERE v.discussion_id = discussion.id)
    WHERE id = (SELECT v.discussion_id FROM discussion_event v WHERE v.id = NEW.event_id);
END;
CREATE TRIGGER reaction_gone AFTER DELETE ON discussion_reaction
BEGIN
    UPDATE discussion SET reactors_count = (SELECT count(DISTINCT x.user_id) FROM discussion_event v
        JOIN discussion_reaction x ON x.event_id = v.id WHERE v.discussion_id = discussion.id)
    WHERE id = (SELECT v.discussion_id FROM discussion_event v WHERE v.id = OLD.event_id);
END;
