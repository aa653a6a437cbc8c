/* hub/index/tag_group.c - which group a tag belongs to, by its prefix or by the words that cards share. */
#include "hub/index/tag_group.h"

#include "hub/card/card.h"

static const struct {
    str prefix;
    enum tag_group group;
} prefixed[] = {
    { STR_INIT("license:"), TAG_LICENSE },       { STR_INIT("dataset:"), TAG_DATASET },
    { STR_INIT("arxiv:"), TAG_ARXIV },           { STR_INIT("doi:"), TAG_DOI },
    { STR_INIT("region:"), TAG_REGION },         { STR_INIT("base_model:"), TAG_BASE_MODEL },
    { STR_INIT("language:"), TAG_LANGUAGE },     { STR_INIT("task_categories:"), TAG_TASK },
    { STR_INIT("task_ids:"), TAG_TASK_ID },      { STR_INIT("size_categories:"), TAG_SIZE },
    { STR_INIT("modality:"), TAG_MODALITY },     { STR_INIT("format:"), TAG_FORMAT },
    { STR_INIT("library:"), TAG_LIBRARY },
};

const char *tag_group_name(enum repo_kind kind, enum tag_group g)
{
    static const char *const name[] = {
        [TAG_TASK] = "task_categories", [TAG_LIBRARY] = "library",       [TAG_DATASET] = "dataset",   [TAG_LANGUAGE] = "language",
        [TAG_LICENSE] = "license",      [TAG_ARXIV] = "arxiv",           [TAG_DOI] = "doi",           [TAG_REGION] = "region",
        [TAG_SIZE] = "size_categories", [TAG_MODALITY] = "modality",     [TAG_FORMAT] = "format",     [TAG_BASE_MODEL] = "base_model",
        [TAG_TASK_ID] = "task_ids",     [TAG_OTHER] = "other",
    };
    return g == TAG_TASK && kind == REPO_MODEL ? "pipeline_tag" : name[g];
}

static const char *label_of(const struct card_term *term, size_t n, str id)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(id, str_c(term[i].id))) return term[i].label;
    return NULL;
}

static bool is_language_code(str tag)
{
    if (tag.n != 2 && tag.n != 3) return false;
    for (size_t i = 0; i < tag.n; i++)
        if (tag.p[i] < 'a' || tag.p[i] > 'z') return false;
    return true;
}

enum tag_group tag_group_of(enum repo_kind kind, str tag, str *label)
{
    size_t n;
    const char *known;
    const struct card_term *term = card_tasks(&n);
    *label = tag;
    for (size_t i = 0; i < COUNT(prefixed); i++) {
        if (!str_starts(tag, prefixed[i].prefix) || tag.n == prefixed[i].prefix.n) continue;
        *label = str_from(tag, prefixed[i].prefix.n);
        if (prefixed[i].group == TAG_TASK && (known = label_of(term, n, *label))) *label = str_c(known);
        return prefixed[i].group;
    }
    if ((known = label_of(term, n, tag))) {
        *label = str_c(known);
        return kind == REPO_MODEL ? TAG_TASK : TAG_OTHER;
    }
    term = card_libraries(&n);
    if ((known = label_of(term, n, tag))) {
        *label = str_c(known);
        return TAG_LIBRARY;
    }
    return kind == REPO_MODEL && is_language_code(tag) ? TAG_LANGUAGE : TAG_OTHER;
}
