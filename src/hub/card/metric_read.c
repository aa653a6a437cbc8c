/* hub/card/metric_read.c - the rows of a revision: its card, then the files of .eval_results/ by name. */
#include "hub/card/card.h"
#include "hub/card/metric.h"

#define RESULTS_FOLDER ".eval_results"

bool metric_has_results(struct db_conn *c, int64_t repo_id, bool *yes, struct err *e)
{
    static const char sql[] = "SELECT EXISTS (SELECT 1 FROM repo_file WHERE repo_id = ?1 AND path > '" RESULTS_FOLDER "/' AND path < '" RESULTS_FOLDER "0')";
    int64_t n;
    if (!db_get_int(c, &n, 0, e, sql, db_int(repo_id))) return false;
    *yes = n != 0;
    return true;
}

/* ------------------------------------------------------------------ the files of a revision */

struct found {
    struct arena *a;
    struct vcs_oid oid[METRIC_FILES_MAX];
    size_t n;
};

static bool take_file(void *ctx, const struct vcs_entry *entry)
{
    struct found *f = ctx;
    bool is_yaml = str_ends(entry->path, STR(".yaml")) || str_ends(entry->path, STR(".yml"));
    if (entry->kind != VCS_FILE || !is_yaml || entry->lfs.is_lfs || entry->blob_bytes > METRIC_FILE_BYTES_MAX) return true;
    f->oid[f->n++] = entry->oid;
    return f->n < METRIC_FILES_MAX;
}

static bool read_results(struct vcs_repo *git, const struct vcs_oid *commit, struct arena *a, struct metric_list *out, struct err *e)
{
    struct found f = { .a = a };
    struct vcs_walk walk = { .path = STR(RESULTS_FOLDER), .fn = take_file, .ctx = &f };
    bool found;
    if (!vcs_tree_walk(git, commit, &walk, &found, e)) return false;
    for (size_t i = 0; i < f.n; i++) {
        bytes text;
        struct json *entries;
        struct err why;
        if (!vcs_blob_read(git, &f.oid[i], METRIC_FILE_BYTES_MAX, a, &text, e)) return false;
        if (card_yaml_parse(str_of(text), a, &entries, &why)) metric_add_results(out, entries, a);
    }
    return true;
}

/* One that cannot be read says nothing. */
static void read_card(struct vcs_repo *git, const struct vcs_entry *entry, struct arena *a, struct metric_list *out)
{
    bytes text;
    str yaml, body;
    bool found;
    struct json *card;
    struct err why;
    if (entry->lfs.is_lfs || entry->blob_bytes > CARD_BYTES_MAX || !vcs_blob_read(git, &entry->oid, CARD_BYTES_MAX, a, &text, &why)) return;
    if (card_front_matter(str_of(text), &yaml, &body, &found) && found && card_yaml_parse(yaml, a, &card, &why)) metric_add_card(out, card, a);
}

bool metric_read(struct vcs_repo *git, const struct vcs_oid *commit, struct arena *a, struct metric_list *out, struct err *e)
{
    struct vcs_entry readme;
    bool found;
    metric_list_init(out, a);
    if (!vcs_entry_find(git, commit, STR("README.md"), &readme, &found, a, e)) return false;
    if (found && readme.kind != VCS_DIR) read_card(git, &readme, a, out);
    return read_results(git, commit, a, out, e);
}
