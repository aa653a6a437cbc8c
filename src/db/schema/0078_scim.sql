-- Users and groups that an organisation's identity provider keeps here (account/scim.h; truth).

-- What the operator lets an organisation do, and what its administrators chose.
CREATE TABLE scim_org (
    org_id         INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    makes_accounts INTEGER NOT NULL DEFAULT 0 CHECK (makes_accounts IN (0, 1)),
    role           TEXT    NOT NULL DEFAULT 'read' CHECK (role IN ('no_access', 'read', 'contributor', 'write', 'admin')) -- of who comes by SCIM
);

CREATE TABLE scim_user (
    org_id         INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    is_managed     INTEGER NOT NULL CHECK (is_managed IN (0, 1)), -- the organisation made the account; otherwise it was there, and is invited
    is_closed      INTEGER NOT NULL DEFAULT 0 CHECK (is_closed IN (0, 1)), -- a managed account: that it is disabled is the organisation's doing
    external_id    TEXT,                                   -- what the identity provider calls him
    given_name     TEXT    NOT NULL,
    family_name    TEXT    NOT NULL,
    email          TEXT    NOT NULL,                       -- as the identity provider has it
    role           TEXT    NOT NULL CHECK (role IN ('no_access', 'read', 'contributor', 'write', 'admin')), -- when he comes (back)
    created_ms     INTEGER NOT NULL,
    removed_ms     INTEGER,                                -- a managed account that was deleted by SCIM: disabled, and still the organisation's
    PRIMARY KEY (org_id, user_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX scim_user_managed     ON scim_user (user_id) WHERE is_managed;
CREATE UNIQUE INDEX scim_user_external    ON scim_user (org_id, external_id) WHERE removed_ms IS NULL;
CREATE        INDEX scim_user_by_user     ON scim_user (user_id);
CREATE        INDEX scim_user_by_external ON scim_user (external_id) WHERE is_managed;

-- A group of SCIM is a resource group whose people SCIM keeps.
CREATE TABLE scim_group (
    group_id       INTEGER PRIMARY KEY REFERENCES resource_group (id) ON DELETE CASCADE,
    org_id         INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    external_id    TEXT,
    role           TEXT    NOT NULL DEFAULT 'read' CHECK (role IN ('no_access', 'read', 'contributor', 'write', 'admin')), -- of who is put into it
    UNIQUE (org_id, external_id)
);

-- Who is in it; also who has not accepted the organisation's invitation yet, and so is in no resource group.
CREATE TABLE scim_group_member (
    group_id       INTEGER NOT NULL REFERENCES scim_group (group_id) ON DELETE CASCADE,
    org_id         INTEGER NOT NULL,
    user_id        INTEGER NOT NULL,
    PRIMARY KEY (group_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES scim_user (org_id, user_id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX scim_group_member_by_user ON scim_group_member (org_id, user_id);

CREATE TRIGGER member_joins_scim_groups AFTER INSERT ON account_member
BEGIN
    INSERT INTO resource_group_member (group_id, org_id, user_id, role)
        SELECT g.group_id, g.org_id, NEW.user_id, g.role FROM scim_group_member m JOIN scim_group g ON g.group_id = m.group_id
        WHERE m.org_id = NEW.org_id AND m.user_id = NEW.user_id ON CONFLICT (group_id, user_id) DO NOTHING;
END;
