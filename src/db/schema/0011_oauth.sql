-- Applications that act for people (OAuth 2.0): who they are, what was allowed, what was handed out (truth).
-- Only src/account may touch oauth_app, oauth_authorization and oauth_refresh.  Of secrets there are digests alone.

CREATE TABLE oauth_app (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    client_id      TEXT    NOT NULL UNIQUE,
    owner_id       INTEGER REFERENCES account (id) ON DELETE CASCADE, -- NULL: nobody's; it has registered itself, or came with Hearth
    secret_hash    BLOB,                                   -- SHA-256; NULL: a public client, which must bring a PKCE challenge
    name           TEXT    NOT NULL,
    home_url       TEXT    NOT NULL DEFAULT '',
    redirect_uris  TEXT    NOT NULL DEFAULT '[]',          -- JSON
    scopes         TEXT    NOT NULL,                       -- separated by blanks: the most that it may ask for
    token_seconds  INTEGER NOT NULL,
    allows_device  INTEGER NOT NULL DEFAULT 0 CHECK (allows_device IN (0, 1)),
    created_ms     INTEGER NOT NULL,
    used_ms        INTEGER                                 -- when somebody last allowed it something
);
CREATE INDEX oauth_app_by_owner ON oauth_app (owner_id);

-- The client id is what huggingface_hub has built in for `hf auth login`.
INSERT INTO oauth_app (hex_id, client_id, name, scopes, token_seconds, allows_device, created_ms) VALUES
    ('26be6b0991c547da9861d2d2', '26be6b09-91c5-47da-9861-d2d2bb7a7e36', 'hf, the command line',
     'openid profile email read-memberships read-billing read-repos gated-repos write-repos manage-repos read-collections write-collections write-discussions inference-api',
     2592000, 1, 0);

CREATE TABLE oauth_consent (
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    app_id         INTEGER NOT NULL REFERENCES oauth_app (id) ON DELETE CASCADE,
    scopes         TEXT    NOT NULL,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (user_id, app_id)
) WITHOUT ROWID;
CREATE INDEX oauth_consent_by_app ON oauth_consent (app_id);

-- From the moment of asking to the death of the last token that came of it, which goes with this row.
CREATE TABLE oauth_authorization (
    id             INTEGER PRIMARY KEY,
    app_id         INTEGER NOT NULL REFERENCES oauth_app (id) ON DELETE CASCADE,
    user_id        INTEGER REFERENCES account (id) ON DELETE CASCADE, -- NULL: a device for which nobody has spoken yet
    status         TEXT    NOT NULL CHECK (status IN ('asked', 'allowed', 'denied', 'redeemed')),
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of the code, or of the device's code
    user_hash      BLOB    UNIQUE,                         -- of what the person types for a device
    redirect_uri   TEXT    NOT NULL DEFAULT '',
    scopes         TEXT    NOT NULL,
    challenge      TEXT    NOT NULL DEFAULT '',            -- PKCE, S256
    nonce          TEXT    NOT NULL DEFAULT '',
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL,                       -- of the code; once it is redeemed, of the refresh token
    polled_ms      INTEGER NOT NULL DEFAULT 0              -- when the device last asked
);
CREATE INDEX oauth_authorization_by_user ON oauth_authorization (user_id, app_id);
CREATE INDEX oauth_authorization_by_app ON oauth_authorization (app_id);
CREATE INDEX oauth_authorization_by_expiry ON oauth_authorization (expires_ms);

CREATE TABLE oauth_refresh (
    hash           BLOB    PRIMARY KEY,
    authorization_id INTEGER NOT NULL REFERENCES oauth_authorization (id) ON DELETE CASCADE,
    used_ms        INTEGER,                                -- NULL: not yet; it works once
    expires_ms     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX oauth_refresh_by_authorization ON oauth_refresh (authorization_id);

-- Access tokens of applications are tokens like others, fineGrained, with scopes {"oauth":[..]}.
ALTER TABLE account_token ADD COLUMN authorization_id INTEGER REFERENCES oauth_authorization (id) ON DELETE CASCADE;
CREATE INDEX account_token_by_authorization ON account_token (authorization_id);
