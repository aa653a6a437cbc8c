-- Figures of one person, who may have very many rows.  Derived.  A migration that makes one of these tables anew must make its triggers anew.

-- How many repositories that everybody may see somebody likes; no row: none yet.
CREATE TABLE like_total (
    user_id        INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    public_count   INTEGER NOT NULL CHECK (public_count >= 0)
);
INSERT INTO like_total SELECT l.user_id, count(*) FROM repo_like l JOIN repo r ON r.id = l.repo_id
    WHERE r.is_private = 0 AND r.is_disabled = 0 GROUP BY l.user_id;
CREATE TRIGGER repo_like_counted AFTER INSERT ON repo_like
WHEN EXISTS (SELECT 1 FROM repo r WHERE r.id = NEW.repo_id AND r.is_private = 0 AND r.is_disabled = 0)
BEGIN
    INSERT INTO like_total (user_id, public_count) VALUES (NEW.user_id, 1) ON CONFLICT (user_id) DO UPDATE SET public_count = public_count + 1;
END;
CREATE TRIGGER repo_like_gone AFTER DELETE ON repo_like
WHEN EXISTS (SELECT 1 FROM repo r WHERE r.id = OLD.repo_id AND r.is_private = 0 AND r.is_disabled = 0)
BEGIN
    UPDATE like_total SET public_count = public_count - 1 WHERE user_id = OLD.user_id;
END;
CREATE TRIGGER likes_follow_repo AFTER UPDATE OF is_private, is_disabled ON repo
WHEN (OLD.is_private = 0 AND OLD.is_disabled = 0) <> (NEW.is_private = 0 AND NEW.is_disabled = 0)
BEGIN
    UPDATE like_total SET public_count = public_count + (NEW.is_private = 0 AND NEW.is_disabled = 0) - (OLD.is_private = 0 AND OLD.is_disabled = 0)
    WHERE user_id IN (SELECT l.user_id FROM repo_like l WHERE l.repo_id = NEW.id);
END;
-- Before: its likes go with it, when the row that says whether they counted is gone.
CREATE TRIGGER likes_end_with_repo BEFORE DELETE ON repo WHEN OLD.is_private = 0 AND OLD.is_disabled = 0
BEGIN
    UPDATE like_total SET public_count = public_count - 1 WHERE user_id IN (SELECT l.user_id FROM repo_like l WHERE l.repo_id = OLD.id);
END;

-- Notifications are counted for each repository, in an index alone; who may see it is asked once for each.
ALTER TABLE notification ADD COLUMN repo_id INTEGER NOT NULL DEFAULT 0;
UPDATE notification SET repo_id = (SELECT d.repo_id FROM discussion d WHERE d.id = notification.discussion_id);
CREATE INDEX notification_by_repo ON notification (user_id, repo_id, is_read, reason, updated_ms);
