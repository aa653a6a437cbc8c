-- Profiles, invitations, and how people come in (truth).

ALTER TABLE account ADD COLUMN website TEXT NOT NULL DEFAULT '';

CREATE TABLE account_avatar (
    account_id     INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    type           TEXT    NOT NULL CHECK (type IN ('image/png', 'image/jpeg', 'image/webp', 'image/gif')),
    content        BLOB    NOT NULL,
    changed_ms     INTEGER NOT NULL
);

-- Links by which a person may make an account.  Only src/account may touch this table and account_external.
CREATE TABLE account_invite (
    id             INTEGER PRIMARY KEY,
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of what stands in the link
    label          TEXT    NOT NULL,
    made_by        INTEGER REFERENCES account (id) ON DELETE SET NULL,
    org_id         INTEGER REFERENCES account (id) ON DELETE CASCADE, -- whoever comes by it joins, NULL: none
    org_role       TEXT,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL,
    used_by        INTEGER REFERENCES account (id) ON DELETE SET NULL,
    used_ms        INTEGER                                 -- NULL: not yet; it works once
);

-- Users who were asked to join an organisation and have not answered.
CREATE TABLE org_invite (
    org_id         INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    role           TEXT    NOT NULL CHECK (role IN ('no_access', 'read', 'contributor', 'write', 'admin')),
    invited_by     INTEGER REFERENCES account (id) ON DELETE SET NULL,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (org_id, user_id)
) WITHOUT ROWID;
CREATE INDEX org_invite_by_user ON org_invite (user_id);

-- Whom an outside OpenID provider means: who has signed in by it is known by issuer and subject, never by name or mail.
CREATE TABLE account_external (
    issuer         TEXT    NOT NULL,
    subject        TEXT    NOT NULL,
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_ms     INTEGER NOT NULL,
    used_ms        INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE INDEX account_external_by_account ON account_external (account_id);
