/* hub/blame.c - who changed each line of a file last: see hub/history.h.
 *
 * It may take seconds of a processor, and every visitor may ask.  So two run at a time, whoever asks, and what was found is kept. */
#include "base/turn.h"
#include "hub/history.h"
#include "hub/hub_priv.h"

enum { AT_ONCE = 2, WAITING_MAX = 6, WAIT_S = 15 };

static struct turns turns = TURNS_INIT;

/* What was cut short is not kept: the next who asks may find the machine less busy. */
static bool ask_git(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *last, str path, size_t lines, const struct vcs_oid *key,
                    struct arena *a, str *text, bool *is_whole, struct err *e)
{
    struct buf b = BUF_INIT(0);
    bool ok = vcs_blame_text(git, last, path, lines, BLAME_MS, &b, is_whole, e);
    if (ok && *is_whole) answer_keep(h, repo_id, key, b.p, b.n);
    if (ok) *text = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return ok;
}

static bool find_kept(struct hub *h, int64_t repo_id, const struct vcs_oid *key, struct arena *a, str *text)
{
    struct file_blob *held = file_cache_find(h->histories, repo_id, key);
    if (held) *text = arena_dup(a, file_blob_content(held));
    file_blob_release(held);
    return held != NULL;
}

bool hub_blame(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *last, str path, size_t lines, struct arena *a,
               struct vcs_blame_run **out, size_t *n, bool *is_whole, struct err *e)
{
    char hex[VCS_OID_HEX + 1];
    struct vcs_oid key = answer_key("blame %s %zu %.*s", vcs_oid_hex(last, hex).p, lines, STR_ARG(path));
    str text = STR("");
    bool ok = true;
    *is_whole = true;
    if (lines && !find_kept(h, repo_id, &key, a, &text)) {
        if (!turn_take(&turns, AT_ONCE, WAITING_MAX, WAIT_S)) return err_set(e, ERR_BUSY, "Others wait for such a page already; try again in some seconds");
        ok = find_kept(h, repo_id, &key, a, &text) || /* whom we waited for asked the same */
             ask_git(h, repo_id, git, last, path, lines, &key, a, &text, is_whole, e);
        turn_end(&turns);
    }
    if (ok) vcs_blame_parse(text, path, lines, a, out, n);
    return ok;
}
