-- Models that an operator keeps running (truth).

CREATE TABLE inference_pin (
    repo_id        INTEGER PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
    created_ms     INTEGER NOT NULL
);
