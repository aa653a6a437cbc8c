/* web/repo/card/lineage.c - what came of a model or a data set: models made from it, by how they were made, and Spaces that name it.
 *
 * Their cards say so, and tags are made of that (hub/card/tags.c), so each line is a list by a tag, of what the visitor may see. */
#include "web/repo/card/card.h"

enum { SHOWN = 4 };

static const struct descent {
    enum repo_kind from;
    const char *tag, *what;
} descents[] = {
    { REPO_MODEL, "base_model:adapter:", "Adapters" },
    { REPO_MODEL, "base_model:finetune:", "Fine-tuned" },
    { REPO_MODEL, "base_model:quantized:", "Quantised" },
    { REPO_MODEL, "base_model:merge:", "Merged" },
    { REPO_DATASET, "dataset:", "Models trained on it" },
};

/* {"what", "tag", "repos": [{"name", "href"}], "has_more"}; nothing for none. */
static bool write_line(struct page *p, const char *what, str tag, const struct list_query *q, struct err *e)
{
    struct list_page found;
    if (!list_repos(call_db(p->c), q, p->c->a, &found, e)) return false;
    if (!found.n) return true;
    jw_object(&p->w);
    jw_kstr(&p->w, "what", str_c(what));
    if (tag.n) jw_kstr(&p->w, "tag", tag);
    jw_karray(&p->w, "repos");
    for (size_t i = 0; i < found.n; i++) {
        str name = found.row[i].repo.full_name;
        jw_object(&p->w);
        jw_kstr(&p->w, "name", name);
        jw_kstr(&p->w, "href", arena_fmt(p->c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(q->kind)), STR_ARG(name)));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_kbool(&p->w, "has_more", found.next.n > 0);
    jw_object_end(&p->w);
    return true;
}

bool write_lineage(struct page *p, const struct repo_view *v, struct err *e)
{
    const struct repo *r = &v->row.repo;
    struct list_query models = { .kind = REPO_MODEL, .who = &p->c->who, .tags_count = 1, .gated = -1, .sort = SORT_DOWNLOADS, .limit = SHOWN };
    struct list_query spaces = { .kind = REPO_SPACE, .who = &p->c->who, .gated = -1, .sort = SORT_TRENDING, .limit = SHOWN };
    bool ok = true;
    if (r->kind != REPO_MODEL && r->kind != REPO_DATASET) return true;
    jw_karray(&p->w, "lineage");
    for (size_t i = 0; ok && i < COUNT(descents); i++) {
        if (descents[i].from != r->kind) continue;
        str tag = arena_fmt(p->c->a, "%s%.*s", descents[i].tag, STR_ARG(r->full_name));
        models.tags = &tag;
        ok = write_line(p, descents[i].what, tag, &models, e);
    }
    if (r->kind == REPO_MODEL) {
        spaces.uses_models = &r->full_name;
        spaces.uses_models_count = 1;
    } else {
        spaces.uses_datasets = &r->full_name;
        spaces.uses_datasets_count = 1;
    }
    ok = ok && write_line(p, "Spaces", STR(""), &spaces, e);
    jw_array_end(&p->w);
    return ok;
}
