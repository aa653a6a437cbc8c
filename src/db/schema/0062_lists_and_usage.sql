-- 0062_seen.sql: a list passes nothing that its reader may not see, and the usage of a month is not counted call by call.

-- Lists: what everybody may see and what is private are two orders now, merged for who sees of the second.  Until here the front of an
-- order might be a hundred thousand rows that its reader could only pass.  Which group a private repository is in stands beside its owner.
ALTER TABLE repo_index ADD COLUMN group_id INTEGER;
UPDATE repo_index SET group_id = (SELECT r.group_id FROM repo r WHERE r.id = repo_index.repo_id)
    WHERE repo_id IN (SELECT r.id FROM repo r WHERE r.group_id IS NOT NULL);
DROP TRIGGER repo_index_follows_repo;
CREATE TRIGGER repo_index_follows_repo AFTER UPDATE OF owner_id, group_id, is_private, gated ON repo
BEGIN
    UPDATE repo_index SET owner_id = NEW.owner_id, group_id = NEW.group_id, is_private = NEW.is_private, is_gated = NEW.gated <> ''
    WHERE repo_id = NEW.id;
END;
DROP INDEX repo_index_by_trending;
DROP INDEX repo_index_by_downloads;
DROP INDEX repo_index_by_likes;
DROP INDEX repo_index_by_modified;
DROP INDEX repo_index_by_created;
DROP INDEX repo_index_by_parameters;
DROP INDEX repo_index_by_name;
DROP INDEX repo_index_by_owner;
DROP INDEX repo_index_narrow;
CREATE INDEX repo_index_by_trending   ON repo_index (kind, is_private, trending DESC, repo_id DESC, owner_id, group_id, is_gated);
CREATE INDEX repo_index_by_downloads  ON repo_index (kind, is_private, downloads DESC, repo_id DESC, owner_id, group_id, is_gated);
CREATE INDEX repo_index_by_likes      ON repo_index (kind, is_private, likes DESC, repo_id DESC, owner_id, group_id, is_gated);
CREATE INDEX repo_index_by_modified   ON repo_index (kind, is_private, modified_ms DESC, repo_id DESC, owner_id, group_id, is_gated);
CREATE INDEX repo_index_by_created    ON repo_index (kind, is_private, created_ms DESC, repo_id DESC, owner_id, group_id, is_gated);
CREATE INDEX repo_index_by_parameters ON repo_index (kind, is_private, parameters DESC, repo_id DESC, owner_id, group_id, is_gated);
CREATE INDEX repo_index_by_name       ON repo_index (kind, is_private, full_name COLLATE NOCASE DESC, repo_id DESC, owner_id, group_id, is_gated);
CREATE INDEX repo_index_by_owner      ON repo_index (owner_id, kind, is_private, group_id, used_bytes);
CREATE INDEX repo_index_narrow        ON repo_index (repo_id, kind, is_private, owner_id, group_id, is_gated, trending, downloads,
                                                     likes, modified_ms, created_ms, parameters);

-- Usage: calls are summed by day, model and token as they are written, and no longer when they are forgotten.  Derived.
CREATE TABLE usage_day (
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE, -- who pays
    day            INTEGER NOT NULL,                       -- UTC, since 1970-01-01
    model          TEXT    NOT NULL,
    token          TEXT    NOT NULL,                       -- its label, or "(none)"
    requests       INTEGER NOT NULL,
    errors         INTEGER NOT NULL,
    prompt_tokens  INTEGER NOT NULL,
    cached_tokens  INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    compute_us     INTEGER NOT NULL,
    cost           INTEGER NOT NULL,
    allowance      INTEGER NOT NULL,
    PRIMARY KEY (account_id, day, model, token)
) WITHOUT ROWID;
CREATE INDEX usage_day_by_day ON usage_day (day);
INSERT INTO usage_day SELECT account_id, day, model, coalesce(token, '(none)'), count(*), sum(status >= 400), sum(prompt_tokens),
    sum(cached_tokens), sum(completion_tokens), sum(compute_us), sum(cost), sum(allowance)
    FROM inference_call GROUP BY account_id, day, model, coalesce(token, '(none)');
CREATE TRIGGER inference_call_summed AFTER INSERT ON inference_call
BEGIN
    INSERT INTO usage_day VALUES (NEW.account_id, NEW.day, NEW.model, coalesce(NEW.token, '(none)'), 1, NEW.status >= 400, NEW.prompt_tokens,
        NEW.cached_tokens, NEW.completion_tokens, NEW.compute_us, NEW.cost, NEW.allowance)
    ON CONFLICT (account_id, day, model, token) DO UPDATE SET requests = requests + 1, errors = errors + excluded.errors,
        prompt_tokens = prompt_tokens + excluded.prompt_tokens, cached_tokens = cached_tokens + excluded.cached_tokens,
        completion_tokens = completion_tokens + excluded.completion_tokens, compute_us = compute_us + excluded.compute_us,
        cost = cost + excluded.cost, allowance = allowance + excluded.allowance;
END;
CREATE TRIGGER inference_call_gone AFTER DELETE ON inference_call
BEGIN
    UPDATE usage_day SET requests = requests - 1, errors = errors - (OLD.status >= 400), prompt_tokens = prompt_tokens - OLD.prompt_tokens,
        cached_tokens = cached_tokens - OLD.cached_tokens, completion_tokens = completion_tokens - OLD.completion_tokens,
        compute_us = compute_us - OLD.compute_us, cost = cost - OLD.cost, allowance = allowance - OLD.allowance
    WHERE account_id = OLD.account_id AND day = OLD.day AND model = OLD.model AND token = coalesce(OLD.token, '(none)');
    DELETE FROM usage_day WHERE account_id = OLD.account_id AND day = OLD.day AND model = OLD.model AND token = coalesce(OLD.token, '(none)')
        AND requests = 0;
END;
