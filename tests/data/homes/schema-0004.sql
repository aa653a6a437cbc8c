CREATE TABLE schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_ms INTEGER NOT NULL);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (1, '0001_core.sql', 'aa1864ec8d76bcc549a9cc86abcc375ba77ec2ea2ac2fe18c7218be62c5d4417', 1795406322729);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (2, '0002_job.sql', 'cbf6fa4bef930be2aace8abad1a5bddb7ef43ec8a1f437bb8cbf2640f53de01c', 1795406322730);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (3, '0003_listing.sql', '3534953fdb844f7a5b859ffabde8b138487a74c5a5281388dc1cf596ef74c944', 1795406322734);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (4, '0004_collection.sql', '75f91d3e0eafa718f268abe15bc3d7f9971d54133bba195d5e24813fecd70969', 1795406322735);
CREATE TABLE account (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    kind           TEXT    NOT NULL CHECK (kind IN ('user', 'org')),
    name           TEXT    NOT NULL,
    name_key       TEXT    NOT NULL UNIQUE,
    fullname       TEXT    NOT NULL DEFAULT '',
    email          TEXT,
    details        TEXT    NOT NULL DEFAULT '',           -- a line about the person or organisation
    is_admin       INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),    -- of the whole installation
    is_disabled    INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled IN (0, 1)),
    repos_private  INTEGER NOT NULL DEFAULT 0 CHECK (repos_private IN (0, 1)), -- default for new repositories
    created_ms     INTEGER NOT NULL
);
INSERT INTO account (id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms) VALUES (1, '488feec4aa4f4bf42bf949d6', 'user', 'nobody', 'nobody', 'nobody', NULL, '', 0, 0, 0, 1795406322740);
INSERT INTO account (id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms) VALUES (2, '9f653492aff991b859bd3e84', 'user', 'alice', 'alice', 'alice', NULL, '', 1, 0, 0, 1795406323015);
INSERT INTO account (id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms) VALUES (3, '09dddb02635a6075c1c83ef8', 'user', 'bob', 'bob', 'bob', NULL, '', 0, 0, 0, 1795406323190);
INSERT INTO account (id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms) VALUES (4, '0bf9d40c87c0cd88d9351494', 'org', 'acme', 'acme', 'acme', NULL, '', 0, 0, 0, 1795406323234);
CREATE TABLE account_password (
    account_id     INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    hash           TEXT    NOT NULL                        -- Argon2id, as libsodium writes it
);
INSERT INTO account_password (account_id, hash) VALUES (2, '$argon2id$v=19$m=65536,t=2,p=1$QScU23tsCj8GNDWZ7K+CqA$OrLRvgdswQlZ3c6uiIyq44+z73aRHHbQ8d3SPrKY6Fo');
INSERT INTO account_password (account_id, hash) VALUES (3, '$argon2id$v=19$m=65536,t=2,p=1$fuc49nbXxSAfic1lf0eL6g$ygsxtW81frBN8P6vJXlsqOARISFOcs4ydixCqmhUrGE');
CREATE TABLE account_token (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of the token; the token is never stored
    label          TEXT    NOT NULL,
    role           TEXT    NOT NULL CHECK (role IN ('read', 'write', 'admin', 'fineGrained')),
    scopes         TEXT    NOT NULL DEFAULT '{}',          -- JSON, for fineGrained: {"scoped":[],"global":[],"canReadGatedRepos":b}
    last4          TEXT    NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER,                                -- NULL: never
    used_ms        INTEGER                                 -- to the minute or so
);
INSERT INTO account_token (id, hex_id, account_id, hash, label, role, scopes, last4, created_ms, expires_ms, used_ms) VALUES (1, 'd35d28aaa84dd87aeddc39f7', 2, X'A9D62D1F94E37C028A2EEA665D8F8FD124B0DB2B519F1E124A6007905A013D48', 'laptop', 'write', '{}', 'aLi1', 1795406323044, NULL, 1795406323263);
INSERT INTO account_token (id, hex_id, account_id, hash, label, role, scopes, last4, created_ms, expires_ms, used_ms) VALUES (2, 'd5ed1db7b6141b030125a308', 3, X'0E0DD842E3E8C9991F07EA9712703E31FD8F6C33108327868F138731C2DB5024', 'laptop', 'write', '{}', 'bOb2', 1795406323213, NULL, 1795406323641);
CREATE TABLE account_member (
    org_id         INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    role           TEXT    NOT NULL CHECK (role IN ('no_access', 'read', 'contributor', 'write', 'admin')),
    PRIMARY KEY (org_id, user_id)
) WITHOUT ROWID;
INSERT INTO account_member (org_id, user_id, role) VALUES (4, 2, 'admin');
INSERT INTO account_member (org_id, user_id, role) VALUES (4, 3, 'write');
CREATE TABLE signing_key (
    purpose        TEXT    PRIMARY KEY,
    secret         BLOB    NOT NULL,
    created_ms     INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO signing_key (purpose, secret, created_ms) VALUES ('links', X'447B86767AE522BA932C44993D78B2C5720078698B83E306286F86A83C8AF8D5', 1795406322790);
CREATE TABLE audit (
    id             INTEGER PRIMARY KEY,
    at_ms          INTEGER NOT NULL,
    actor_id       INTEGER,                                -- NULL: the command line
    type           TEXT    NOT NULL,                       -- 'repo.create', 'org.add_user', ...
    account_id     INTEGER,                                -- whose log shows it
    message        TEXT    NOT NULL,
    ip             TEXT
);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (1, 1795406322740, NULL, 'user.create', 1, 'nobody', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (2, 1795406323015, NULL, 'user.create', 2, 'alice', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (3, 1795406323044, NULL, 'token.create', 2, 'd35d28aaa84dd87aeddc39f7', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (4, 1795406323190, NULL, 'user.create', 3, 'bob', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (5, 1795406323213, NULL, 'token.create', 3, 'd5ed1db7b6141b030125a308', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (6, 1795406323234, NULL, 'org.create', 4, 'acme', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (7, 1795406323260, NULL, 'org.add_user', 4, 'bob is write in acme', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (8, 1795406323311, 2, 'repo.create', 2, 'created model alice/m', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (9, 1795406323526, 2, 'repo.create', 4, 'created model acme/secret', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (10, 1795406323681, 3, 'repo.create', 3, 'created dataset bob/d', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (11, 1795406323851, 2, 'repo.update_settings', 2, 'changed the settings of model alice/m', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (12, 1795406323855, 2, 'collection.create', 2, 'created the collection alice/kept-1dfc3b1063ab35dfb779ab6f', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (13, 1795406323859, 3, 'repo.move', 3, 'moved dataset bob/d to bob/moved', NULL);
CREATE TABLE repo (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,      -- also the name of its folder under repos/: never used twice
    hex_id         TEXT    NOT NULL UNIQUE,
    kind           TEXT    NOT NULL CHECK (kind IN ('model', 'dataset', 'space', 'kernel')),
    owner_id       INTEGER NOT NULL REFERENCES account (id),
    name           TEXT    NOT NULL,                       -- without the owner
    name_key       TEXT    NOT NULL,
    creator_id     INTEGER REFERENCES account (id) ON DELETE SET NULL,
    is_private     INTEGER NOT NULL DEFAULT 0 CHECK (is_private IN (0, 1)),
    is_disabled    INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled IN (0, 1)),
    gated          TEXT    NOT NULL DEFAULT '' CHECK (gated IN ('', 'auto', 'manual')),
    gates_members  INTEGER NOT NULL DEFAULT 0 CHECK (gates_members IN (0, 1)),  -- orgMembersGated
    discussions_disabled INTEGER NOT NULL DEFAULT 0 CHECK (discussions_disabled IN (0, 1)),
    settings       TEXT    NOT NULL DEFAULT '{}',          -- JSON: rarely used settings, as clients sent them
    sdk            TEXT    NOT NULL DEFAULT '',            -- spaces
    created_ms     INTEGER NOT NULL,
    discussions_count INTEGER NOT NULL DEFAULT 0,          -- the last number given to a discussion or pull request
    UNIQUE (kind, owner_id, name_key)
);
INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, creator_id, is_private, is_disabled, gated, gates_members, discussions_disabled, settings, sdk, created_ms, discussions_count) VALUES (1, '2c09625518247f12f7affb0f', 'model', 2, 'm', 'm', 2, 0, 0, 'manual', 0, 0, '{}', '', 1795406323310, 3);
INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, creator_id, is_private, is_disabled, gated, gates_members, discussions_disabled, settings, sdk, created_ms, discussions_count) VALUES (2, '438e3f44bb2fc529eee34114', 'model', 4, 'secret', 'secret', 2, 1, 0, '', 0, 0, '{}', '', 1795406323526, 0);
INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, creator_id, is_private, is_disabled, gated, gates_members, discussions_disabled, settings, sdk, created_ms, discussions_count) VALUES (3, 'fe214dd9de57d8e504bffb79', 'dataset', 3, 'moved', 'moved', 3, 0, 0, '', 0, 0, '{}', '', 1795406323681, 0);
CREATE TABLE repo_former_name (
    kind           TEXT    NOT NULL,
    owner_key      TEXT    NOT NULL,
    name_key       TEXT    NOT NULL,
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    PRIMARY KEY (kind, owner_key, name_key)
) WITHOUT ROWID;
INSERT INTO repo_former_name (kind, owner_key, name_key, repo_id) VALUES ('dataset', 'bob', 'd', 3);
CREATE TABLE repo_to_remove (
    repo_id        INTEGER PRIMARY KEY,
    deleted_ms     INTEGER NOT NULL
);
CREATE TABLE repo_access_request (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    status         TEXT    NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    fields         TEXT    NOT NULL DEFAULT '{}',          -- JSON: answers to the gate's form
    reason         TEXT,                                   -- of a rejection
    granted_by     INTEGER REFERENCES account (id) ON DELETE SET NULL, -- set when nobody asked: the owner granted
    created_ms     INTEGER NOT NULL,
    reviewed_ms    INTEGER,
    PRIMARY KEY (repo_id, user_id)
) WITHOUT ROWID;
INSERT INTO repo_access_request (repo_id, user_id, status, fields, reason, granted_by, created_ms, reviewed_ms) VALUES (1, 3, 'pending', '{}', NULL, NULL, 1795406323853, NULL);
CREATE TABLE repo_like (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (repo_id, user_id)
) WITHOUT ROWID;
INSERT INTO repo_like (repo_id, user_id, created_ms) VALUES (1, 3, 1795406323849);
CREATE TABLE repo_download (                               -- counted once per file request of a head file
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    day            INTEGER NOT NULL,                       -- days since 1970-01-01
    count          INTEGER NOT NULL,
    PRIMARY KEY (repo_id, day)
) WITHOUT ROWID;
CREATE TABLE repo_large_file (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    sha256         BLOB    NOT NULL,
    size_bytes     INTEGER NOT NULL,
    pusher_id      INTEGER REFERENCES account (id) ON DELETE SET NULL,
    pushed_ms      INTEGER NOT NULL,
    PRIMARY KEY (repo_id, sha256)
) WITHOUT ROWID;
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (1, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 2, 1795406323350);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (1, X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 2560, 2, 1795406323398);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (1, X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 2560, 2, 1795406323446);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (2, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 2, 1795406323546);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (2, X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 2560, 2, 1795406323590);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (2, X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 2560, 2, 1795406323622);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (3, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 3, 1795406323704);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (3, X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 2560, 3, 1795406323743);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (3, X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 2560, 3, 1795406323772);
CREATE TABLE repo_lock (                                   -- git-lfs file locks
    id             INTEGER PRIMARY KEY,
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    path           TEXT    NOT NULL,
    ref            TEXT    NOT NULL DEFAULT '',
    owner_id       INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    locked_ms      INTEGER NOT NULL,
    UNIQUE (repo_id, path)
);
INSERT INTO repo_lock (id, repo_id, path, ref, owner_id, locked_ms) VALUES (1, 1, 'one.bin', '', 2, 1795406323857);
CREATE TABLE discussion (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    num            INTEGER NOT NULL,
    title          TEXT    NOT NULL,
    status         TEXT    NOT NULL CHECK (status IN ('draft', 'open', 'closed', 'merged')),
    is_pull_request INTEGER NOT NULL CHECK (is_pull_request IN (0, 1)),
    is_pinned      INTEGER NOT NULL DEFAULT 0 CHECK (is_pinned IN (0, 1)),
    author_id      INTEGER REFERENCES account (id) ON DELETE SET NULL,
    base_ref       TEXT    NOT NULL DEFAULT '',            -- pull requests: refs/heads/main
    merge_commit   TEXT,
    created_ms     INTEGER NOT NULL,
    UNIQUE (repo_id, num)
);
INSERT INTO discussion (id, hex_id, repo_id, num, title, status, is_pull_request, is_pinned, author_id, base_ref, merge_commit, created_ms) VALUES (1, 'faf5fe82a0cc8d1cab58158d', 1, 1, 'A question', 'open', 0, 0, 3, '', NULL, 1795406323798);
INSERT INTO discussion (id, hex_id, repo_id, num, title, status, is_pull_request, is_pinned, author_id, base_ref, merge_commit, created_ms) VALUES (2, 'e65b0d92597ebdd578a56f0b', 1, 2, 'Proposal 2', 'open', 1, 0, 3, 'refs/heads/main', NULL, 1795406323812);
INSERT INTO discussion (id, hex_id, repo_id, num, title, status, is_pull_request, is_pinned, author_id, base_ref, merge_commit, created_ms) VALUES (3, '8f6a3b3e5e92ccc1163bf8c1', 1, 3, 'Proposal 3', 'merged', 1, 0, 2, 'refs/heads/main', '4b471edf1b54e270d10d1e290c9179e86ce6d18c', 1795406323826);
CREATE TABLE discussion_event (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    discussion_id  INTEGER NOT NULL REFERENCES discussion (id) ON DELETE CASCADE,
    type           TEXT    NOT NULL,                       -- 'comment', 'status-change', 'commit', 'title-change', ...
    author_id      INTEGER REFERENCES account (id) ON DELETE SET NULL,
    created_ms     INTEGER NOT NULL,
    data           TEXT    NOT NULL                        -- JSON, as the wire shows it
);
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (1, '152f56592ab106679b8bc142', 1, 'comment', 3, 1795406323798, '{"edited":false,"hidden":false,"latest":{"raw":"Why?","html":"<p>Why?</p>","updatedAt":"2026-11-23T03:58:43.798Z","author":{"name":"bob","type":"user"}},"numEdits":0,"history":[],"editors":["bob"],"editorAvatarUrls":[],"reactions":[]}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (2, 'd7ce0f5d36fb0cddab83cc5e', 1, 'comment', 2, 1795406323804, '{"edited":false,"hidden":false,"latest":{"raw":"Because.","html":"<p>Because.</p>","updatedAt":"2026-11-23T03:58:43.804Z","author":{"name":"alice","type":"user"}},"numEdits":0,"history":[],"editors":["alice"],"editorAvatarUrls":[],"reactions":[]}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (3, '7c741cf5d0e721ebafacf279', 2, 'comment', 3, 1795406323812, '{"edited":false,"hidden":false,"latest":{"raw":"","html":"<p></p>","updatedAt":"2026-11-23T03:58:43.812Z","author":{"name":"bob","type":"user"}},"numEdits":0,"history":[],"editors":["bob"],"editorAvatarUrls":[],"reactions":[]}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (4, '72659cf23cc85ee58541c721', 2, 'commit', 3, 1795406323813, '{"subject":"Proposal 2","oid":"cec8c8efcfa18dca2207debd4129a87cc6d91ae9"}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (5, '62718a00cbc72e18e3a305b0', 3, 'comment', 2, 1795406323826, '{"edited":false,"hidden":false,"latest":{"raw":"","html":"<p></p>","updatedAt":"2026-11-23T03:58:43.826Z","author":{"name":"alice","type":"user"}},"numEdits":0,"history":[],"editors":["alice"],"editorAvatarUrls":[],"reactions":[]}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (6, '57aaac795332a32a58aa6073', 3, 'commit', 2, 1795406323828, '{"subject":"Proposal 3","oid":"4b471edf1b54e270d10d1e290c9179e86ce6d18c"}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (7, 'abc3056e9011e038058989f7', 3, 'status-change', 2, 1795406323840, '{"status":"merged"}');
CREATE TABLE cas_object (
    sha256         BLOB    PRIMARY KEY,
    size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_ms     INTEGER NOT NULL,
    touched_ms     INTEGER NOT NULL                        -- last upload or batch that named it: grace for collection
) WITHOUT ROWID;
INSERT INTO cas_object (sha256, size_bytes, created_ms, touched_ms) VALUES (X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 1795406323346, 1795406323704);
INSERT INTO cas_object (sha256, size_bytes, created_ms, touched_ms) VALUES (X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 2560, 1795406323395, 1795406323743);
INSERT INTO cas_object (sha256, size_bytes, created_ms, touched_ms) VALUES (X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 2560, 1795406323437, 1795406323772);
CREATE TABLE cas_upload (                                  -- uploads in several parts
    id             TEXT    PRIMARY KEY,                    -- random; also the name of the file under tmp/
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user_id        INTEGER,
    sha256         BLOB    NOT NULL,
    size_bytes     INTEGER NOT NULL,
    part_bytes     INTEGER NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE repo_ref (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,                       -- full: refs/heads/main
    sha            TEXT    NOT NULL,                       -- the object that the ref names (a tag object, perhaps)
    commit_sha     TEXT    NOT NULL,                       -- the commit behind it
    PRIMARY KEY (repo_id, name)
) WITHOUT ROWID;
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/heads/dev', '835ec98d55079d93cb15257d4ae4beab6b306a91', '835ec98d55079d93cb15257d4ae4beab6b306a91');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/heads/main', '4b471edf1b54e270d10d1e290c9179e86ce6d18c', '4b471edf1b54e270d10d1e290c9179e86ce6d18c');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/pr/2', 'cec8c8efcfa18dca2207debd4129a87cc6d91ae9', 'cec8c8efcfa18dca2207debd4129a87cc6d91ae9');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/pr/3', '4b471edf1b54e270d10d1e290c9179e86ce6d18c', '4b471edf1b54e270d10d1e290c9179e86ce6d18c');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/tags/v1', '31a17353c0c3ecce966593a44fe897bde0bcdd19', '835ec98d55079d93cb15257d4ae4beab6b306a91');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (2, 'refs/heads/main', '835ec98d55079d93cb15257d4ae4beab6b306a91', '835ec98d55079d93cb15257d4ae4beab6b306a91');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (3, 'refs/heads/main', '414fe1fbf242b63bf734419f915d82ee45cf006c', '414fe1fbf242b63bf734419f915d82ee45cf006c');
CREATE TABLE repo_index (
    repo_id        INTEGER PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
    kind           TEXT    NOT NULL,                       -- copies of repo's columns, so that one index serves a listing
    full_name      TEXT    NOT NULL,                       -- owner/name, as displayed
    head_sha       TEXT    NOT NULL DEFAULT '',
    modified_ms    INTEGER NOT NULL,
    created_ms     INTEGER NOT NULL,
    downloads      INTEGER NOT NULL DEFAULT 0,             -- last 30 days; refreshed by a job
    downloads_all  INTEGER NOT NULL DEFAULT 0,
    likes          INTEGER NOT NULL DEFAULT 0,
    trending       REAL    NOT NULL DEFAULT 0,
    parameters     INTEGER NOT NULL DEFAULT 0,             -- weights, counted from safetensors or GGUF headers
    used_bytes     INTEGER NOT NULL DEFAULT 0,
    files_count    INTEGER NOT NULL DEFAULT 0,
    pipeline_tag   TEXT    NOT NULL DEFAULT '',
    library_name   TEXT    NOT NULL DEFAULT '',
    tags           TEXT    NOT NULL DEFAULT '[]',          -- JSON array
    card           TEXT,                                   -- JSON object: the front matter of README.md
    config         TEXT,                                   -- JSON object: what model info shows of config.json
    safetensors    TEXT,                                   -- JSON object
    gguf           TEXT,                                   -- JSON object
    extra          TEXT    NOT NULL DEFAULT '{}'           -- JSON object: description, widgetData, mask_token, transformersInfo, ...
, owner_id   INTEGER NOT NULL DEFAULT 0, is_private INTEGER NOT NULL DEFAULT 0, is_gated   INTEGER NOT NULL DEFAULT 0);
INSERT INTO repo_index (repo_id, kind, full_name, head_sha, modified_ms, created_ms, downloads, downloads_all, likes, trending, parameters, used_bytes, files_count, pipeline_tag, library_name, tags, card, config, safetensors, gguf, extra, owner_id, is_private, is_gated) VALUES (1, 'model', 'alice/m', '4b471edf1b54e270d10d1e290c9179e86ce6d18c', 1795406323000, 1795406323310, 0, 0, 1, 20.0, 0, 9307, 9, '', '', '["pytorch","age2","license:mit","region:us"]', '{"license":"mit","tags":["age2"]}', NULL, NULL, NULL, '{}', 2, 0, 1);
INSERT INTO repo_index (repo_id, kind, full_name, head_sha, modified_ms, created_ms, downloads, downloads_all, likes, trending, parameters, used_bytes, files_count, pipeline_tag, library_name, tags, card, config, safetensors, gguf, extra, owner_id, is_private, is_gated) VALUES (2, 'model', 'acme/secret', '835ec98d55079d93cb15257d4ae4beab6b306a91', 1795406323000, 1795406323526, 0, 0, 0, 0.0, 0, 9298, 8, '', '', '["pytorch","age2","license:mit","region:us"]', '{"license":"mit","tags":["age2"]}', NULL, NULL, NULL, '{}', 4, 1, 0);
INSERT INTO repo_index (repo_id, kind, full_name, head_sha, modified_ms, created_ms, downloads, downloads_all, likes, trending, parameters, used_bytes, files_count, pipeline_tag, library_name, tags, card, config, safetensors, gguf, extra, owner_id, is_private, is_gated) VALUES (3, 'dataset', 'bob/moved', '414fe1fbf242b63bf734419f915d82ee45cf006c', 1795406323000, 1795406323681, 0, 0, 0, 0.0, 0, 10144, 8, '', '', '["license:mit","format:text","modality:text","library:datasets","region:us","age2"]', '{"license":"mit","tags":["age2"]}', NULL, NULL, NULL, '{}', 3, 0, 0);
CREATE TABLE repo_file (                                   -- files at the head of main
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    path           TEXT    NOT NULL,
    oid            TEXT    NOT NULL,                       -- git blob
    size_bytes     INTEGER NOT NULL,                       -- of the content, also for large files
    sha256         BLOB,                                   -- large files
    pointer_bytes  INTEGER,
    PRIMARY KEY (repo_id, path)
) WITHOUT ROWID;
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (1, '.gitattributes', 'c1ccb78a8f76e4f1f6b04013d8d4f1fbf6475323', 1562, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (1, '0.txt', '573541ac9702dd3969c9bc859d2b91ec1f7e6e56', 2, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (1, '1.txt', 'd00491fd7e5bb6fa28c517a0bb32b8b506539d4d', 2, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (1, '2.txt', '0cfbf08886fca9a91cb753ec8734c84fcbe52c9f', 2, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (1, 'README.md', '4d38af25baf482c2f5aff9f09b9f3f1b5854eb8d', 50, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (1, 'one.bin', '9a56c3e4a81423dcf074d280bfc9193e9a8d26c7', 2560, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 129);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (1, 'pr3.txt', '8e99c586f885317dc2ec91cc4670c552200ac698', 9, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (1, 'three.bin', '08d372e1d203e2c90c056970f0856a0625fb20ff', 2560, X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 129);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (1, 'two.bin', 'e409582509b1741b87d7262f512a1eb94218a771', 2560, X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 129);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (2, '.gitattributes', 'c1ccb78a8f76e4f1f6b04013d8d4f1fbf6475323', 1562, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (2, '0.txt', '573541ac9702dd3969c9bc859d2b91ec1f7e6e56', 2, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (2, '1.txt', 'd00491fd7e5bb6fa28c517a0bb32b8b506539d4d', 2, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (2, '2.txt', '0cfbf08886fca9a91cb753ec8734c84fcbe52c9f', 2, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (2, 'README.md', '4d38af25baf482c2f5aff9f09b9f3f1b5854eb8d', 50, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (2, 'one.bin', '9a56c3e4a81423dcf074d280bfc9193e9a8d26c7', 2560, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 129);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (2, 'three.bin', '08d372e1d203e2c90c056970f0856a0625fb20ff', 2560, X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 129);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (2, 'two.bin', 'e409582509b1741b87d7262f512a1eb94218a771', 2560, X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 129);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (3, '.gitattributes', '9a1b38b83430112eede108d0ebeaddbdc64f7ebb', 2408, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (3, '0.txt', '573541ac9702dd3969c9bc859d2b91ec1f7e6e56', 2, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (3, '1.txt', 'd00491fd7e5bb6fa28c517a0bb32b8b506539d4d', 2, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (3, '2.txt', '0cfbf08886fca9a91cb753ec8734c84fcbe52c9f', 2, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (3, 'README.md', '4d38af25baf482c2f5aff9f09b9f3f1b5854eb8d', 50, NULL, NULL);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (3, 'one.bin', '9a56c3e4a81423dcf074d280bfc9193e9a8d26c7', 2560, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 129);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (3, 'three.bin', '08d372e1d203e2c90c056970f0856a0625fb20ff', 2560, X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 129);
INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (3, 'two.bin', 'e409582509b1741b87d7262f512a1eb94218a771', 2560, X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 129);
CREATE TABLE tag (
    id             INTEGER PRIMARY KEY,
    kind           TEXT    NOT NULL,                       -- of repository
    name           TEXT    NOT NULL,
    repos_count    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, name)
);
INSERT INTO tag (id, kind, name, repos_count) VALUES (1, 'model', 'region:us', 2);
INSERT INTO tag (id, kind, name, repos_count) VALUES (2, 'model', 'pytorch', 2);
INSERT INTO tag (id, kind, name, repos_count) VALUES (4, 'model', 'license:mit', 2);
INSERT INTO tag (id, kind, name, repos_count) VALUES (6, 'model', 'age2', 2);
INSERT INTO tag (id, kind, name, repos_count) VALUES (7, 'dataset', 'region:us', 1);
INSERT INTO tag (id, kind, name, repos_count) VALUES (8, 'dataset', 'license:mit', 1);
INSERT INTO tag (id, kind, name, repos_count) VALUES (9, 'dataset', 'format:text', 1);
INSERT INTO tag (id, kind, name, repos_count) VALUES (10, 'dataset', 'modality:text', 1);
INSERT INTO tag (id, kind, name, repos_count) VALUES (11, 'dataset', 'library:datasets', 1);
INSERT INTO tag (id, kind, name, repos_count) VALUES (14, 'dataset', 'age2', 1);
CREATE TABLE repo_tag (
    tag_id         INTEGER NOT NULL REFERENCES tag (id),
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    PRIMARY KEY (tag_id, repo_id)
) WITHOUT ROWID;
INSERT INTO repo_tag (tag_id, repo_id) VALUES (1, 1);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (2, 1);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (4, 1);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (6, 1);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (1, 2);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (2, 2);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (4, 2);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (6, 2);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (7, 3);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (8, 3);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (9, 3);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (10, 3);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (11, 3);
INSERT INTO repo_tag (tag_id, repo_id) VALUES (14, 3);
CREATE VIRTUAL TABLE repo_search USING fts5 (full_name, content = '', tokenize = 'trigram');
DELETE FROM repo_search_data;
INSERT INTO repo_search_data (id, block) VALUES (1, X'031B');
INSERT INTO repo_search_data (id, block) VALUES (10, X'000000000104040004010101020101030101040101');
INSERT INTO repo_search_data (id, block) VALUES (137438953473, X'0000003C04302F6D200102070103616C69010202010363652F0102050103652F6D010206010369636501020401036C696301020301036D202001020804080808080808');
INSERT INTO repo_search_data (id, block) VALUES (274877906945, X'0000005904302F7365020206010361636D0202020103636D65020203020272650202090103652F73020205020263720202080202742002020B01036D652F020204010372657402020A0103736563020207010374202002020C0408080807080707080808');
INSERT INTO repo_search_data (id, block) VALUES (412316860417, X'0000002B04302F64200302050103622F6403020402026F62030202010364202003020601036F622F0302030408080708');
INSERT INTO repo_search_data (id, block) VALUES (549755813889, X'0000005504302F6420030102026D6F0302050103622F64030103016D03020402026F62030302010364202003030A010365642003020901036D6F7603020601036F622F0303030202766503020701037665640302080407070706070808080807');
DELETE FROM repo_search_idx;
INSERT INTO repo_search_idx (segid, term, pgno) VALUES (1, X'', 2);
INSERT INTO repo_search_idx (segid, term, pgno) VALUES (2, X'', 2);
INSERT INTO repo_search_idx (segid, term, pgno) VALUES (3, X'', 2);
INSERT INTO repo_search_idx (segid, term, pgno) VALUES (4, X'', 2);
DELETE FROM repo_search_docsize;
INSERT INTO repo_search_docsize (id, sz) VALUES (1, X'07');
INSERT INTO repo_search_docsize (id, sz) VALUES (2, X'0B');
INSERT INTO repo_search_docsize (id, sz) VALUES (3, X'09');
DELETE FROM repo_search_config;
INSERT INTO repo_search_config (k, v) VALUES ('version', 4);
CREATE TABLE job (
    id             INTEGER PRIMARY KEY,
    kind           TEXT    NOT NULL,
    payload        TEXT    NOT NULL DEFAULT '{}',          -- JSON, for the function of that kind
    unique_key     TEXT,                                   -- at most one waiting job of a kind and key
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'failed')),
    run_after_ms   INTEGER NOT NULL,
    lease_ms       INTEGER NOT NULL DEFAULT 0,             -- running: until when it is believed to be alive
    attempts       INTEGER NOT NULL DEFAULT 0,
    last_error     TEXT    NOT NULL DEFAULT '',
    created_ms     INTEGER NOT NULL
);
CREATE TABLE job_periodic (
    kind           TEXT    PRIMARY KEY,
    last_ms        INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO job_periodic (kind, last_ms) VALUES ('counts', 1795406322796);
INSERT INTO job_periodic (kind, last_ms) VALUES ('gc', 1795406322798);
CREATE VIRTUAL TABLE repo_search_piece USING fts5vocab (repo_search, 'row');
CREATE TABLE collection (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    owner_id       INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    title          TEXT    NOT NULL,
    description    TEXT    NOT NULL DEFAULT '',
    theme          TEXT    NOT NULL CHECK (theme IN ('orange', 'blue', 'green', 'purple', 'pink', 'indigo')),
    is_private     INTEGER NOT NULL DEFAULT 0 CHECK (is_private IN (0, 1)),
    position       INTEGER NOT NULL,                       -- among the owner's, from 0
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,                       -- of itself or of what is in it
    UNIQUE (owner_id, title)
);
INSERT INTO collection (id, hex_id, owner_id, title, description, theme, is_private, position, created_ms, updated_ms) VALUES (1, '1dfc3b1063ab35dfb779ab6f', 2, 'Kept', '', 'purple', 0, 0, 1795406323855, 1795406323855);
CREATE TABLE collection_item (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    collection_id  INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
    repo_id        INTEGER REFERENCES repo (id) ON DELETE CASCADE,
    member_id      INTEGER REFERENCES collection (id) ON DELETE CASCADE,
    position       INTEGER NOT NULL,
    note           TEXT    NOT NULL DEFAULT '',
    created_ms     INTEGER NOT NULL,
    CHECK ((repo_id IS NULL) <> (member_id IS NULL)),
    CHECK (member_id <> collection_id),
    UNIQUE (collection_id, repo_id),
    UNIQUE (collection_id, member_id)
);
INSERT INTO collection_item (id, hex_id, collection_id, repo_id, member_id, position, note, created_ms) VALUES (1, '200e1d78f73210ea637a3841', 1, 1, NULL, 0, '', 1795406323855);
CREATE TABLE space_setting (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    is_secret      INTEGER NOT NULL CHECK (is_secret IN (0, 1)),
    value          TEXT,                                   -- of a variable
    sealed         BLOB,                                   -- of a secret
    description    TEXT    NOT NULL DEFAULT '',
    updated_ms     INTEGER NOT NULL,
    PRIMARY KEY (repo_id, name),
    CHECK ((is_secret = 1) = (value IS NULL) AND (is_secret = 1) = (sealed IS NOT NULL))
) WITHOUT ROWID;
CREATE INDEX account_token_by_account ON account_token (account_id);
CREATE INDEX account_member_by_user ON account_member (user_id);
CREATE INDEX audit_by_account ON audit (account_id, id);
CREATE INDEX repo_by_owner ON repo (owner_id, kind);
CREATE INDEX repo_like_by_user ON repo_like (user_id, created_ms);
CREATE INDEX repo_large_file_by_sha256 ON repo_large_file (sha256);
CREATE INDEX discussion_event_by_discussion ON discussion_event (discussion_id, id);
CREATE INDEX repo_tag_by_repo ON repo_tag (repo_id);
CREATE INDEX job_by_time ON job (state, run_after_ms);
CREATE UNIQUE INDEX job_unique ON job (kind, unique_key) WHERE state = 'waiting' AND unique_key IS NOT NULL;
CREATE TRIGGER repo_index_follows_repo AFTER UPDATE OF owner_id, is_private, gated ON repo
BEGIN
    UPDATE repo_index SET owner_id = NEW.owner_id, is_private = NEW.is_private, is_gated = NEW.gated <> ''
    WHERE repo_id = NEW.id;
END;
CREATE INDEX repo_index_by_trending   ON repo_index (kind, trending DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_downloads  ON repo_index (kind, downloads DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_likes      ON repo_index (kind, likes DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_modified   ON repo_index (kind, modified_ms DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_created    ON repo_index (kind, created_ms DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_parameters ON repo_index (kind, parameters DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_name       ON repo_index (kind, full_name COLLATE NOCASE DESC, repo_id DESC, is_private, owner_id, is_gated);
CREATE INDEX repo_index_by_owner      ON repo_index (owner_id, kind);
CREATE INDEX repo_index_narrow        ON repo_index (repo_id, kind, is_private, owner_id, is_gated, trending, downloads,
                                                     likes, modified_ms, created_ms, parameters);
CREATE INDEX tag_by_count             ON tag (kind, repos_count DESC);
CREATE INDEX collection_by_updated ON collection (updated_ms DESC, id DESC);
CREATE INDEX collection_item_by_position ON collection_item (collection_id, position);
CREATE INDEX collection_item_by_repo ON collection_item (repo_id) WHERE repo_id IS NOT NULL;
CREATE INDEX collection_item_by_member ON collection_item (member_id) WHERE member_id IS NOT NULL;
