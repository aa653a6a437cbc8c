/* gateway/answer.c - what an upstream answers, read: JSON in, what we need of it out.  Nothing of it is believed before it has the form that it must have. */
#include "base/clock.h"
#include "gateway/gateway_priv.h"

enum { HEADERS_MAX = 16, HEADER_BYTES_MAX = 4096, REFS_MAX = 100000 };

bool answer_repo(const struct json *info, struct mirror *out)
{
    struct err ignored;
    str id = json_str_or(info, STR("id"), STR("")); /* as it is called today, in its own case */
    out->is_private = json_bool_or(info, STR("private"), false);
    out->is_gated = json_is(json_get(info, STR("gated")), JSON_STRING) || json_bool_or(info, STR("gated"), false);
    out->sdk = json_str_or(info, STR("sdk"), STR(""));
    out->name = id;
    if (!clock_iso_parse(json_str_or(info, STR("createdAt"), STR("")), &out->created_ms)) out->created_ms = 0;
    return repo_name_check(id, &ignored) && str_cut(&out->name, '/', &out->owner) && out->name.n;
}

/* {"name": "main", "ref": "refs/heads/main", "targetCommit": "..."} */
static bool read_refs(const struct json *list, struct vcs_ref **out, size_t *n, struct arena *a)
{
    json_each (item, list) {
        struct vcs_ref r = { .name = json_str_or(item, STR("ref"), STR("")) };
        if (*n >= REFS_MAX || !vcs_ref_name_is_valid(r.name) || !vcs_oid_parse(json_str_or(item, STR("targetCommit"), STR("")), &r.commit)) return false;
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = r;
    }
    return true;
}

bool answer_refs(const struct json *refs, struct vcs_ref **out, size_t *n, struct arena *a)
{
    static const str lists[] = { STR_INIT("branches"), STR_INIT("converts"), STR_INIT("tags"), STR_INIT("pullRequests") };
    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < COUNT(lists); i++)
        if (!read_refs(json_get(refs, lists[i]), out, n, a)) return false;
    return true;
}

/* Headers that go with the link, as {"Authorization": "..."}: no line of them may end in another. */
static bool read_headers(const struct json *headers, const char **out, struct arena *a)
{
    size_t n = 0;
    json_each (h, headers) {
        if (n >= HEADERS_MAX || h->type != JSON_STRING || !h->key.n || h->key.n + h->s.n > HEADER_BYTES_MAX) return false;
        for (size_t i = 0; i < h->key.n; i++)
            if ((unsigned char)h->key.p[i] <= ' ' || h->key.p[i] == ':') return false;
        for (size_t i = 0; i < h->s.n; i++)
            if ((unsigned char)h->s.p[i] < ' ') return false;
        out[n++] = arena_fmt(a, "%.*s: %.*s", STR_ARG(h->key), STR_ARG(h->s)).p;
    }
    out[n] = NULL;
    return true;
}

bool answer_object(const struct json *answer, const struct sha256 *sha256, struct upstream_object *out, str *why, struct arena *a)
{
    char hex[SHA256_HEX + 1];
    const struct json *object = NULL;
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, hex);
    json_each (o, json_get(answer, STR("objects")))
        if (str_eq(json_str_or(o, STR("oid"), STR("")), str_c(hex))) object = o;
    const struct json *link = json_get(json_get(object, STR("actions")), STR("download"));
    str url = json_str_or(link, STR("href"), STR(""));
    *why = json_str_or(json_get(object, STR("error")), STR("message"), STR("no link"));
    out->url = url.n ? arena_cstr(a, url) : NULL;
    out->header = arena_alloc(a, (HEADERS_MAX + 1) * sizeof *out->header);
    return read_headers(json_get(link, STR("header")), out->header, a);
}
