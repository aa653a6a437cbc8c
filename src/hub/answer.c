/* hub/answer.c - answers about commits and folders that took long and never change, kept under a hash of the question. */
#include <stdarg.h>

#include "base/hash.h"
#include "hub/history.h"
#include "hub/hub_priv.h"

struct vcs_oid answer_key(const char *question, ...)
{
    struct vcs_oid key;
    struct buf b = BUF_INIT(0);
    va_list ap;
    va_start(ap, question);
    buf_vaddf(&b, question, ap);
    va_end(ap);
    struct sha256 sum = sha256_of(bytes_of(buf_str(&b)));
    memcpy(key.b, sum.b, sizeof key.b);
    buf_deinit(&b);
    return key;
}

bool answer_find(struct hub *h, int64_t repo_id, const struct vcs_oid *key, void *out, size_t n)
{
    struct file_blob *held = file_cache_find(h->histories, repo_id, key);
    if (held) memcpy(out, file_blob_content(held).p, n);
    file_blob_release(held);
    return held != NULL;
}

void answer_keep(struct hub *h, int64_t repo_id, const struct vcs_oid *key, const void *answer, size_t n)
{
    file_blob_release(file_cache_add(h->histories, repo_id, key, (bytes){ answer, n }));
}

/* ------------------------------------------------------------------ two commits */

bool hub_merge_base(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *a, const struct vcs_oid *b, struct vcs_oid *out, bool *found, struct err *e)
{
    char one[VCS_OID_HEX + 1], two[VCS_OID_HEX + 1];
    struct { struct vcs_oid commit; bool found; } answer = { .found = false };
    struct vcs_oid key = answer_key("merge base %s %s", vcs_oid_hex(a, one).p, vcs_oid_hex(b, two).p);
    if (!answer_find(h, repo_id, &key, &answer, sizeof answer)) {
        if (!vcs_merge_base(git, a, b, &answer.commit, &answer.found, e)) return false;
        answer_keep(h, repo_id, &key, &answer, sizeof answer);
    }
    *found = answer.found;
    if (*found) *out = answer.commit;
    return true;
}

/* Kept: how many there are, then the ids of the first. */
bool hub_log_between(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *base, const struct vcs_oid *head, size_t limit, struct arena *a,
                     struct vcs_commit **out, size_t *n, size_t *total, struct err *e)
{
    char one[VCS_OID_HEX + 1], two[VCS_OID_HEX + 1];
    struct vcs_oid key = answer_key("between %s %s %zu", vcs_oid_hex(base, one).p, vcs_oid_hex(head, two).p, limit);
    struct file_blob *held = file_cache_find(h->histories, repo_id, &key);
    struct buf b = BUF_INIT(0);
    if (!held) {
        if (!vcs_log_between(git, base, head, limit, a, out, n, total, e)) return false;
        buf_add(&b, str_n((const char *)total, sizeof *total));
        for (size_t i = 0; i < *n; i++) buf_add(&b, str_n((const char *)(*out)[i].id.b, sizeof (*out)[i].id));
        answer_keep(h, repo_id, &key, b.p, b.n);
        buf_deinit(&b);
        return true;
    }
    str kept = file_blob_content(held);
    memcpy(total, kept.p, sizeof *total);
    kept = str_from(kept, sizeof *total);
    *n = kept.n / sizeof(struct vcs_oid);
    bool ok = history_read(git, kept, *n, a, out, e);
    file_blob_release(held);
    return ok;
}

bool hub_renamed_from(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_commit *commit, str path, struct arena *a, str *old_path, struct err *e)
{
    char hex[VCS_OID_HEX + 1];
    struct vcs_oid key = answer_key("renamed %s %.*s", vcs_oid_hex(&commit->id, hex).p, STR_ARG(path));
    struct file_blob *held = file_cache_find(h->histories, repo_id, &key);
    *old_path = STR("");
    if (held) {
        *old_path = arena_dup(a, file_blob_content(held));
        file_blob_release(held);
        return true;
    }
    if (commit->parents_count && !vcs_renamed_from(git, &commit->parent, &commit->id, path, a, old_path, e)) return false;
    answer_keep(h, repo_id, &key, old_path->p, old_path->n);
    return true;
}

/* ------------------------------------------------------------------ a folder */

struct sizes {
    struct hub *hub;
    int64_t repo_id;
};

static struct vcs_oid size_key(const struct vcs_oid *folder)
{
    char hex[VCS_OID_HEX + 1];
    return answer_key("size %s", vcs_oid_hex(folder, hex).p);
}

static bool size_find(void *ctx, const struct vcs_oid *folder, uint64_t *bytes_count)
{
    const struct sizes *s = ctx;
    struct vcs_oid key = size_key(folder);
    return answer_find(s->hub, s->repo_id, &key, bytes_count, sizeof *bytes_count);
}

static void size_keep(void *ctx, const struct vcs_oid *folder, uint64_t bytes_count)
{
    const struct sizes *s = ctx;
    struct vcs_oid key = size_key(folder);
    answer_keep(s->hub, s->repo_id, &key, &bytes_count, sizeof bytes_count);
}

bool hub_tree_size(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *commit, str path, uint64_t *bytes_count, bool *found, struct err *e)
{
    struct sizes s = { h, repo_id };
    struct vcs_known_sizes known = { size_find, size_keep, &s };
    return vcs_tree_size(git, commit, path, &known, bytes_count, found, e);
}
