/* account/identity.c - from credentials to a person, and what a token lets that person do.
 *
 * The rule everywhere: right = the user's right AND the token's right.  A token never widens.
 *
 * The use of a token is noted in a small table in memory, so that a read stays a read; account_flush
 * writes it.  The table is one of the few writable globals: what it loses when the process dies is the
 * last minute of "last used". */
#include "account/account_priv.h"

#include <pthread.h>

#include "account/oauth.h"
#include "account/second_factor.h"
#include "base/clock.h"
#include "db/credentials.h"

#define BAD_CREDENTIALS "Invalid credentials in Authorization header" /* clients compare this text */

/* ------------------------------------------------------------------ who is asking */

/* The rest of identity_from_token and identity_again: reads the one row of a query that begins with TOKEN_COLUMNS. */
static bool read_identity(struct db_query *q, struct identity *out, struct arena *a, struct err *e)
{
    bool found = db_next(q, e);
    if (found) {
        token_read(q, 0, &out->token, a);
        out->user_id = out->token.account_id;
        out->name = db_col_dup(q, TOKEN_COLUMNS_COUNT, a);
        out->is_admin = db_col_int(q, TOKEN_COLUMNS_COUNT + 1) != 0 && out->token.role == TOKEN_ADMIN;
        out->service_of = db_col_int(q, TOKEN_COLUMNS_COUNT + 2);
        out->is_kept_out = db_col_int(q, TOKEN_COLUMNS_COUNT + 3) != 0;
        out->via_token = true;
    }
    return db_end(q) && (found || err_set(e, ERR_UNAUTHENTICATED, BAD_CREDENTIALS));
}

static bool read_scopes(struct identity *out, struct arena *a, struct err *e)
{
    struct json *scopes;
    if (out->token.role != TOKEN_FINE_GRAINED) return true;
    if (!json_parse(out->token.scopes, a, &scopes, e)) return false;
    out->scopes = scopes;
    return true;
}

#define IDENTITY                                                                                                     \
    "SELECT " TOKEN_COLUMNS ", a.name, a.is_admin, a.service_of, EXISTS (SELECT 1 FROM org_token_revoked r WHERE r.token_id = t.id)" \
    " FROM account_token t JOIN account a ON a.id = t.account_id" \
    " WHERE NOT a.is_disabled AND (t.expires_ms IS NULL OR t.expires_ms > ?) AND "

bool identity_from_token(struct db_conn *c, str token, struct identity *out, struct arena *a, struct err *e)
{
    struct db_query q;
    struct sha256 hash;
    *out = (struct identity){ 0 };
    if (!token_hash(token, &hash)) return err_set(e, ERR_UNAUTHENTICATED, BAD_CREDENTIALS);
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, IDENTITY "t.hash = ?", db_int(clock_now_ms()), db_sha256(&hash)) &&
              read_identity(&q, out, a, e);
    db_credentials_end(c);
    ok = ok && read_scopes(out, a, e);
    if (!ok) *out = (struct identity){ 0 };
    return ok;
}

static bool user_again(struct db_conn *c, int64_t user_id, struct identity *out, struct arena *a, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, "SELECT name, is_admin FROM account WHERE id = ? AND kind = 'user' AND NOT is_disabled", db_int(user_id)))
        return false;
    bool found = db_next(&q, e);
    if (found) *out = (struct identity){ .user_id = user_id, .name = db_col_dup(&q, 0, a), .is_admin = db_col_int(&q, 1) != 0 };
    return db_end(&q) && (found || err_set(e, ERR_UNAUTHENTICATED, BAD_CREDENTIALS));
}

bool identity_again(struct db_conn *c, int64_t user_id, int64_t token_id, struct identity *out, struct arena *a, struct err *e)
{
    struct db_query q;
    *out = (struct identity){ 0 };
    if (!user_id) return true;
    if (!token_id) return user_again(c, user_id, out, a, e);
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, IDENTITY "t.id = ? AND t.account_id = ?", db_int(clock_now_ms()), db_int(token_id), db_int(user_id)) &&
              read_identity(&q, out, a, e);
    db_credentials_end(c);
    ok = ok && read_scopes(out, a, e);
    if (!ok) *out = (struct identity){ 0 };
    return ok;
}

