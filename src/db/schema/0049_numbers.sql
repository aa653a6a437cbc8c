-- Numbers of accounts and of tokens are never used twice (truth): links, Xet tokens and logs name people and tokens by them, and may outlive
-- both.  What SQLite counts so must be said where a table is made, so both are made anew with the rows that they had.
CREATE TABLE account_new (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hex_id         TEXT    NOT NULL UNIQUE,
    kind           TEXT    NOT NULL CHECK (kind IN ('user', 'org')),
    name           TEXT    NOT NULL,
    name_key       TEXT    NOT NULL UNIQUE,
    fullname       TEXT    NOT NULL DEFAULT '',
    email          TEXT,
    details        TEXT    NOT NULL DEFAULT '',           -- a line about the person or organisation
    is_admin       INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),    -- of the whole installation
    is_disabled    INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled IN (0, 1)),
    repos_private  INTEGER NOT NULL DEFAULT 0 CHECK (repos_private IN (0, 1)), -- default for new repositories
    created_ms     INTEGER NOT NULL,
    website        TEXT    NOT NULL DEFAULT ''
);
INSERT INTO account_new (id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms, website)
    SELECT id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms, website FROM account;
DROP TABLE account;
ALTER TABLE account_new RENAME TO account;
CREATE INDEX account_by_kind_name ON account (kind, name_key);

-- Only src/account may touch this table.
CREATE TABLE account_token_new (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hex_id         TEXT    NOT NULL UNIQUE,
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of the token; the token is never stored
    label          TEXT    NOT NULL,
    role           TEXT    NOT NULL CHECK (role IN ('read', 'write', 'admin', 'fineGrained')),
    scopes         TEXT    NOT NULL DEFAULT '{}',          -- JSON, for fineGrained: {"scoped":[],"global":[],"canReadGatedRepos":b}
    last4          TEXT    NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER,                                -- NULL: never
    used_ms        INTEGER,                                -- to the minute or so
    authorization_id INTEGER REFERENCES oauth_authorization (id) ON DELETE CASCADE
);
INSERT INTO account_token_new (id, hex_id, account_id, hash, label, role, scopes, last4, created_ms, expires_ms, used_ms, authorization_id)
    SELECT id, hex_id, account_id, hash, label, role, scopes, last4, created_ms, expires_ms, used_ms, authorization_id FROM account_token;
DROP TABLE account_token;
ALTER TABLE account_token_new RENAME TO account_token;
CREATE INDEX account_token_by_account ON account_token (account_id);
CREATE INDEX account_token_by_authorization ON account_token (authorization_id);
