-- 0073_space_oauth.sql: the application that a Space is (hf_oauth in its card): it may send people back anywhere on its own host.
-- Truth: its client id; the rest follows the card.  The Space's number, and no reference: who deletes a repository touches no credentials.
ALTER TABLE oauth_app ADD COLUMN space_id INTEGER;
CREATE UNIQUE INDEX oauth_app_by_space ON oauth_app (space_id) WHERE space_id IS NOT NULL;
