-- How many notifications somebody has about each repository: their page asks for three sums of them, and there may be fifty thousand.
-- Derived.  A migration that makes notification anew must make these triggers anew.
CREATE TABLE notification_total (
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    repo_id        INTEGER NOT NULL,
    all_count      INTEGER NOT NULL CHECK (all_count >= 0),
    unread_count   INTEGER NOT NULL CHECK (unread_count >= 0),
    PRIMARY KEY (user_id, repo_id)
) WITHOUT ROWID;
INSERT INTO notification_total SELECT user_id, repo_id, count(*), sum(is_read = 0) FROM notification GROUP BY user_id, repo_id;

CREATE TRIGGER notification_counted AFTER INSERT ON notification
BEGIN
    INSERT INTO notification_total (user_id, repo_id, all_count, unread_count) VALUES (NEW.user_id, NEW.repo_id, 1, NEW.is_read = 0)
    ON CONFLICT (user_id, repo_id) DO UPDATE SET all_count = all_count + 1, unread_count = unread_count + excluded.unread_count;
END;
CREATE TRIGGER notification_read AFTER UPDATE OF is_read ON notification WHEN OLD.is_read <> NEW.is_read
BEGIN
    UPDATE notification_total SET unread_count = unread_count + OLD.is_read - NEW.is_read WHERE user_id = NEW.user_id AND repo_id = NEW.repo_id;
END;
CREATE TRIGGER notification_gone AFTER DELETE ON notification
BEGIN
    UPDATE notification_total SET all_count = all_count - 1, unread_count = unread_count - (OLD.is_read = 0)
    WHERE user_id = OLD.user_id AND repo_id = OLD.repo_id;
    DELETE FROM notification_total WHERE user_id = OLD.user_id AND repo_id = OLD.repo_id AND all_count = 0;
END;
