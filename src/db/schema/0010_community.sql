-- 0010_community.sql: what happened, who wants to know, and what they are told.
--
-- happening is written in the same transaction as the change that it is about; what follows from it (notifications,
-- deliveries) is made later, from the rows that are not told yet.  All tables here are truth.

CREATE TABLE happening (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms          INTEGER NOT NULL,
    kind           TEXT    NOT NULL,                       -- 'repo.create', 'repo.content', 'discussion.create', 'comment.update', ...
    actor_id       INTEGER REFERENCES account (id) ON DELETE SET NULL, -- NULL: the server or the command line
    repo_id        INTEGER NOT NULL,                       -- no reference: a deletion outlives its repository
    owner_id       INTEGER NOT NULL,
    repo_hex       TEXT    NOT NULL,
    repo_kind      TEXT    NOT NULL,
    repo_name      TEXT    NOT NULL,                       -- owner/name, as it was
    is_private     INTEGER NOT NULL CHECK (is_private IN (0, 1)),
    discussion_id  INTEGER REFERENCES discussion (id) ON DELETE SET NULL,
    event_hex      TEXT    NOT NULL DEFAULT '',            -- of the comment
    data           TEXT    NOT NULL DEFAULT '{}',          -- JSON: what payloads show besides
    is_told        INTEGER NOT NULL DEFAULT 0 CHECK (is_told IN (0, 1))
);
CREATE INDEX happening_to_tell ON happening (id) WHERE is_told = 0;
CREATE INDEX happening_by_actor ON happening (actor_id, id);
CREATE INDEX happening_by_owner ON happening (owner_id, id);
CREATE INDEX happening_by_discussion ON happening (discussion_id) WHERE discussion_id IS NOT NULL;

-- ------------------------------------------------------------------ webhooks

CREATE TABLE webhook (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hex_id         TEXT    NOT NULL UNIQUE,
    owner_id       INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    url            TEXT    NOT NULL,
    sealed         BLOB,                                   -- its secret (account/secret_box.h); NULL: none
    on_repo        INTEGER NOT NULL CHECK (on_repo IN (0, 1)),
    on_discussion  INTEGER NOT NULL CHECK (on_discussion IN (0, 1)),
    state          TEXT    NOT NULL CHECK (state IN ('enabled', 'disabled', 'suspended')),
    failing_ms     INTEGER NOT NULL DEFAULT 0,             -- since when nothing was delivered; 0: the last one was
    triggered_ms   INTEGER NOT NULL DEFAULT 0,
    created_ms     INTEGER NOT NULL
);
CREATE INDEX webhook_by_owner ON webhook (owner_id, id);

CREATE TABLE webhook_watch (
    webhook_id     INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    place          INTEGER NOT NULL,                       -- in the list, from 0
    kind           TEXT    NOT NULL,                       -- 'model', 'dataset', 'space', 'kernel', 'user', 'org'
    name           TEXT    NOT NULL,
    name_key       TEXT    NOT NULL,
    PRIMARY KEY (webhook_id, place)
) WITHOUT ROWID;
CREATE INDEX webhook_watch_by_name ON webhook_watch (name_key, kind);

CREATE TABLE webhook_delivery (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hex_id         TEXT    NOT NULL UNIQUE,
    webhook_id     INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    what           TEXT    NOT NULL,                       -- 'create repo', 'update repo.content'
    about          TEXT    NOT NULL,                       -- the repository's name
    payload        TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    status         INTEGER NOT NULL DEFAULT 0,             -- of the last answer; 0: there was none
    answer         TEXT    NOT NULL DEFAULT '',            -- its beginning, or why there was none
    took_ms        INTEGER NOT NULL DEFAULT 0,
    created_ms     INTEGER NOT NULL,
    tried_ms       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX webhook_delivery_by_webhook ON webhook_delivery (webhook_id, id);
CREATE INDEX webhook_delivery_by_time ON webhook_delivery (created_ms);

-- ------------------------------------------------------------------ following and notifications

-- A row says yes, or no to what would follow from who one is: owners watch what is theirs.
CREATE TABLE watch (
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    account_id     INTEGER REFERENCES account (id) ON DELETE CASCADE,
    repo_id        INTEGER REFERENCES repo (id) ON DELETE CASCADE,
    discussion_id  INTEGER REFERENCES discussion (id) ON DELETE CASCADE,
    is_on          INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    created_ms     INTEGER NOT NULL,
    CHECK ((account_id IS NOT NULL) + (repo_id IS NOT NULL) + (discussion_id IS NOT NULL) = 1),
    UNIQUE (user_id, account_id),
    UNIQUE (user_id, repo_id),
    UNIQUE (user_id, discussion_id)
);
CREATE INDEX watch_by_account ON watch (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX watch_by_repo ON watch (repo_id) WHERE repo_id IS NOT NULL;
CREATE INDEX watch_by_discussion ON watch (discussion_id) WHERE discussion_id IS NOT NULL;

-- One row per person and thread; the reason is the strongest so far.
CREATE TABLE notification (
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    discussion_id  INTEGER NOT NULL REFERENCES discussion (id) ON DELETE CASCADE,
    reason         INTEGER NOT NULL CHECK (reason BETWEEN 0 AND 2), -- 0 watching, 1 participating, 2 mention
    event_hex      TEXT    NOT NULL DEFAULT '',
    is_read        INTEGER NOT NULL DEFAULT 0 CHECK (is_read IN (0, 1)),
    updated_ms     INTEGER NOT NULL,
    PRIMARY KEY (user_id, discussion_id)
) WITHOUT ROWID;
CREATE INDEX notification_by_time ON notification (user_id, updated_ms);
CREATE INDEX notification_by_discussion ON notification (discussion_id);

CREATE TABLE notification_setting (                        -- absent: yes
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    is_on          INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    PRIMARY KEY (user_id, name)
) WITHOUT ROWID;

-- ------------------------------------------------------------------ people and threads

CREATE TABLE account_social (
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    network        TEXT    NOT NULL CHECK (network IN ('twitter', 'github', 'linkedin', 'bluesky')),
    handle         TEXT    NOT NULL,
    PRIMARY KEY (account_id, network)
) WITHOUT ROWID;

CREATE TABLE discussion_reaction (
    event_id       INTEGER NOT NULL REFERENCES discussion_event (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    reaction       TEXT    NOT NULL,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (event_id, user_id, reaction)
) WITHOUT ROWID;

ALTER TABLE discussion ADD COLUMN is_locked INTEGER NOT NULL DEFAULT 0 CHECK (is_locked IN (0, 1)); -- only writers comment
