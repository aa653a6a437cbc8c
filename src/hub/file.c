/* hub/file.c - see hub/file.h. */
#include "hub/file.h"

#include "hub/hub_priv.h"

enum { BLOB_BYTES_MAX = 64 << 20 }; /* git blobs are at most 10 MiB unless pushed before the limit */

/* Clients match this text. */
static bool no_entry(struct err *e) { return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "Entry not found"); }

/* From repo_index and repo_file, in one statement: what it answers is of one moment.  An index that is being written, or that a crash
 * left half written, has no head_sha and tells nothing. */
bool file_find_indexed(struct db_conn *c, const struct repo *r, str rev, str path, struct file_found *out, bool *known,
                       struct err *e)
{
    static const char sql[] = "SELECT i.head_sha, f.oid, f.size_bytes, f.sha256 FROM repo_index i"
                              " LEFT JOIN repo_file f ON f.repo_id = i.repo_id AND f.path = ?2 WHERE i.repo_id = ?1";
    struct db_query q;
    bool found = false;
    *out = (struct file_found){ 0 };
    *known = false;
    if (!db_query(c, &q, e, sql, db_int(r->id), db_text(path))) return false;
    if (db_next(&q, e)) {
        str sha = db_col_text(&q, 0);
        bool is_main = str_eq(rev, STR("main")) || str_eq(rev, STR("HEAD")) || str_eq(rev, STR("refs/heads/main")) || str_eq(rev, sha);
        *known = out->has_commit = is_main && vcs_oid_parse(sha, &out->commit);
        found = *known && vcs_oid_parse(db_col_text(&q, 1), &out->oid);
    }
    if (found) {
        out->size_bytes = (uint64_t)db_col_int(&q, 2);
        out->is_lfs = db_col_sha256(&q, 3, &out->sha256);
    }
    if (!db_end(&q)) return false;
    return found || !*known || no_entry(e);
}

bool file_find(struct hub *h, struct db_conn *c, const struct repo *r, str rev, str path, struct vcs_repo **git,
               struct file_found *out, struct arena *a, struct err *e)
{
    bool known, found;
    struct vcs_revision revision;
    struct vcs_entry entry;
    if (!file_find_indexed(c, r, rev, path, out, &known, e)) return false;
    if (known) return true;

    if (!*git && !hub_repo_open(h, r->id, git, e)) return false;
    if (!hub_resolve(h, r->id, *git, rev, &revision, a, e)) return false;
    out->commit = revision.commit;
    out->has_commit = true;
    if (path.n == 0) return no_entry(e);
    if (!vcs_entry_find(*git, &revision.commit, path, &entry, &found, a, e)) return false;
    if (!found || entry.kind != VCS_FILE) return no_entry(e);
    out->oid = entry.oid;
    out->is_lfs = entry.lfs.is_lfs;
    memcpy(out->sha256.b, entry.lfs.sha256, SHA256_BYTES);
    out->size_bytes = vcs_entry_size(&entry);
    return true;
}

struct file_blob *file_hold_cached(struct hub *h, const struct repo *r, const struct vcs_oid *oid)
{
    return file_cache_find(h->files, r->id, oid);
}

size_t file_lent_bytes(struct hub *h) { return file_cache_lent(h->files); }

bool file_hold(struct hub *h, const struct repo *r, const struct vcs_oid *oid, struct vcs_repo **git,
               struct file_blob **held, struct err *e)
{
    *held = file_hold_cached(h, r, oid);
    if (*held) return true;
    if (!*git && !hub_repo_open(h, r->id, git, e)) return false;
    struct arena *a = arena_new(0);
    bytes content;
    bool ok = vcs_blob_read(*git, oid, BLOB_BYTES_MAX, a, &content, e);
    if (ok) *held = file_cache_add(h->files, r->id, oid, content);
    arena_free(a);
    return ok;
}
