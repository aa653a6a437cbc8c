-- Browsers that have signed in (truth).  Only src/account may touch this table.

CREATE TABLE account_session (
    id             INTEGER PRIMARY KEY,
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of the cookie's secret; the secret is never stored
    browser        TEXT    NOT NULL DEFAULT '',            -- the User-Agent, for the list in the settings
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL                        -- moves on while the browser comes back
);
CREATE INDEX account_session_by_account ON account_session (account_id);
CREATE INDEX account_session_by_expiry ON account_session (expires_ms);
