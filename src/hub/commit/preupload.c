/* hub/commit/preupload.c - how each file of a planned commit should be sent, and what its path holds now.
 *
 * Rules, in order: an empty file is regular; .gitattributes says LFS; over the size of regular files; the
 * beginning looks binary; otherwise regular. */
#include "base/hash.h"
#include "hub/commit/commit.h"
#include "hub/hub_priv.h"
#include "vcs/attributes.h"
#include "vcs/path.h"

/* A NUL, or bytes that are not UTF-8.  The sample may end in the middle of a character. */
static bool is_binary(bytes sample, bool is_cut)
{
    if (memchr(sample.p ? sample.p : (const uint8_t *)"", 0, sample.n)) return true;
    str s = str_of(sample);
    for (size_t cut = 0; cut <= 3 && cut <= s.n; cut++) {
        if (str_is_utf8(str_to(s, s.n - cut))) return false;
        if (!is_cut) return true;
    }
    return true;
}

/* The committed text of a file at the root, or "". */
static bool read_text(struct vcs_repo *v, const struct vcs_oid *commit, str path, str *out, struct arena *a, struct err *e)
{
    struct vcs_entry entry;
    bytes content;
    bool found = false;
    *out = STR("");
    if (!vcs_entry_find(v, commit, path, &entry, &found, a, e)) return false;
    if (!found || entry.kind != VCS_FILE || entry.blob_bytes > REGULAR_FILE_BYTES_MAX) return true;
    if (!vcs_blob_read(v, &entry.oid, REGULAR_FILE_BYTES_MAX, a, &content, e)) return false;
    *out = str_of(content);
    return true;
}

static bool current_oid(struct vcs_repo *v, const struct vcs_oid *commit, str path, str *out, struct arena *a, struct err *e)
{
    struct vcs_entry entry;
    bool found = false;
    char *hex = arena_alloc(a, SHA256_HEX + 1);
    *out = (str){ 0 };
    if (!vcs_entry_find(v, commit, path, &entry, &found, a, e)) return false;
    if (!found || entry.kind != VCS_FILE) return true;
    if (entry.lfs.is_lfs)
        hex_encode((bytes){ entry.lfs.sha256, SHA256_BYTES }, hex);
    else
        vcs_oid_hex(&entry.oid, hex);
    *out = str_c(hex);
    return true;
}

static bool answer(struct hub *h, const struct repo *r, struct vcs_repo *v, struct preupload *p, struct arena *a, struct err *e)
{
    struct vcs_revision rev;
    str attributes_text = p->git_attributes, ignore_text = p->git_ignore;
    if (!hub_resolve(h, r->id, v, p->rev, &rev, a, e)) return false;
    if (p->creates_pr && !str_starts(rev.ref, STR("refs/heads/"))) return hub_no_revision(p->rev, e);
    p->commit = rev.commit;
    if (!attributes_text.p && !read_text(v, &rev.commit, STR(".gitattributes"), &attributes_text, a, e)) return false;
    if (!ignore_text.p && !read_text(v, &rev.commit, STR(".gitignore"), &ignore_text, a, e)) return false;
    const struct vcs_attributes *attributes = vcs_attributes_parse(attributes_text, a);
    const struct vcs_ignore *ignore = vcs_ignore_parse(ignore_text, a);
    for (size_t i = 0; i < p->files_count; i++) {
        struct preupload_file *f = &p->files[i];
        if (!vcs_path_check(f->path, e) || !current_oid(v, &rev.commit, f->path, &f->oid, a, e)) return false;
        f->should_ignore = vcs_ignore_matches(ignore, f->path);
        f->is_lfs = f->size_bytes > 0 &&
                    (vcs_attributes_is_lfs(attributes, f->path) || f->size_bytes > REGULAR_FILE_BYTES_MAX ||
                     is_binary(f->sample, f->size_bytes > f->sample.n));
    }
    return true;
}

bool commit_preupload(struct hub *h, const struct repo *r, struct preupload *p, struct arena *a, struct err *e)
{
    struct vcs_repo *v = NULL;
    bool ok = hub_repo_open(h, r->id, &v, e) && answer(h, r, v, p, a, e);
    vcs_close(v);
    return ok;
}