bool identity_from_password(struct db_conn *c, str name, str password, struct identity *out, struct arena *a, struct err *e)
{
    struct account user;
    struct second_factor factor;
    bool right, has_factor;
    struct sha256 ignored;
    *out = (struct identity){ 0 };
    /* git sends a token as the password, under whatever user name; what looks like one is one. */
    if (token_hash(password, &ignored)) return identity_from_token(c, password, out, a, e);
    if (!account_check_password(c, name, password, &user, &right, a, e)) return false;
    if (!right) return err_set(e, ERR_UNAUTHENTICATED, BAD_CREDENTIALS);
    if (!second_factor_find(c, user.id, &factor, &has_factor, a, e)) return false;
    if (has_factor)
        return err_kind(e, ERR_UNAUTHENTICATED, SECOND_FACTOR_MISSING, "This account signs in with a second factor, so its password alone opens nothing. "
                        "Give an access token as the password; they are made in the settings, in the browser");
    *out = (struct identity){ .user_id = user.id, .name = user.name, .is_admin = user.is_admin };
    return true;
}

/* ------------------------------------------------------------------ last use */

enum { NOTES_MAX = 4096, NOTE_EVERY_MS = 60000 };

static pthread_mutex_t notes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct note {
    int64_t token_id, used_ms;
    bool dirty;
} note[NOTES_MAX]; /* a cache by token number: a collision writes a little more often, or forgets one */

void identity_note_use(const struct identity *id)
{
    if (!id->via_token) return;
    int64_t now = clock_now_ms();
    if (now - id->token.used_ms < NOTE_EVERY_MS) return;
    struct note *n = &note[(uint64_t)id->token.id % NOTES_MAX];
    pthread_mutex_lock(&notes_lock);
    if (n->token_id != id->token.id || now - n->used_ms >= NOTE_EVERY_MS)
        *n = (struct note){ id->token.id, now, true };
    pthread_mutex_unlock(&notes_lock);
}

bool account_flush(struct db *d, struct err *e)
{
    static const char sql[] = "UPDATE account_token SET used_ms = ?2 WHERE id = ?1 AND coalesce(used_ms, 0) < ?2";
    struct note *due = NULL;
    size_t n = 0;
    pthread_mutex_lock(&notes_lock);
    for (size_t i = 0; i < NOTES_MAX; i++) n += note[i].dirty;
    if (n) due = mem_alloc(n * sizeof *due);
    n = 0;
    for (size_t i = 0; i < NOTES_MAX; i++) {
        if (!note[i].dirty) continue;
        due[n++] = note[i];
        note[i].dirty = false;
    }
    pthread_mutex_unlock(&notes_lock);
    if (!n) return true;

    struct db_conn *tx;
    bool ok = db_begin(d, &tx, e);
    if (ok) {
        db_credentials_begin(tx);
        for (size_t i = 0; i < n && ok; i++) ok = db_run(tx, e, sql, db_int(due[i].token_id), db_int(due[i].used_ms));
        db_credentials_end(tx);
        ok = db_finish(d, tx, ok, e);
    }
    mem_free(due);
    return ok;
}

/* ------------------------------------------------------------------ what a token allows */

/* Permissions as the hub names them; a scope grants `right` on an entity of that type if it lists one. */
static const struct {
    const char *entity_types; /* blank-separated */
    enum token_right right;
    const char *any_of[3];
} grant[] = {
    { "model dataset space kernel bucket", RIGHT_READ, { "repo.content.read", "repo.write" } },
    { "model dataset space kernel bucket", RIGHT_GATED, { "repo.content.read", "repo.write" } },
    { "model dataset space kernel bucket", RIGHT_WRITE, { "repo.write" } },
    { "model dataset space kernel bucket", RIGHT_MANAGE, { "repo.write" } },
    { "model dataset space kernel bucket", RIGHT_DISCUSS, { "discussion.write", "repo.write" } },
    { "collection", RIGHT_READ, { "collection.read", "collection.write" } },
    { "collection", RIGHT_WRITE, { "collection.write" } },
    { "org", RIGHT_READ, { "org.read", "org.write" } },
    { "org", RIGHT_WRITE, { "org.write", "repo.write" } }, /* a new repository there */
    { "user", RIGHT_WRITE, { "repo.write" } },
    { "org", RIGHT_ACCOUNT, { "org.write" } },
    { "org", RIGHT_SERVICE_READ, { "org.serviceAccounts.read", "org.serviceAccounts.write" } },
    { "org", RIGHT_SERVICE_WRITE, { "org.serviceAccounts.write" } },
    { "org", RIGHT_GROUPS, { "resourceGroup.write", "org.write" } },
    { "user org", RIGHT_CALL, { "inference.serverless.write" } }, /* of models, at the cost of the entity */
};

