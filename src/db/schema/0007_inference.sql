-- What calls of models cost, and what was called.  Money is in nano-USD; a price is per million tokens.

-- Cards are never changed: a change is a new version, and every record names the card that priced it.
CREATE TABLE price_card (
    id              INTEGER PRIMARY KEY,
    name            TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    model           TEXT,               -- "owner/name": for this one alone
    parameters_max  INTEGER,            -- for models with at most so many; both NULL: for all others
    input           INTEGER NOT NULL,
    cached_input    INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    second          INTEGER NOT NULL,   -- nano-USD per second of computing, where tokens say nothing
    created_ms      INTEGER NOT NULL,
    UNIQUE (name, version)
);
INSERT INTO price_card (name, version, parameters_max, input, cached_input, output, second, created_ms) VALUES
    ('1b', 1, 1500000000, 30000000, 15000000, 200000000, 0, 0),
    ('3b', 1, 4500000000, 50000000, 25000000, 340000000, 0, 0),
    ('7b', 1, 10000000000, 500000000, 250000000, 5000000000, 0, 0),
    ('large', 1, NULL, 1000000000, 500000000, 10000000000, 0, 0);

-- One row per call that was admitted.  No text of anybody's.
CREATE TABLE inference_call (
    id              INTEGER PRIMARY KEY,
    request_id      TEXT    NOT NULL UNIQUE,
    at_ms           INTEGER NOT NULL,
    day             INTEGER NOT NULL,   -- UTC, since 1970-01-01
    account_id      INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE, -- who pays
    user_id         INTEGER NOT NULL,
    token_id        INTEGER,
    token           TEXT,               -- its label, which stays when it is revoked
    route           TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    revision        TEXT    NOT NULL,
    status          INTEGER NOT NULL,
    is_stream       INTEGER NOT NULL,
    is_cold         INTEGER NOT NULL,   -- a worker was started for it
    prompt_tokens   INTEGER NOT NULL,
    cached_tokens   INTEGER NOT NULL,   -- of the prompt
    completion_tokens INTEGER NOT NULL,
    queue_us        INTEGER NOT NULL,
    first_us        INTEGER NOT NULL,   -- until the first token
    compute_us      INTEGER NOT NULL,
    price_card_id   INTEGER NOT NULL REFERENCES price_card (id),
    cost            INTEGER NOT NULL,
    allowance       INTEGER NOT NULL,   -- what of the cost the free allowance bore
    finish          TEXT    NOT NULL
);
CREATE INDEX inference_call_by_account ON inference_call (account_id, day);
CREATE INDEX inference_call_by_day ON inference_call (day);

-- Where an account's bounds differ from the server's.  NULL: the server's own.
CREATE TABLE inference_budget (
    account_id      INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    free_per_day    INTEGER,
    budget_per_month INTEGER            -- beyond the allowance; -1: no bound
);
