-- 0080_eval_results.sql: results of benchmarks, for leaderboards.

-- What models state in .eval_results/ at the head of main, in the order of the files.  Derived (hub/card/eval.c): `hearth reindex`
-- enters those of files that are older than this table.
CREATE TABLE eval_result (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    num            INTEGER NOT NULL,
    filename       TEXT    NOT NULL,
    dataset        TEXT,                                   -- lower case; NULL, with task and value: the file is malformed
    task           TEXT,
    value          REAL,
    entry          TEXT    NOT NULL,                       -- JSON, as model info shows it
    PRIMARY KEY (repo_id, num)
) WITHOUT ROWID;
CREATE INDEX eval_result_by_task ON eval_result (dataset, task, value) WHERE dataset IS NOT NULL;
