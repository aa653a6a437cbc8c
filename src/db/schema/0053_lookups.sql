-- What was found by reading a whole table, or by sorting all of a repository or of an account for one page of it
-- (tests/layering/plans.py looks at every statement).  The last ones are for keys: SQLite looks for the rows that name what is deleted.
CREATE INDEX discussion_by_author ON discussion (author_id, repo_id);
CREATE INDEX discussion_by_page ON discussion (repo_id, is_pinned, num);
CREATE INDEX repo_like_by_time ON repo_like (repo_id, created_ms, user_id);
CREATE INDEX repo_access_request_by_time ON repo_access_request (repo_id, status, created_ms, user_id);
CREATE INDEX repo_access_request_by_user ON repo_access_request (user_id, created_ms, repo_id);
CREATE INDEX repo_asking ON repo (owner_id) WHERE gated = 'manual';
CREATE INDEX repo_file_large ON repo_file (repo_id, sha256, path) WHERE sha256 IS NOT NULL;
CREATE INDEX repo_lock_by_repo ON repo_lock (repo_id);
CREATE INDEX cas_upload_by_content ON cas_upload (repo_id, sha256);
CREATE INDEX cas_upload_by_expiry ON cas_upload (expires_ms);
CREATE INDEX webhook_delivery_by_try ON webhook_delivery (webhook_id, tried_ms);
CREATE INDEX account_invite_open ON account_invite (made_by, expires_ms) WHERE used_ms IS NULL;
CREATE INDEX org_invite_by_inviter ON org_invite (invited_by) WHERE invited_by IS NOT NULL;

CREATE INDEX repo_former_name_by_repo ON repo_former_name (repo_id);
CREATE INDEX repo_by_creator ON repo (creator_id);
CREATE INDEX repo_access_request_by_grant ON repo_access_request (granted_by) WHERE granted_by IS NOT NULL;
CREATE INDEX repo_large_file_by_pusher ON repo_large_file (pusher_id) WHERE pusher_id IS NOT NULL;
CREATE INDEX repo_lock_by_owner ON repo_lock (owner_id);
CREATE INDEX discussion_event_by_author ON discussion_event (author_id) WHERE author_id IS NOT NULL;
CREATE INDEX discussion_reaction_by_user ON discussion_reaction (user_id);
