-- What applications may no longer use is swept whenever one is allowed something, and devices that wait are counted whenever one begins:
-- both found by time, not by reading all that is alive.
CREATE INDEX oauth_authorization_asked ON oauth_authorization (expires_ms) WHERE status = 'asked';
CREATE INDEX oauth_refresh_by_expiry ON oauth_refresh (expires_ms);
CREATE INDEX account_token_of_app_by_expiry ON account_token (expires_ms) WHERE authorization_id IS NOT NULL;
