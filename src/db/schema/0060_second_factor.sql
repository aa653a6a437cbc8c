-- The second factor of signing in (truth).  Only src/account may touch these tables.

CREATE TABLE account_second_factor (                       -- a row: it is on
    account_id     INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    sealed         BLOB    NOT NULL,                       -- the secret of the codes (hub/sealed.h)
    used_step      INTEGER NOT NULL,                       -- of time, 30 s each: no code of it, or of one before, is taken any more
    created_ms     INTEGER NOT NULL
);

-- Recovery codes that were not used.
CREATE TABLE account_recovery_code (
    account_id     INTEGER NOT NULL REFERENCES account_second_factor (account_id) ON DELETE CASCADE,
    hash           BLOB    NOT NULL,                       -- SHA-256 of the code's ten bytes
    PRIMARY KEY (account_id, hash)
) WITHOUT ROWID;
