CREATE TABLE schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_ms INTEGER NOT NULL);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (1, '0001_core.sql', 'aa1864ec8d76bcc549a9cc86abcc375ba77ec2ea2ac2fe18c7218be62c5d4417', 1795406326218);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (2, '0002_job.sql', 'cbf6fa4bef930be2aace8abad1a5bddb7ef43ec8a1f437bb8cbf2640f53de01c', 1795406326219);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (3, '0003_listing.sql', '3534953fdb844f7a5b859ffabde8b138487a74c5a5281388dc1cf596ef74c944', 1795406326220);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (4, '0004_collection.sql', '75f91d3e0eafa718f268abe15bc3d7f9971d54133bba195d5e24813fecd70969', 1795406326220);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (5, '0005_xet.sql', '7071add9966855fca3dc7bd054b40304d4f8054d442833228a81a49437a26707', 1795406326221);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (6, '0006_tag_block.sql', 'ed37a7f61aad1e8d2b91af55aaeb4fc0ed7c896cfb04053d3a55e8c0379265b4', 1795406326221);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (7, '0007_inference.sql', 'fd1b7161fc802621d9ede1726bd33d27a07a8ff3bc7982ca17dac0332e546bea', 1795406326221);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (8, '0008_session.sql', 'c5ce54f8128c330018a57ad08f6b9670fbc9c9c2a99079cc929cc7f84d5ff2ca', 1795406326221);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (9, '0009_inference_pin.sql', '4002c7c16b34ba66fff08f1f0bc0836bbd044c9fe0114504f26d9b3a32339006', 1795406326221);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (10, '0010_community.sql', '8717dc5e924fa81f6255fc139ca16bbe0a1ec944c6a692edc40396ec718950ac', 1795406326223);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (11, '0011_oauth.sql', '4ce445be2758df7a46e71dbcab95b3484ad13e2ff2bacd152c77e8479644a5f2', 1795406326224);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (12, '0012_site.sql', '4a178308b35d49d497a27a00278fe42f01252b3715ec2e980787c262ce4186ea', 1795406326224);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (30, '0030_accounts.sql', '3d25503ff22167cf6aa5c2e750f027f4a7037d568fe5681501b7e795d4e1e310', 1795406326225);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (40, '0040_page_speed.sql', '7531f1df06f743ebeb158c857516fe2931e5f639707a5e5e0dbcb8860fd8e2d7', 1795406326225);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (42, '0042_short_words.sql', 'bef3e1568f52637c4a6314a92b960ded057991fa0fc9d6e39bb123fbfbdb28dc', 1795406326225);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (43, '0043_edges.sql', '006dc7da863f5720ddfe7ac203145ee1a7044079eae7d18baf323f369035c9af', 1795406326225);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (44, '0044_bucket.sql', 'da006fa3f6ea807e6cb7f53773ecf831bf4d97bcdbc6622c4fda6383761b7f81', 1795406326225);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (47, '0047_collection_bucket.sql', '1a5420aa48e7dde2a9f9802099c75514f428c345430434260474a807a15a0658', 1795406326228);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (48, '0048_happening_by_time.sql', 'c1227a3da26a94c9410528166b695b5493121530892d3baea68f2827c925dd52', 1795406326228);
INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (49, '0049_numbers.sql', 'e8f6bdaf71160cc77fbf29034b8eec9a112fcbcac5c5f2c308ac11bcaab4e100', 1795406326233);
CREATE TABLE account_password (
    account_id     INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    hash           TEXT    NOT NULL                        -- Argon2id, as libsodium writes it
);
INSERT INTO account_password (account_id, hash) VALUES (2, '$argon2id$v=19$m=65536,t=2,p=1$D720Dl97FGA2pQ2k4xCHXw$ALYH3Peo2AGIo3uN7KB+YiW8lhqEhbUsYOuDlxS3UvY');
INSERT INTO account_password (account_id, hash) VALUES (3, '$argon2id$v=19$m=65536,t=2,p=1$LCdK/sWoAfJyf8/tvWyFoA$dtjony9vEkXgWx+U1Wu25yB1VrXxbYcXB2wLAnh4MnA');
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
INSERT INTO signing_key (purpose, secret, created_ms) VALUES ('links', X'A40A3572CA96D6A4D033A11690EBBC52BA62D6AEC4D9E5D18FDD7F30C56F0EC4', 1795406326278);
INSERT INTO signing_key (purpose, secret, created_ms) VALUES ('xet', X'DE6F7CA638DD3C78F5298C2ACF3F87028271AC1760C0EC1B17950FF98DB02E98', 1795406326283);
CREATE TABLE audit (
    id             INTEGER PRIMARY KEY,
    at_ms          INTEGER NOT NULL,
    actor_id       INTEGER,                                -- NULL: the command line
    type           TEXT    NOT NULL,                       -- 'repo.create', 'org.add_user', ...
    account_id     INTEGER,                                -- whose log shows it
    message        TEXT    NOT NULL,
    ip             TEXT
);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (1, 1795406326242, NULL, 'user.create', 1, 'nobody', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (2, 1795406326467, NULL, 'user.create', 2, 'alice', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (3, 1795406326486, NULL, 'token.create', 2, '2dc027efcc5f0f5272aede69', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (4, 1795406326662, NULL, 'user.create', 3, 'bob', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (5, 1795406326704, NULL, 'token.create', 3, '9afe2e4c175cd83e06c96a4e', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (6, 1795406326739, NULL, 'org.create', 4, 'acme', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (7, 1795406326773, NULL, 'org.add_user', 4, 'bob is write in acme', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (8, 1795406326863, 2, 'repo.create', 2, 'created model alice/m', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (9, 1795406327130, 2, 'repo.create', 4, 'created model acme/secret', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (10, 1795406327319, 3, 'repo.create', 3, 'created dataset bob/d', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (11, 1795406327635, 2, 'repo.update_settings', 2, 'changed the settings of model alice/m', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (12, 1795406327645, 2, 'collection.create', 2, 'created the collection alice/kept-006220deecb22dfa53f54a40', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (13, 1795406327651, 3, 'repo.move', 3, 'moved dataset bob/d to bob/moved', NULL);
INSERT INTO audit (id, at_ms, actor_id, type, account_id, message, ip) VALUES (14, 1795406327672, 2, 'bucket.create', 2, 'created bucket alice/logs', NULL);
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
INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, creator_id, is_private, is_disabled, gated, gates_members, discussions_disabled, settings, sdk, created_ms, discussions_count) VALUES (1, 'e6051048086c096396597b5c', 'model', 2, 'm', 'm', 2, 0, 0, 'manual', 0, 0, '{}', '', 1795406326863, 3);
INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, creator_id, is_private, is_disabled, gated, gates_members, discussions_disabled, settings, sdk, created_ms, discussions_count) VALUES (2, 'e7c99b5c56e09fa496432d49', 'model', 4, 'secret', 'secret', 2, 1, 0, '', 0, 0, '{}', '', 1795406327130, 0);
INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, creator_id, is_private, is_disabled, gated, gates_members, discussions_disabled, settings, sdk, created_ms, discussions_count) VALUES (3, '1e3205e0f8492b1e312e0551', 'dataset', 3, 'moved', 'moved', 3, 0, 0, '', 0, 0, '{}', '', 1795406327318, 0);
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
INSERT INTO repo_access_request (repo_id, user_id, status, fields, reason, granted_by, created_ms, reviewed_ms) VALUES (1, 3, 'pending', '{}', NULL, NULL, 1795406327643, NULL);
CREATE TABLE repo_like (
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (repo_id, user_id)
) WITHOUT ROWID;
INSERT INTO repo_like (repo_id, user_id, created_ms) VALUES (1, 3, 1795406327631);
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
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (1, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 2, 1795406326906);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (1, X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 2560, 2, 1795406326982);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (1, X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 2560, 2, 1795406327051);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (2, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 2, 1795406327145);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (2, X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 2560, 2, 1795406327181);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (2, X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 2560, 2, 1795406327222);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (3, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 3, 1795406327353);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (3, X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 2560, 3, 1795406327393);
INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms) VALUES (3, X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 2560, 3, 1795406327450);
CREATE TABLE repo_lock (                                   -- git-lfs file locks
    id             INTEGER PRIMARY KEY,
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    path           TEXT    NOT NULL,
    ref            TEXT    NOT NULL DEFAULT '',
    owner_id       INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    locked_ms      INTEGER NOT NULL,
    UNIQUE (repo_id, path)
);
INSERT INTO repo_lock (id, repo_id, path, ref, owner_id, locked_ms) VALUES (1, 1, 'one.bin', '', 2, 1795406327650);
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
    created_ms     INTEGER NOT NULL, is_locked INTEGER NOT NULL DEFAULT 0 CHECK (is_locked IN (0, 1)),
    UNIQUE (repo_id, num)
);
INSERT INTO discussion (id, hex_id, repo_id, num, title, status, is_pull_request, is_pinned, author_id, base_ref, merge_commit, created_ms, is_locked) VALUES (1, 'bd5901c5e80a9ab409a1dc6e', 1, 1, 'A question', 'open', 0, 0, 3, '', NULL, 1795406327532, 0);
INSERT INTO discussion (id, hex_id, repo_id, num, title, status, is_pull_request, is_pinned, author_id, base_ref, merge_commit, created_ms, is_locked) VALUES (2, '4eff6b2a0ddf32673b751ed6', 1, 2, 'Proposal 2', 'open', 1, 0, 3, 'refs/heads/main', NULL, 1795406327543, 0);
INSERT INTO discussion (id, hex_id, repo_id, num, title, status, is_pull_request, is_pinned, author_id, base_ref, merge_commit, created_ms, is_locked) VALUES (3, '7d02b351446b48c40a47f9cf', 1, 3, 'Proposal 3', 'merged', 1, 0, 2, 'refs/heads/main', 'b37b21831e299a35a32890332504b6023c562e62', 1795406327582, 0);
CREATE TABLE discussion_event (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    discussion_id  INTEGER NOT NULL REFERENCES discussion (id) ON DELETE CASCADE,
    type           TEXT    NOT NULL,                       -- 'comment', 'status-change', 'commit', 'title-change', ...
    author_id      INTEGER REFERENCES account (id) ON DELETE SET NULL,
    created_ms     INTEGER NOT NULL,
    data           TEXT    NOT NULL                        -- JSON, as the wire shows it
);
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (1, 'a3efa5eed6845145418a17af', 1, 'comment', 3, 1795406327532, '{"edited":false,"hidden":false,"latest":{"raw":"Why?","updatedAt":"2026-11-23T03:58:47.532Z","author":{"name":"bob","type":"user"}},"numEdits":0,"history":[],"editors":["bob"],"editorAvatarUrls":[],"reactions":[]}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (2, 'cc4c2010526c20df8c5a66b9', 1, 'comment', 2, 1795406327533, '{"edited":false,"hidden":false,"latest":{"raw":"Because.","updatedAt":"2026-11-23T03:58:47.533Z","author":{"name":"alice","type":"user"}},"numEdits":0,"history":[],"editors":["alice"],"editorAvatarUrls":[],"reactions":[]}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (3, 'fceb56a77ee537e93cdea579', 2, 'comment', 3, 1795406327543, '{"edited":false,"hidden":false,"latest":{"raw":"","updatedAt":"2026-11-23T03:58:47.543Z","author":{"name":"bob","type":"user"}},"numEdits":0,"history":[],"editors":["bob"],"editorAvatarUrls":[],"reactions":[]}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (4, 'e6954b465df5ce44fbf4b44b', 2, 'commit', 3, 1795406327549, '{"subject":"Proposal 2","oid":"c60d3cb217838398743d8e5f5856d0d2fa42e7b2"}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (5, '0b7283b2c7c67d33f96d8d3a', 3, 'comment', 2, 1795406327582, '{"edited":false,"hidden":false,"latest":{"raw":"","updatedAt":"2026-11-23T03:58:47.582Z","author":{"name":"alice","type":"user"}},"numEdits":0,"history":[],"editors":["alice"],"editorAvatarUrls":[],"reactions":[]}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (6, '9c61cf5c9158871fd43b02b6', 3, 'commit', 2, 1795406327591, '{"subject":"Proposal 3","oid":"b37b21831e299a35a32890332504b6023c562e62"}');
INSERT INTO discussion_event (id, hex_id, discussion_id, type, author_id, created_ms, data) VALUES (7, '71c14f5e7a32167677488296', 3, 'status-change', 2, 1795406327622, '{"status":"merged"}');
CREATE TABLE cas_object (
    sha256         BLOB    PRIMARY KEY,
    size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_ms     INTEGER NOT NULL,
    touched_ms     INTEGER NOT NULL                        -- last upload or batch that named it: grace for collection
, xet_hash BLOB) WITHOUT ROWID;
INSERT INTO cas_object (sha256, size_bytes, created_ms, touched_ms, xet_hash) VALUES (X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 1795406326903, 1795406327674, X'8AE61BB3C0E1D3CA8E7EDF7BE1554FCF69BF2FEF2EB39EAC07B3545FB2895326');
INSERT INTO cas_object (sha256, size_bytes, created_ms, touched_ms, xet_hash) VALUES (X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 2560, 1795406326974, 1795406327393, X'75B8A128F16A63A93E5D95C5110E3DAE3EE6A202B95718A1A93C8181F439A406');
INSERT INTO cas_object (sha256, size_bytes, created_ms, touched_ms, xet_hash) VALUES (X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 2560, 1795406327045, 1795406327450, X'40066B68CED50FEA19653ABA0D78E45F4B6C5D2CE361BF716CDD96C8E0CA97ED');
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
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/heads/dev', 'c19cf845d1bba3b6e9aca70b487e166e1e3697e7', 'c19cf845d1bba3b6e9aca70b487e166e1e3697e7');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/heads/main', 'b37b21831e299a35a32890332504b6023c562e62', 'b37b21831e299a35a32890332504b6023c562e62');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/pr/2', 'c60d3cb217838398743d8e5f5856d0d2fa42e7b2', 'c60d3cb217838398743d8e5f5856d0d2fa42e7b2');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/pr/3', 'b37b21831e299a35a32890332504b6023c562e62', 'b37b21831e299a35a32890332504b6023c562e62');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (1, 'refs/tags/v1', '2149ebbac0167c4d148574be86c5725fbb980da0', 'c19cf845d1bba3b6e9aca70b487e166e1e3697e7');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (2, 'refs/heads/main', 'eb836ad0781a7f9b03cc16f5d32698d6273325c5', 'eb836ad0781a7f9b03cc16f5d32698d6273325c5');
INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (3, 'refs/heads/main', '936d1d9e31b2ad3607bc58789e8bd6635b62010a', '936d1d9e31b2ad3607bc58789e8bd6635b62010a');
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
INSERT INTO repo_index (repo_id, kind, full_name, head_sha, modified_ms, created_ms, downloads, downloads_all, likes, trending, parameters, used_bytes, files_count, pipeline_tag, library_name, tags, card, config, safetensors, gguf, extra, owner_id, is_private, is_gated) VALUES (1, 'model', 'alice/m', 'b37b21831e299a35a32890332504b6023c562e62', 1795406327000, 1795406326863, 0, 0, 1, 20.0, 0, 9307, 9, '', '', '["pytorch","age2","license:mit","region:us"]', '{"license":"mit","tags":["age2"]}', NULL, NULL, NULL, '{}', 2, 0, 1);
INSERT INTO repo_index (repo_id, kind, full_name, head_sha, modified_ms, created_ms, downloads, downloads_all, likes, trending, parameters, used_bytes, files_count, pipeline_tag, library_name, tags, card, config, safetensors, gguf, extra, owner_id, is_private, is_gated) VALUES (2, 'model', 'acme/secret', 'eb836ad0781a7f9b03cc16f5d32698d6273325c5', 1795406327000, 1795406327130, 0, 0, 0, 0.0, 0, 9298, 8, '', '', '["pytorch","age2","license:mit","region:us"]', '{"license":"mit","tags":["age2"]}', NULL, NULL, NULL, '{}', 4, 1, 0);
INSERT INTO repo_index (repo_id, kind, full_name, head_sha, modified_ms, created_ms, downloads, downloads_all, likes, trending, parameters, used_bytes, files_count, pipeline_tag, library_name, tags, card, config, safetensors, gguf, extra, owner_id, is_private, is_gated) VALUES (3, 'dataset', 'bob/moved', '936d1d9e31b2ad3607bc58789e8bd6635b62010a', 1795406327000, 1795406327318, 0, 0, 0, 0.0, 0, 10144, 8, '', '', '["license:mit","format:text","modality:text","library:datasets","region:us","age2"]', '{"license":"mit","tags":["age2"]}', NULL, NULL, NULL, '{}', 3, 0, 0);
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
INSERT INTO job_periodic (kind, last_ms) VALUES ('counts', 1795406326290);
INSERT INTO job_periodic (kind, last_ms) VALUES ('forget', 1795406326286);
INSERT INTO job_periodic (kind, last_ms) VALUES ('gc', 1795406326291);
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
INSERT INTO collection (id, hex_id, owner_id, title, description, theme, is_private, position, created_ms, updated_ms) VALUES (1, '006220deecb22dfa53f54a40', 2, 'Kept', '', 'purple', 0, 0, 1795406327644, 1795406327645);
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
CREATE TABLE cas_xorb (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,      -- never used twice: stale rows of cas_dedup may name it
    hash           BLOB    NOT NULL UNIQUE,
    chunks_count   INTEGER NOT NULL,
    raw_bytes      INTEGER NOT NULL,
    stored_bytes   INTEGER NOT NULL,                       -- frames, without the footer
    created_ms     INTEGER NOT NULL,
    touched_ms     INTEGER NOT NULL                        -- uploaded again, or advertised to a client: grace for collection
);
INSERT INTO cas_xorb (id, hash, chunks_count, raw_bytes, stored_bytes, created_ms, touched_ms) VALUES (1, X'D2012255C4915FAB2F590B2C54FB5CEA88A190F959A8F599E63E67A8AABB1817', 1, 2560, 121, 1795406326902, 1795406326902);
INSERT INTO cas_xorb (id, hash, chunks_count, raw_bytes, stored_bytes, created_ms, touched_ms) VALUES (2, X'856DFF33E2505C20BBDF1B813ADC423DB1F028286F87F1C50CBD25FBE94CFBCA', 1, 2560, 121, 1795406326974, 1795406326974);
INSERT INTO cas_xorb (id, hash, chunks_count, raw_bytes, stored_bytes, created_ms, touched_ms) VALUES (3, X'F479071B7F9AC80D82D08E75A648A90A2FDFD5D854C8EB4199590FF3802EFC29', 1, 2560, 119, 1795406327045, 1795406327045);
CREATE TABLE cas_xorb_owner (
    xorb_id        INTEGER NOT NULL REFERENCES cas_xorb (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (xorb_id, user_id)
) WITHOUT ROWID;
CREATE TABLE cas_file (
    id             INTEGER PRIMARY KEY,
    hash           BLOB    NOT NULL UNIQUE,
    sha256         BLOB    NOT NULL REFERENCES cas_object (sha256) ON DELETE CASCADE,
    size_bytes     INTEGER NOT NULL,
    created_ms     INTEGER NOT NULL,
    terms          BLOB    NOT NULL                        -- docs/formats/cas.md
);
INSERT INTO cas_file (id, hash, sha256, size_bytes, created_ms, terms) VALUES (1, X'8AE61BB3C0E1D3CA8E7EDF7BE1554FCF69BF2FEF2EB39EAC07B3545FB2895326', X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 1795406326903, X'D2012255C4915FAB2F590B2C54FB5CEA88A190F959A8F599E63E67A8AABB18170000000001000000000A00000000000079000000');
INSERT INTO cas_file (id, hash, sha256, size_bytes, created_ms, terms) VALUES (2, X'75B8A128F16A63A93E5D95C5110E3DAE3EE6A202B95718A1A93C8181F439A406', X'D7383ABEF762F9E40202C6E69FCA06F4086ED3CC205CE67484E7B08A8253F360', 2560, 1795406326975, X'856DFF33E2505C20BBDF1B813ADC423DB1F028286F87F1C50CBD25FBE94CFBCA0000000001000000000A00000000000079000000');
INSERT INTO cas_file (id, hash, sha256, size_bytes, created_ms, terms) VALUES (3, X'40066B68CED50FEA19653ABA0D78E45F4B6C5D2CE361BF716CDD96C8E0CA97ED', X'EB524DB8269A932B516855D0C37C8AC2E4B43344AC910193381A71C7C642636A', 2560, 1795406327045, X'F479071B7F9AC80D82D08E75A648A90A2FDFD5D854C8EB4199590FF3802EFC290000000001000000000A00000000000077000000');
CREATE TABLE cas_file_xorb (
    file_id        INTEGER NOT NULL REFERENCES cas_file (id) ON DELETE CASCADE,
    xorb_id        INTEGER NOT NULL REFERENCES cas_xorb (id),
    PRIMARY KEY (file_id, xorb_id)
) WITHOUT ROWID;
INSERT INTO cas_file_xorb (file_id, xorb_id) VALUES (1, 1);
INSERT INTO cas_file_xorb (file_id, xorb_id) VALUES (2, 2);
INSERT INTO cas_file_xorb (file_id, xorb_id) VALUES (3, 3);
CREATE TABLE cas_dedup (
    key            INTEGER NOT NULL,
    xorb_id        INTEGER NOT NULL,
    chunk          INTEGER NOT NULL,
    PRIMARY KEY (key, xorb_id, chunk)
) WITHOUT ROWID;
INSERT INTO cas_dedup (key, xorb_id, chunk) VALUES (-6097995098008452654, 1, 0);
INSERT INTO cas_dedup (key, xorb_id, chunk) VALUES (993213588540193268, 3, 0);
INSERT INTO cas_dedup (key, xorb_id, chunk) VALUES (2331827639536283013, 2, 0);
CREATE TABLE cas_dedup_key (
    id             INTEGER PRIMARY KEY,
    key            BLOB    NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL
);
CREATE TABLE tag_block (
    id      INTEGER PRIMARY KEY,  -- tag_id * 65536 + repo_id / 32768
    numbers BLOB    NOT NULL      -- repo_id % 32768 of those that have the tag, at least one: ascending as 16-bit
                                  -- little-endian numbers, or, where that is not shorter, as a bitmap of 4096 bytes
);
INSERT INTO tag_block (id, numbers) VALUES (65536, X'01000200');
INSERT INTO tag_block (id, numbers) VALUES (131072, X'01000200');
INSERT INTO tag_block (id, numbers) VALUES (262144, X'01000200');
INSERT INTO tag_block (id, numbers) VALUES (393216, X'01000200');
INSERT INTO tag_block (id, numbers) VALUES (458752, X'0300');
INSERT INTO tag_block (id, numbers) VALUES (524288, X'0300');
INSERT INTO tag_block (id, numbers) VALUES (589824, X'0300');
INSERT INTO tag_block (id, numbers) VALUES (655360, X'0300');
INSERT INTO tag_block (id, numbers) VALUES (720896, X'0300');
INSERT INTO tag_block (id, numbers) VALUES (917504, X'0300');
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
INSERT INTO price_card (id, name, version, model, parameters_max, input, cached_input, output, second, created_ms) VALUES (1, '1b', 1, NULL, 1500000000, 30000000, 15000000, 200000000, 0, 0);
INSERT INTO price_card (id, name, version, model, parameters_max, input, cached_input, output, second, created_ms) VALUES (2, '3b', 1, NULL, 4500000000, 50000000, 25000000, 340000000, 0, 0);
INSERT INTO price_card (id, name, version, model, parameters_max, input, cached_input, output, second, created_ms) VALUES (3, '7b', 1, NULL, 10000000000, 500000000, 250000000, 5000000000, 0, 0);
INSERT INTO price_card (id, name, version, model, parameters_max, input, cached_input, output, second, created_ms) VALUES (4, 'large', 1, NULL, NULL, 1000000000, 500000000, 10000000000, 0, 0);
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
CREATE TABLE inference_budget (
    account_id      INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    free_per_day    INTEGER,
    budget_per_month INTEGER            -- beyond the allowance; -1: no bound
);
CREATE TABLE account_session (
    id             INTEGER PRIMARY KEY,
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of the cookie's secret; the secret is never stored
    browser        TEXT    NOT NULL DEFAULT '',            -- the User-Agent, for the list in the settings
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL                        -- moves on while the browser comes back
);
CREATE TABLE inference_pin (
    repo_id        INTEGER PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
    created_ms     INTEGER NOT NULL
);
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
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (1, 1795406326863, 'repo.create', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (2, 1795406326879, 'repo.content', NULL, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":null,"newSha":"0eb817ef4b0254f720bb3f5c117b527cec0931c7"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (3, 1795406326947, 'repo.content', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"0eb817ef4b0254f720bb3f5c117b527cec0931c7","newSha":"975c1641d6f8f3455e6c37708072b0c405778e6c"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (4, 1795406327027, 'repo.content', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"975c1641d6f8f3455e6c37708072b0c405778e6c","newSha":"d3a27fb356b9a2d4d027c9650012e56dbc426d2f"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (5, 1795406327079, 'repo.content', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"d3a27fb356b9a2d4d027c9650012e56dbc426d2f","newSha":"c19cf845d1bba3b6e9aca70b487e166e1e3697e7"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (6, 1795406327130, 'repo.create', 2, 2, 4, 'e7c99b5c56e09fa496432d49', 'model', 'acme/secret', 1, NULL, '', '{}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (7, 1795406327137, 'repo.content', NULL, 2, 4, 'e7c99b5c56e09fa496432d49', 'model', 'acme/secret', 1, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":null,"newSha":"94fd7007388b86f9493181a051446b9c0f2b5b2a"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (8, 1795406327171, 'repo.content', 2, 2, 4, 'e7c99b5c56e09fa496432d49', 'model', 'acme/secret', 1, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"94fd7007388b86f9493181a051446b9c0f2b5b2a","newSha":"46169f0d5948abed7d0445040ee9f9d0d8d8d433"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (9, 1795406327214, 'repo.content', 2, 2, 4, 'e7c99b5c56e09fa496432d49', 'model', 'acme/secret', 1, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"46169f0d5948abed7d0445040ee9f9d0d8d8d433","newSha":"c70b366ce73d9a5c3b02592a60aaf04782e331e9"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (10, 1795406327247, 'repo.content', 2, 2, 4, 'e7c99b5c56e09fa496432d49', 'model', 'acme/secret', 1, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"c70b366ce73d9a5c3b02592a60aaf04782e331e9","newSha":"eb836ad0781a7f9b03cc16f5d32698d6273325c5"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (11, 1795406327319, 'repo.create', 3, 3, 3, '1e3205e0f8492b1e312e0551', 'dataset', 'bob/d', 0, NULL, '', '{}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (12, 1795406327343, 'repo.content', NULL, 3, 3, '1e3205e0f8492b1e312e0551', 'dataset', 'bob/d', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":null,"newSha":"bfc3020b0b83545fe9bc9dd5af60aac3fd461244"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (13, 1795406327383, 'repo.content', 3, 3, 3, '1e3205e0f8492b1e312e0551', 'dataset', 'bob/d', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"bfc3020b0b83545fe9bc9dd5af60aac3fd461244","newSha":"f463464e42557b5a88d9dba2cb4ff4eef0c72792"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (14, 1795406327438, 'repo.content', 3, 3, 3, '1e3205e0f8492b1e312e0551', 'dataset', 'bob/d', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"f463464e42557b5a88d9dba2cb4ff4eef0c72792","newSha":"bc24d251af715a736678782503ca956d77271e59"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (15, 1795406327492, 'repo.content', 3, 3, 3, '1e3205e0f8492b1e312e0551', 'dataset', 'bob/d', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"bc24d251af715a736678782503ca956d77271e59","newSha":"936d1d9e31b2ad3607bc58789e8bd6635b62010a"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (16, 1795406327501, 'repo.content', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/dev","oldSha":null,"newSha":"c19cf845d1bba3b6e9aca70b487e166e1e3697e7"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (17, 1795406327525, 'repo.content', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/tags/v1","oldSha":null,"newSha":"c19cf845d1bba3b6e9aca70b487e166e1e3697e7"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (18, 1795406327532, 'discussion.create', 3, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, 1, 'a3efa5eed6845145418a17af', '{"discussion":{"id":"bd5901c5e80a9ab409a1dc6e","title":"A question","status":"open","num":1,"isPullRequest":false,"pinned":false,"author":{"id":"e95232ff6b182e5e0f69cd58"}}}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (19, 1795406327533, 'comment.create', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, 1, 'cc4c2010526c20df8c5a66b9', '{"discussion":{"id":"bd5901c5e80a9ab409a1dc6e","title":"A question","status":"open","num":1,"isPullRequest":false,"pinned":false,"author":{"id":"e95232ff6b182e5e0f69cd58"}}}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (20, 1795406327543, 'discussion.create', 3, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, 2, 'fceb56a77ee537e93cdea579', '{"discussion":{"id":"4eff6b2a0ddf32673b751ed6","title":"Proposal 2","status":"open","num":2,"isPullRequest":true,"pinned":false,"author":{"id":"e95232ff6b182e5e0f69cd58"},"changes":{"base":"refs/heads/main"}}}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (21, 1795406327562, 'repo.content', 3, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/pr/2","oldSha":null,"newSha":"c60d3cb217838398743d8e5f5856d0d2fa42e7b2"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (22, 1795406327582, 'discussion.create', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, 3, '0b7283b2c7c67d33f96d8d3a', '{"discussion":{"id":"7d02b351446b48c40a47f9cf","title":"Proposal 3","status":"open","num":3,"isPullRequest":true,"pinned":false,"author":{"id":"9648a736366113e56a94ed90"},"changes":{"base":"refs/heads/main"}}}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (23, 1795406327602, 'repo.content', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/pr/3","oldSha":null,"newSha":"b37b21831e299a35a32890332504b6023c562e62"}]}', 1);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (24, 1795406327622, 'discussion.update', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, 3, '', '{"discussion":{"id":"7d02b351446b48c40a47f9cf","title":"Proposal 3","status":"merged","num":3,"isPullRequest":true,"pinned":false,"author":{"id":"9648a736366113e56a94ed90"},"changes":{"base":"refs/heads/main","mergeCommitId":"b37b21831e299a35a32890332504b6023c562e62"}}}', 0);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (25, 1795406327628, 'repo.content', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedRefs":[{"ref":"refs/heads/main","oldSha":"c19cf845d1bba3b6e9aca70b487e166e1e3697e7","newSha":"b37b21831e299a35a32890332504b6023c562e62"}]}', 0);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (26, 1795406327635, 'repo.config', 2, 1, 2, 'e6051048086c096396597b5c', 'model', 'alice/m', 0, NULL, '', '{"updatedConfig":{"gated":"manual"}}', 0);
INSERT INTO happening (id, at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, discussion_id, event_hex, data, is_told) VALUES (27, 1795406327651, 'repo.move', 3, 3, 3, '1e3205e0f8492b1e312e0551', 'dataset', 'bob/d', 0, NULL, '', '{"movedTo":{"name":"bob/moved","owner":{"id":"e95232ff6b182e5e0f69cd58"}}}', 0);
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
INSERT INTO webhook (id, hex_id, owner_id, url, sealed, on_repo, on_discussion, state, failing_ms, triggered_ms, created_ms) VALUES (1, '330ac7268520fb1663aea41e', 2, 'https://example.org/hook', X'0194CCCA74DFDD09B0CAE5616528A8FDCFC39ECBAA1B4448DF82F16B33CF2D687FF93E445A19943FC2E3788C', 1, 0, 'enabled', 0, 0, 1795406327655);
CREATE TABLE webhook_watch (
    webhook_id     INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    place          INTEGER NOT NULL,                       -- in the list, from 0
    kind           TEXT    NOT NULL,                       -- 'model', 'dataset', 'space', 'kernel', 'user', 'org'
    name           TEXT    NOT NULL,
    name_key       TEXT    NOT NULL,
    PRIMARY KEY (webhook_id, place)
) WITHOUT ROWID;
INSERT INTO webhook_watch (webhook_id, place, kind, name, name_key) VALUES (1, 0, 'user', 'alice', 'alice');
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
CREATE TABLE notification (
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    discussion_id  INTEGER NOT NULL REFERENCES discussion (id) ON DELETE CASCADE,
    reason         INTEGER NOT NULL CHECK (reason BETWEEN 0 AND 2), -- 0 watching, 1 participating, 2 mention
    event_hex      TEXT    NOT NULL DEFAULT '',
    is_read        INTEGER NOT NULL DEFAULT 0 CHECK (is_read IN (0, 1)),
    updated_ms     INTEGER NOT NULL,
    PRIMARY KEY (user_id, discussion_id)
) WITHOUT ROWID;
INSERT INTO notification (user_id, discussion_id, reason, event_hex, is_read, updated_ms) VALUES (2, 1, 1, 'a3efa5eed6845145418a17af', 0, 1795406327532);
INSERT INTO notification (user_id, discussion_id, reason, event_hex, is_read, updated_ms) VALUES (2, 2, 0, 'fceb56a77ee537e93cdea579', 0, 1795406327543);
INSERT INTO notification (user_id, discussion_id, reason, event_hex, is_read, updated_ms) VALUES (3, 1, 1, 'cc4c2010526c20df8c5a66b9', 0, 1795406327533);
CREATE TABLE notification_setting (                        -- absent: yes
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    is_on          INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    PRIMARY KEY (user_id, name)
) WITHOUT ROWID;
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
CREATE TABLE oauth_app (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    client_id      TEXT    NOT NULL UNIQUE,
    owner_id       INTEGER REFERENCES account (id) ON DELETE CASCADE, -- NULL: nobody's; it has registered itself, or came with Hearth
    secret_hash    BLOB,                                   -- SHA-256; NULL: a public client, which must bring a PKCE challenge
    name           TEXT    NOT NULL,
    home_url       TEXT    NOT NULL DEFAULT '',
    redirect_uris  TEXT    NOT NULL DEFAULT '[]',          -- JSON
    scopes         TEXT    NOT NULL,                       -- separated by blanks: the most that it may ask for
    token_seconds  INTEGER NOT NULL,
    allows_device  INTEGER NOT NULL DEFAULT 0 CHECK (allows_device IN (0, 1)),
    created_ms     INTEGER NOT NULL,
    used_ms        INTEGER                                 -- when somebody last allowed it something
);
INSERT INTO oauth_app (id, hex_id, client_id, owner_id, secret_hash, name, home_url, redirect_uris, scopes, token_seconds, allows_device, created_ms, used_ms) VALUES (1, '26be6b0991c547da9861d2d2', '26be6b09-91c5-47da-9861-d2d2bb7a7e36', NULL, NULL, 'hf, the command line', '', '[]', 'openid profile email read-memberships read-billing read-repos gated-repos write-repos manage-repos read-collections write-collections write-discussions inference-api', 2592000, 1, 0, NULL);
CREATE TABLE oauth_consent (
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    app_id         INTEGER NOT NULL REFERENCES oauth_app (id) ON DELETE CASCADE,
    scopes         TEXT    NOT NULL,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (user_id, app_id)
) WITHOUT ROWID;
CREATE TABLE oauth_authorization (
    id             INTEGER PRIMARY KEY,
    app_id         INTEGER NOT NULL REFERENCES oauth_app (id) ON DELETE CASCADE,
    user_id        INTEGER REFERENCES account (id) ON DELETE CASCADE, -- NULL: a device for which nobody has spoken yet
    status         TEXT    NOT NULL CHECK (status IN ('asked', 'allowed', 'denied', 'redeemed')),
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of the code, or of the device's code
    user_hash      BLOB    UNIQUE,                         -- of what the person types for a device
    redirect_uri   TEXT    NOT NULL DEFAULT '',
    scopes         TEXT    NOT NULL,
    challenge      TEXT    NOT NULL DEFAULT '',            -- PKCE, S256
    nonce          TEXT    NOT NULL DEFAULT '',
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL,                       -- of the code; once it is redeemed, of the refresh token
    polled_ms      INTEGER NOT NULL DEFAULT 0              -- when the device last asked
);
CREATE TABLE oauth_refresh (
    hash           BLOB    PRIMARY KEY,
    authorization_id INTEGER NOT NULL REFERENCES oauth_authorization (id) ON DELETE CASCADE,
    used_ms        INTEGER,                                -- NULL: not yet; it works once
    expires_ms     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE shared_chat (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    owner_id       INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    repo_id        INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    title          TEXT    NOT NULL,
    messages       TEXT    NOT NULL,                       -- JSON: [{"role", "content", "model"}, ..]
    created_ms     INTEGER NOT NULL
);
CREATE TABLE care_run (
    id             INTEGER PRIMARY KEY,
    kind           TEXT    NOT NULL CHECK (kind IN ('gc', 'fsck', 'reindex')),
    options        TEXT    NOT NULL DEFAULT '{}',          -- JSON
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    said           TEXT    NOT NULL DEFAULT '',            -- how far it is, or what came of it
    lines          TEXT    NOT NULL DEFAULT '',            -- problems and removals, a line each; bounded
    actor_id       INTEGER REFERENCES account (id) ON DELETE SET NULL,
    created_ms     INTEGER NOT NULL,
    began_ms       INTEGER,
    ended_ms       INTEGER
);
CREATE TABLE account_avatar (
    account_id     INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    type           TEXT    NOT NULL CHECK (type IN ('image/png', 'image/jpeg', 'image/webp', 'image/gif')),
    content        BLOB    NOT NULL,
    changed_ms     INTEGER NOT NULL
);
CREATE TABLE account_invite (
    id             INTEGER PRIMARY KEY,
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of what stands in the link
    label          TEXT    NOT NULL,
    made_by        INTEGER REFERENCES account (id) ON DELETE SET NULL,
    org_id         INTEGER REFERENCES account (id) ON DELETE CASCADE, -- whoever comes by it joins, NULL: none
    org_role       TEXT,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL,
    used_by        INTEGER REFERENCES account (id) ON DELETE SET NULL,
    used_ms        INTEGER                                 -- NULL: not yet; it works once
);
CREATE TABLE org_invite (
    org_id         INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    role           TEXT    NOT NULL CHECK (role IN ('no_access', 'read', 'contributor', 'write', 'admin')),
    invited_by     INTEGER REFERENCES account (id) ON DELETE SET NULL,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (org_id, user_id)
) WITHOUT ROWID;
CREATE TABLE account_external (
    issuer         TEXT    NOT NULL,
    subject        TEXT    NOT NULL,
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_ms     INTEGER NOT NULL,
    used_ms        INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE TABLE external_used (
    digest         BLOB    PRIMARY KEY,                    -- SHA-256 of the attempt's secret
    expires_ms     INTEGER NOT NULL                        -- then the secret is too old anyway
) WITHOUT ROWID;
CREATE TABLE bucket (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,      -- never used twice: rows of files may outlive it for a moment
    hex_id         TEXT    NOT NULL UNIQUE,
    owner_id       INTEGER NOT NULL REFERENCES account (id),
    name           TEXT    NOT NULL,                       -- without the owner
    name_key       TEXT    NOT NULL,
    creator_id     INTEGER REFERENCES account (id) ON DELETE SET NULL,
    is_private     INTEGER NOT NULL DEFAULT 0 CHECK (is_private IN (0, 1)),
    files_count    INTEGER NOT NULL DEFAULT 0 CHECK (files_count >= 0),
    size_bytes     INTEGER NOT NULL DEFAULT 0 CHECK (size_bytes >= 0),
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    UNIQUE (owner_id, name_key)
);
INSERT INTO bucket (id, hex_id, owner_id, name, name_key, creator_id, is_private, files_count, size_bytes, created_ms, updated_ms) VALUES (1, 'a1d204c474deb815ee17ca5c', 2, 'logs', 'logs', 2, 0, 1, 2560, 1795406327671, 1795406327674);
CREATE TABLE bucket_former_name (
    owner_key      TEXT    NOT NULL,
    name_key       TEXT    NOT NULL,
    bucket_id      INTEGER NOT NULL REFERENCES bucket (id) ON DELETE CASCADE,
    PRIMARY KEY (owner_key, name_key)
) WITHOUT ROWID;
CREATE TABLE bucket_file (
    bucket_id      INTEGER NOT NULL,
    path           TEXT    NOT NULL,
    xet_hash       BLOB    NOT NULL,                       -- as the client named it; 32 zero bytes: the empty file, which has no object
    sha256         BLOB    NOT NULL,                       -- of cas_object
    size_bytes     INTEGER NOT NULL,
    mtime_ms       INTEGER NOT NULL DEFAULT 0,             -- of the client's file; 0: not said
    uploaded_ms    INTEGER NOT NULL,
    content_type   TEXT    NOT NULL DEFAULT '',            -- as the client said
    PRIMARY KEY (bucket_id, path)
) WITHOUT ROWID;
INSERT INTO bucket_file (bucket_id, path, xet_hash, sha256, size_bytes, mtime_ms, uploaded_ms, content_type) VALUES (1, 'kept/one.bin', X'8AE61BB3C0E1D3CA8E7EDF7BE1554FCF69BF2FEF2EB39EAC07B3545FB2895326', X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2560, 0, 1795406327674, '');
CREATE TABLE bucket_content (
    bucket_id      INTEGER NOT NULL,
    sha256         BLOB    NOT NULL,
    user_id        INTEGER NOT NULL,                       -- who brought it
    pushed_ms      INTEGER NOT NULL,                       -- collection drops older rows that no file names
    PRIMARY KEY (bucket_id, sha256)
) WITHOUT ROWID;
INSERT INTO bucket_content (bucket_id, sha256, user_id, pushed_ms) VALUES (1, X'46FC3EF27CA886F3B7587D2A95E93313B4CDEE7E6CB199570D48015AEE97C7B7', 2, 1795406327674);
CREATE TABLE collection_item (
    id             INTEGER PRIMARY KEY,
    hex_id         TEXT    NOT NULL UNIQUE,
    collection_id  INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
    repo_id        INTEGER REFERENCES repo (id) ON DELETE CASCADE,
    member_id      INTEGER REFERENCES collection (id) ON DELETE CASCADE,
    bucket_id      INTEGER REFERENCES bucket (id) ON DELETE CASCADE,
    position       INTEGER NOT NULL,
    note           TEXT    NOT NULL DEFAULT '',
    created_ms     INTEGER NOT NULL,
    CHECK ((repo_id IS NOT NULL) + (member_id IS NOT NULL) + (bucket_id IS NOT NULL) = 1),
    CHECK (member_id <> collection_id),
    UNIQUE (collection_id, repo_id),
    UNIQUE (collection_id, member_id),
    UNIQUE (collection_id, bucket_id)
);
INSERT INTO collection_item (id, hex_id, collection_id, repo_id, member_id, bucket_id, position, note, created_ms) VALUES (1, 'd229b5ac0bd1eacc069e907d', 1, 1, NULL, NULL, 0, '', 1795406327645);
CREATE TABLE "account" (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
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
    created_ms     INTEGER NOT NULL,
    website        TEXT    NOT NULL DEFAULT ''
);
INSERT INTO account (id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms, website) VALUES (1, '06ce45c1d9bde4e6bc605407', 'user', 'nobody', 'nobody', 'nobody', NULL, '', 0, 0, 0, 1795406326242, '');
INSERT INTO account (id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms, website) VALUES (2, '9648a736366113e56a94ed90', 'user', 'alice', 'alice', 'alice', NULL, '', 1, 0, 0, 1795406326467, '');
INSERT INTO account (id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms, website) VALUES (3, 'e95232ff6b182e5e0f69cd58', 'user', 'bob', 'bob', 'bob', NULL, '', 0, 0, 0, 1795406326662, '');
INSERT INTO account (id, hex_id, kind, name, name_key, fullname, email, details, is_admin, is_disabled, repos_private, created_ms, website) VALUES (4, '8a3b8f7173250faefbb36963', 'org', 'acme', 'acme', 'acme', NULL, '', 0, 0, 0, 1795406326739, '');
CREATE TABLE "account_token" (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hex_id         TEXT    NOT NULL UNIQUE,
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash           BLOB    NOT NULL UNIQUE,                -- SHA-256 of the token; the token is never stored
    label          TEXT    NOT NULL,
    role           TEXT    NOT NULL CHECK (role IN ('read', 'write', 'admin', 'fineGrained')),
    scopes         TEXT    NOT NULL DEFAULT '{}',          -- JSON, for fineGrained: {"scoped":[],"global":[],"canReadGatedRepos":b}
    last4          TEXT    NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER,                                -- NULL: never
    used_ms        INTEGER,                                -- to the minute or so
    authorization_id INTEGER REFERENCES oauth_authorization (id) ON DELETE CASCADE
);
INSERT INTO account_token (id, hex_id, account_id, hash, label, role, scopes, last4, created_ms, expires_ms, used_ms, authorization_id) VALUES (1, '2dc027efcc5f0f5272aede69', 2, X'A9D62D1F94E37C028A2EEA665D8F8FD124B0DB2B519F1E124A6007905A013D48', 'laptop', 'write', '{}', 'aLi1', 1795406326486, NULL, 1795406326795, NULL);
INSERT INTO account_token (id, hex_id, account_id, hash, label, role, scopes, last4, created_ms, expires_ms, used_ms, authorization_id) VALUES (2, '9afe2e4c175cd83e06c96a4e', 3, X'0E0DD842E3E8C9991F07EA9712703E31FD8F6C33108327868F138731C2DB5024', 'laptop', 'write', '{}', 'bOb2', 1795406326703, NULL, 1795406327252, NULL);
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
CREATE INDEX cas_xorb_owner_by_user ON cas_xorb_owner (user_id);
CREATE INDEX cas_file_by_sha256 ON cas_file (sha256);
CREATE INDEX cas_file_xorb_by_xorb ON cas_file_xorb (xorb_id);
CREATE INDEX cas_object_to_convert ON cas_object (sha256) WHERE xet_hash IS NULL;
CREATE INDEX inference_call_by_account ON inference_call (account_id, day);
CREATE INDEX inference_call_by_day ON inference_call (day);
CREATE INDEX account_session_by_account ON account_session (account_id);
CREATE INDEX account_session_by_expiry ON account_session (expires_ms);
CREATE INDEX happening_to_tell ON happening (id) WHERE is_told = 0;
CREATE INDEX happening_by_discussion ON happening (discussion_id) WHERE discussion_id IS NOT NULL;
CREATE INDEX webhook_by_owner ON webhook (owner_id, id);
CREATE INDEX webhook_watch_by_name ON webhook_watch (name_key, kind);
CREATE INDEX webhook_delivery_by_webhook ON webhook_delivery (webhook_id, id);
CREATE INDEX webhook_delivery_by_time ON webhook_delivery (created_ms);
CREATE INDEX watch_by_account ON watch (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX watch_by_repo ON watch (repo_id) WHERE repo_id IS NOT NULL;
CREATE INDEX watch_by_discussion ON watch (discussion_id) WHERE discussion_id IS NOT NULL;
CREATE INDEX notification_by_time ON notification (user_id, updated_ms);
CREATE INDEX notification_by_discussion ON notification (discussion_id);
CREATE INDEX oauth_app_by_owner ON oauth_app (owner_id);
CREATE INDEX oauth_consent_by_app ON oauth_consent (app_id);
CREATE INDEX oauth_authorization_by_user ON oauth_authorization (user_id, app_id);
CREATE INDEX oauth_authorization_by_app ON oauth_authorization (app_id);
CREATE INDEX oauth_authorization_by_expiry ON oauth_authorization (expires_ms);
CREATE INDEX oauth_refresh_by_authorization ON oauth_refresh (authorization_id);
CREATE INDEX shared_chat_by_owner ON shared_chat (owner_id, id DESC);
CREATE INDEX shared_chat_by_repo ON shared_chat (repo_id);
CREATE INDEX repo_index_by_used ON repo_index (used_bytes DESC, repo_id, owner_id);
CREATE INDEX org_invite_by_user ON org_invite (user_id);
CREATE INDEX account_external_by_account ON account_external (account_id);
CREATE INDEX inference_call_by_model ON inference_call (model, at_ms, status, prompt_tokens, completion_tokens, compute_us);
CREATE INDEX external_used_by_expiry ON external_used (expires_ms);
CREATE INDEX notification_unread ON notification (user_id, discussion_id) WHERE is_read = 0;
CREATE INDEX bucket_by_updated ON bucket (updated_ms, id);
CREATE INDEX bucket_by_creator ON bucket (creator_id);
CREATE INDEX bucket_former_name_by_bucket ON bucket_former_name (bucket_id);
CREATE INDEX bucket_file_by_content ON bucket_file (bucket_id, sha256);
CREATE INDEX bucket_content_by_sha256 ON bucket_content (sha256, bucket_id);
CREATE INDEX collection_item_by_position ON collection_item (collection_id, position);
CREATE INDEX collection_item_by_repo ON collection_item (repo_id) WHERE repo_id IS NOT NULL;
CREATE INDEX collection_item_by_member ON collection_item (member_id) WHERE member_id IS NOT NULL;
CREATE INDEX collection_item_by_bucket ON collection_item (bucket_id) WHERE bucket_id IS NOT NULL;
CREATE INDEX happening_by_actor ON happening (actor_id, at_ms, id);
CREATE INDEX happening_by_owner ON happening (owner_id, at_ms, id);
CREATE INDEX account_by_kind_name ON account (kind, name_key);
CREATE INDEX account_token_by_account ON account_token (account_id);
CREATE INDEX account_token_by_authorization ON account_token (authorization_id);
