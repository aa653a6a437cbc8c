-- Service accounts: users that belong to an organisation, act by tokens alone, and end with it.
ALTER TABLE account ADD COLUMN service_of INTEGER REFERENCES account (id) ON DELETE CASCADE; -- NULL: a person, or an organisation
CREATE INDEX account_by_service_of ON account (service_of) WHERE service_of IS NOT NULL;

-- Tokens that an organisation does not let in any more; elsewhere they go on working.
CREATE TABLE org_token_revoked (
    token_id       INTEGER NOT NULL REFERENCES account_token (id) ON DELETE CASCADE,
    org_id         INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    revoked_ms     INTEGER NOT NULL,
    PRIMARY KEY (token_id, org_id)
) WITHOUT ROWID;
CREATE INDEX org_token_revoked_by_org ON org_token_revoked (org_id);
