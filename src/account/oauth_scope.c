/* account/oauth_scope.c - what applications may be allowed to do, and what that means for a token. */
#include "account/oauth.h"

/* The public hub's names.  Those of what Hearth does not have (jobs, endpoints, ..) are not offered; asked for, they are left out. */
static const struct oauth_scope scopes[] = {
    { STR_INIT("openid"), STR_INIT("know who you are here") },
    { STR_INIT("profile"), STR_INIT("see your name and picture") },
    { STR_INIT("email"), STR_INIT("see your mail address") },
    { STR_INIT("read-memberships"), STR_INIT("see your organisations and your roles in them") },
    { STR_INIT("read-billing"), STR_INIT("see what your calls of models have cost") },
    { STR_INIT("read-repos"), STR_INIT("read the private repositories that you may read") },
    { STR_INIT("gated-repos"), STR_INIT("read gated repositories that you were let into") },
    { STR_INIT("write-repos"), STR_INIT("read your repositories and change what is in them") },
    { STR_INIT("manage-repos"), STR_INIT("create, change, rename and delete repositories for you") },
    { STR_INIT("read-collections"), STR_INIT("see your private collections") },
    { STR_INIT("write-collections"), STR_INIT("change your collections") },
    { STR_INIT("write-discussions"), STR_INIT("open discussions and pull requests, and answer, in your name") },
    { STR_INIT("inference-api"), STR_INIT("call models at your cost") },
};

const struct oauth_scope *oauth_scopes(size_t *n)
{
    *n = COUNT(scopes);
    return scopes;
}

bool oauth_scope_has(str list, str name)
{
    str rest = list, word;
    while (rest.p && str_cut(&rest, ' ', &word))
        if (name.n && str_eq(word, name)) return true;
    return false;
}

str oauth_scopes_within(str wanted, str most, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    bool wants_all = str_trim(wanted).n == 0;
    for (size_t i = 0; i < COUNT(scopes); i++) {
        if ((most.p && !oauth_scope_has(most, scopes[i].name)) || (!wants_all && !oauth_scope_has(wanted, scopes[i].name))) continue;
        if (b.n) buf_byte(&b, ' ');
        buf_add(&b, scopes[i].name);
    }
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

bool oauth_scopes_cover(str granted, str wanted)
{
    str rest = wanted, word;
    while (rest.p && str_cut(&rest, ' ', &word))
        if (word.n && !oauth_scope_has(granted, word)) return false;
    return true;
}

/* ------------------------------------------------------------------ rights */

/* Any of these gives the right on a target of one of the types. */
static const struct {
    enum token_right right;
    const char *entity_types, *any_of;
} grant[] = {
    { RIGHT_READ, "model dataset space kernel bucket", "read-repos write-repos manage-repos" },
    { RIGHT_GATED, "model dataset space kernel bucket", "gated-repos" },
    { RIGHT_WRITE, "model dataset space kernel bucket", "write-repos manage-repos" },
    { RIGHT_MANAGE, "model dataset space kernel bucket", "manage-repos" },
    { RIGHT_WRITE, "user org", "manage-repos" }, /* a new repository in the namespace */
    { RIGHT_DISCUSS, "model dataset space kernel bucket", "write-discussions" },
    { RIGHT_READ, "collection", "read-collections write-collections" },
    { RIGHT_WRITE, "collection", "write-collections" },
    { RIGHT_READ, "org", "read-memberships" },
    { RIGHT_CALL, "user org", "inference-api" },
};

static bool lists(const struct json *list, str name)
{
    str s;
    json_each (item, list)
        if (json_str(item, &s) && str_eq(s, name)) return true;
    return false;
}

bool oauth_scope_allows(const struct json *token_scopes, enum token_right right, const struct token_target *t, bool *is_oauth)
{
    const struct json *list = json_get(token_scopes, STR("oauth"));
    *is_oauth = list != NULL;
    for (size_t i = 0; list && i < COUNT(grant); i++) {
        if (grant[i].right != right || !oauth_scope_has(str_c(grant[i].entity_types), t->entity_type)) continue;
        str rest = str_c(grant[i].any_of), word;
        while (str_cut(&rest, ' ', &word))
            if (lists(list, word)) return true;
    }
    return false;
}

bool identity_has_scope(const struct identity *who, str name)
{
    return lists(json_get(who->scopes, STR("oauth")), name);
}
