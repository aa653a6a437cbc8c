/* hub/card/card_mend.c - card values in the shapes that strict clients accept.
 *
 * Clients written in Rust refuse a whole answer when one key of cardData has another type than theirs, so a
 * card with `tags: foo` or `license: [mit]` would make its repository unreadable.  What can be said in the
 * right shape is; what cannot is left out of what we serve (the README itself stays as it is). */
#include "hub/card/card.h"

enum shape {
    TEXT,         /* a string */
    TEXTS,        /* a list of strings */
    TEXT_OR_TEXTS,
    LIST,         /* a list of anything */
};

struct rule {
    str key;
    enum shape shape;
};

static const struct rule model_rule[] = {
    { STR_INIT("base_model"), TEXT_OR_TEXTS }, { STR_INIT("datasets"), TEXT_OR_TEXTS },
    { STR_INIT("language"), TEXT_OR_TEXTS },   { STR_INIT("license"), TEXT },
    { STR_INIT("license_name"), TEXT },        { STR_INIT("license_link"), TEXT },
    { STR_INIT("library_name"), TEXT },        { STR_INIT("pipeline_tag"), TEXT },
    { STR_INIT("tags"), TEXTS },               { STR_INIT("metrics"), TEXTS },
    { STR_INIT("model-index"), LIST },         { STR_INIT("base_model_relation"), TEXT },
};
static const struct rule dataset_rule[] = {
    { STR_INIT("license"), TEXT_OR_TEXTS },         { STR_INIT("license_name"), TEXT },
    { STR_INIT("license_link"), TEXT },             { STR_INIT("language"), TEXT_OR_TEXTS },
    { STR_INIT("language_creators"), TEXT_OR_TEXTS }, { STR_INIT("annotations_creators"), TEXT_OR_TEXTS },
    { STR_INIT("multilinguality"), TEXT_OR_TEXTS }, { STR_INIT("size_categories"), TEXT_OR_TEXTS },
    { STR_INIT("task_categories"), TEXT_OR_TEXTS }, { STR_INIT("task_ids"), TEXT_OR_TEXTS },
    { STR_INIT("source_datasets"), TEXTS },         { STR_INIT("tags"), TEXTS },
    { STR_INIT("pretty_name"), TEXT },              { STR_INIT("paperswithcode_id"), TEXT },
};
static const struct rule space_rule[] = {
    { STR_INIT("title"), TEXT },       { STR_INIT("emoji"), TEXT },     { STR_INIT("colorFrom"), TEXT },
    { STR_INIT("colorTo"), TEXT },     { STR_INIT("sdk"), TEXT },       { STR_INIT("sdk_version"), TEXT },
    { STR_INIT("python_version"), TEXT }, { STR_INIT("app_file"), TEXT }, { STR_INIT("license"), TEXT_OR_TEXTS },
    { STR_INIT("short_description"), TEXT }, { STR_INIT("tags"), TEXTS }, { STR_INIT("models"), TEXTS },
    { STR_INIT("datasets"), TEXTS },
};

static const struct rule *rules_of(enum repo_kind kind, size_t *n)
{
    switch (kind) {
    case REPO_DATASET: *n = COUNT(dataset_rule); return dataset_rule;
    case REPO_SPACE: *n = COUNT(space_rule); return space_rule;
    default: *n = COUNT(model_rule); return model_rule;
    }
}

/* A scalar as text, in place; false if it has no sensible text. */
static bool to_text(struct json *v, struct arena *a)
{
    switch (v->type) {
    case JSON_STRING: return true;
    case JSON_BOOL: v->s = v->b ? STR("true") : STR("false"); break;
    case JSON_INT: v->s = arena_fmt(a, "%lld", (long long)v->i); break;
    case JSON_REAL: v->s = arena_fmt(a, "%.15g", v->r); break;
    default: return false;
    }
    v->type = JSON_STRING;
    return true;
}

/* Keeps the items that are text or can be; false if none is left of a list that had some. */
static bool to_texts(struct json *list, struct arena *a)
{
    struct json **link = &list->first;
    size_t had = list->count;
    list->count = 0;
    while (*link) {
        if (to_text(*link, a)) {
            list->count++;
            link = &(*link)->next;
        } else {
            *link = (*link)->next;
        }
    }
    return had == 0 || list->count > 0;
}

static void wrap(struct json *v, struct arena *a)
{
    struct json *item = json_new_str(a, v->s);
    v->type = JSON_ARRAY;
    v->first = item;
    v->count = 1;
}

/* False: the key has to go. */
static bool mend(struct json *v, enum shape shape, struct arena *a)
{
    switch (shape) {
    case TEXT:
        if (v->type == JSON_ARRAY) { /* license: [mit] */
            if (!to_texts(v, a) || v->count == 0) return false;
            v->s = v->first->s;
            v->type = JSON_STRING;
            return true;
        }
        return to_text(v, a);
    case TEXTS:
        if (v->type == JSON_ARRAY) return to_texts(v, a);
        if (!to_text(v, a)) return false;
        wrap(v, a);
        return true;
    case TEXT_OR_TEXTS: return v->type == JSON_ARRAY ? to_texts(v, a) : to_text(v, a);
    case LIST: return v->type == JSON_ARRAY;
    }
    return false;
}

void card_mend(struct json *card, enum repo_kind kind, struct arena *a)
{
    size_t n;
    const struct rule *rule = rules_of(kind, &n);
    struct json **link;

    if (!json_is(card, JSON_OBJECT)) return;
    for (link = &card->first; *link;) {
        struct json *v = *link;
        bool keep = true;
        for (size_t i = 0; i < n; i++)
            if (str_eq(rule[i].key, v->key)) keep = mend(v, rule[i].shape, a);
        if (keep) {
            link = &v->next;
        } else {
            *link = v->next;
            card->count--;
        }
    }
}
