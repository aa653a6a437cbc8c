-- Answers of an outside OpenID provider are good once, also after a restart and for every process of this database (truth, for the ten
-- minutes that an attempt to sign in may take); and the unread discussions of somebody, of which every page counts those he may see.
CREATE TABLE external_used (
    digest         BLOB    PRIMARY KEY,                    -- SHA-256 of the attempt's secret
    expires_ms     INTEGER NOT NULL                        -- then the secret is too old anyway
) WITHOUT ROWID;
CREATE INDEX external_used_by_expiry ON external_used (expires_ms);
CREATE INDEX notification_unread ON notification (user_id, discussion_id) WHERE is_read = 0;