static bool has_word(const char *words, str word)
{
    str rest = str_c(words), piece;
    while (str_cut(&rest, ' ', &piece))
        if (str_eq(piece, word)) return true;
    return false;
}

static bool lists(const struct json *permissions, const char *const any_of[3])
{
    json_each (p, permissions) {
        str s;
        if (!json_str(p, &s)) continue;
        for (size_t i = 0; i < 3 && any_of[i]; i++)
            if (str_eq(s, str_c(any_of[i]))) return true;
    }
    return false;
}

/* Is the scope's entity the target itself?  Ids decide when both have one: a name may have been taken over. */
static bool is_target(const struct json *entity, const struct token_target *t)
{
    str name = json_str_or(entity, STR("name"), STR("")), hex_id = json_str_or(entity, STR("_id"), STR(""));
    if (!str_eq(json_str_or(entity, STR("type"), STR("")), t->entity_type)) return false;
    if (hex_id.n && t->entity_hex_id.n) return str_eq(hex_id, t->entity_hex_id);
    return name.n && str_eq_nocase(name, t->entity_name);
}

static bool is_owner_of(const struct json *entity, const struct token_target *t)
{
    str type = json_str_or(entity, STR("type"), STR("")), name = json_str_or(entity, STR("name"), STR(""));
    bool is_owner = (str_eq(type, STR("user")) || str_eq(type, STR("org"))) && !str_eq(type, t->entity_type);
    return is_owner && name.n && str_eq_nocase(name, t->owner_name);
}

/* What a service account's token says of a repository itself counts instead of what it says of the organisation. */
static bool scopes_list(const struct identity *who, const struct token_target *t, const char *const any_of[3])
{
    const struct json *scoped = json_get(who->scopes, STR("scoped"));
    bool itself_alone = false;
    if (who->service_of)
        json_each (s, scoped) itself_alone = itself_alone || is_target(json_get(s, STR("entity")), t);
    json_each (s, scoped) {
        const struct json *entity = json_get(s, STR("entity"));
        if (!is_target(entity, t) && (itself_alone || !is_owner_of(entity, t))) continue;
        if (lists(json_get(s, STR("permissions")), any_of)) return true;
    }
    return false;
}

static bool scope_allows(const struct identity *who, enum token_right right, const struct token_target *t)
{
    const struct json *scopes = who->scopes;
    bool gated, is_oauth, by_oauth = oauth_scope_allows(scopes, right, t, &is_oauth);
    if (is_oauth) return by_oauth;
    if (right == RIGHT_GATED && json_bool(json_get(scopes, STR("canReadGatedRepos")), &gated) && gated) return true;
    if (right == RIGHT_DISCUSS && lists(json_get(scopes, STR("global")), (const char *const[3]){ "discussion.write" })) return true;
    for (size_t i = 0; i < COUNT(grant); i++) {
        if (grant[i].right != right || !has_word(grant[i].entity_types, t->entity_type)) continue;
        if (scopes_list(who, t, grant[i].any_of)) return true;
    }
    return false;
}

bool identity_token_may_give(const struct identity *who, const char *permission, const struct token_target *t)
{
    const char *const one[3] = { permission };
    bool is_bound = false;
    if (!who->via_token) return true;
    /* What it is bound to by name in some repositories, it must not get round by giving the same of all. */
    if (who->service_of && str_eq(t->entity_type, STR("org")) && str_starts(str_c(permission), STR("repo.")))
        json_each (s, json_get(who->scopes, STR("scoped"))) is_bound = is_bound || !is_target(json_get(s, STR("entity")), t);
    if (is_bound) return false;
    if (who->token.role == TOKEN_FINE_GRAINED) return scopes_list(who, t, one);
    return who->token.role == TOKEN_WRITE || who->token.role == TOKEN_ADMIN;
}

bool identity_token_allows(const struct identity *who, enum token_right right, const struct token_target *t)
{
    if (!who->via_token) return true; /* nobody, or a password: the user's own right decides */
    switch (who->token.role) {
    case TOKEN_READ: return right == RIGHT_READ || right == RIGHT_GATED || right == RIGHT_CALL || right == RIGHT_SERVICE_READ;
    case TOKEN_WRITE:
    case TOKEN_ADMIN: return true;
    case TOKEN_FINE_GRAINED: return scope_allows(who, right, t);
    }
    return false;
}
