-- Resource groups (account/resource_group.h): what of an organisation only some of its members have to do with.

CREATE TABLE resource_group (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,      -- never used twice: what happened in a group that is gone is told to no other
    hex_id         TEXT    NOT NULL UNIQUE,
    org_id         INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL DEFAULT '',
    auto_role      TEXT    CHECK (auto_role IN ('no_access', 'read', 'contributor', 'write', 'admin')), -- of who joins the organisation; NULL: nobody joins by himself
    auto_scope     TEXT    NOT NULL DEFAULT 'all' CHECK (auto_scope IN ('all', 'read_plus')),
    created_ms     INTEGER NOT NULL,
    UNIQUE (org_id, name),
    UNIQUE (id, org_id)                                    -- for the members' reference
);

-- A member of a group is one of its organisation: with that, this ends.
CREATE TABLE resource_group_member (
    group_id       INTEGER NOT NULL,
    org_id         INTEGER NOT NULL,
    user_id        INTEGER NOT NULL,
    role           TEXT    NOT NULL CHECK (role IN ('no_access', 'read', 'contributor', 'write', 'admin')),
    PRIMARY KEY (group_id, user_id),
    FOREIGN KEY (group_id, org_id) REFERENCES resource_group (id, org_id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, user_id) REFERENCES account_member (org_id, user_id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX resource_group_member_by_member ON resource_group_member (org_id, user_id);

-- Who becomes a member of the organisation, or gets more than nothing there, joins the groups that say so.  Service accounts do not.
CREATE TRIGGER member_joins_groups AFTER INSERT ON account_member
BEGIN
    INSERT INTO resource_group_member (group_id, org_id, user_id, role)
        SELECT g.id, g.org_id, NEW.user_id, g.auto_role FROM resource_group g JOIN account a ON a.id = NEW.user_id AND a.service_of IS NULL
        WHERE g.org_id = NEW.org_id AND g.auto_role IS NOT NULL AND (g.auto_scope = 'all' OR NEW.role <> 'no_access');
END;
CREATE TRIGGER member_rises_into_groups AFTER UPDATE OF role ON account_member WHEN OLD.role = 'no_access' AND NEW.role <> 'no_access'
BEGIN
    INSERT INTO resource_group_member (group_id, org_id, user_id, role)
        SELECT g.id, g.org_id, NEW.user_id, g.auto_role FROM resource_group g JOIN account a ON a.id = NEW.user_id AND a.service_of IS NULL
        WHERE g.org_id = NEW.org_id AND g.auto_role IS NOT NULL AND g.auto_scope = 'read_plus'
        ON CONFLICT (group_id, user_id) DO NOTHING;
END;

-- At most one group has a thing, and it is one of its owner's.  NULL: none.  A group that has something is not deleted.
ALTER TABLE repo       ADD COLUMN group_id INTEGER REFERENCES resource_group (id);
ALTER TABLE bucket     ADD COLUMN group_id INTEGER REFERENCES resource_group (id);
ALTER TABLE collection ADD COLUMN group_id INTEGER REFERENCES resource_group (id);
CREATE INDEX repo_by_group       ON repo (group_id)       WHERE group_id IS NOT NULL;
CREATE INDEX bucket_by_group     ON bucket (group_id)     WHERE group_id IS NOT NULL;
CREATE INDEX collection_by_group ON collection (group_id) WHERE group_id IS NOT NULL;

-- In which group it was done: the repository may be gone, or elsewhere, before it is told.
ALTER TABLE happening ADD COLUMN group_id INTEGER;
