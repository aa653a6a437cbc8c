/* web/repo/create.c - a new repository. */
#include "hub/card/card.h"
#include "hub/repo.h"

#include "web/frame/page.h"

enum { FORM_BYTES_MAX = 64 << 10 };

static void write_licenses(struct page *p)
{
    size_t n;
    const struct card_term *license = card_licenses(&n);
    jw_karray(&p->w, "licenses");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "id", str_c(license[i].id));
        jw_kstr(&p->w, "label", str_c(license[i].label));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

static bool new_page(struct call *c, int status, str problem, struct err *e)
{
    str kind = page_field(c, "kind");
    if (!kind.n) kind = call_query(c, "kind");
    struct page *p = page_new(c, STR("New repository"));
    page_write_typed(p, problem.n > 0, "name", "license");
    write_licenses(p);
    jw_kstr(&p->w, "kind", kind.n ? kind : STR("model"));
    jw_kstr(&p->w, "problem_text", problem);
    return page_write_owners(p, ROLE_CONTRIBUTOR, e) && page_reply(p, status, "repo/new.html", e);
}

static bool get_new(struct call *c, struct err *e) { return new_page(c, 200, STR(""), e); }

static bool create(struct call *c, enum repo_kind kind, str name, struct repo *out, struct err *e)
{
    struct account owner;
    bool found;
    str owner_name = page_field(c, "owner");
    if (!account_find(call_db(c), owner_name, &owner, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_INVALID, "There is no owner \"%.*s\"", STR_ARG(str_to(owner_name, 100)));
    if (!namespace_allow_create(call_db(c), &c->who, &owner, 0, kind, e) || !repo_name_check(name, e)) return false;
    struct repo_create q = { .kind = kind, .owner = &owner, .name = name, .creator_id = c->who.user_id, .has_private = true,
                             .is_private = str_eq(page_field(c, "visibility"), STR("private")),
                             .sdk = kind == REPO_SPACE ? STR("static") : STR(""), .license = page_field(c, "license") };
    return repo_create(c->hub, &q, out, c->a, e);
}

static bool post_new(struct call *c, struct err *e)
{
    str name = page_field(c, "name"), word = page_field(c, "kind");
    enum repo_kind kind;
    struct repo made;
    struct err why = { 0 };
    if (!repo_kind_parse(word, &kind) || kind == REPO_KERNEL) return err_set(e, ERR_INVALID, "A repository is a model, a dataset or a Space");
    if (!create(c, kind, name.p ? name : STR(""), &made, &why)) {
        if (api_status_of(&why) >= 500) {
            *e = why;
            return false;
        }
        return new_page(c, api_status_of(&why), str_c(why.msg), e);
    }
    return page_redirect(c, arena_fmt(c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(kind)), STR_ARG(made.full_name)));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/new", PERM_USER, HTTP_BODY_NONE, 0, 0, get_new, "page.new", SHAPE_PAGE },
    { HTTP_POST, "/new", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_new, "page.new.send", SHAPE_PAGE },
};
const struct api_table web_create = API_TABLE(rows);
