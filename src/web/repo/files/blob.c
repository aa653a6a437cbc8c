/* web/repo/files/blob.c - one file of a revision, shown as what it is. */
#include "hub/history.h"
#include "hub/view/view.h"
#include "web/repo/files/safety.h"
#include "web/repo/files/show.h"

static bool write_large(struct page *p, const struct vcs_entry *entry, bool here, struct err *e)
{
    struct view_large large = { 0 };
    struct sha256 sha256;
    char hex[SHA256_HEX + 1];
    memcpy(sha256.b, entry->lfs.sha256, SHA256_BYTES);
    hex_encode((bytes){ entry->lfs.sha256, SHA256_BYTES }, hex);
    if (here && !view_large_read(p->c->hub, &sha256, p->c->a, &large, e)) return false;
    jw_kobject(&p->w, "large");
    jw_kstr(&p->w, "sha256", str_c(hex));
    if (large.has_xet) {
        jw_kstr(&p->w, "xet_hash", str_c(large.xet_hash));
        jw_kint(&p->w, "pieces", (int64_t)large.pieces);
        jw_kint(&p->w, "xorbs", (int64_t)large.xorbs);
        jw_kint(&p->w, "stored", (int64_t)large.stored_bytes);
    }
    jw_object_end(&p->w);
    return true;
}

static bool get_blob(struct call *c, struct err *e)
{
    struct file_place at;
    struct vcs_entry entry;
    struct vcs_commit last;
    bool here;
    if (!file_place_entry(c, &at, &entry, e)) return false;
    if (entry.kind == VCS_DIR) return page_redirect(c, file_href(c, "tree", at.rev_text, at.path));
    if (entry.kind == VCS_SUBMODULE) return err_set(e, ERR_NOT_FOUND, "%.*s is a submodule: what it names is kept elsewhere", STR_ARG(str_to(at.path, 200)));
    if (!file_is_here(c, &entry, &here, e)) return false;
    if (!hub_last_commits(c->hub, c->repo.id, at.git, &at.rev.commit, &at.path, 1, c->a, &last, e)) return false;
    struct page *p = file_page_new(c, &at, at.path);
    const char *as = here ? show_kind(at.path, &entry) : "away"; /* to look at it would bring it */
    jw_kint(&p->w, "bytes", (int64_t)vcs_entry_size(&entry));
    jw_kstr(&p->w, "kind", str_c(as));
    jw_kbool(&p->w, "has_source", show_has_source(as));
    file_write_kcommit(&p->w, "last", &last);
    if (!safety_write_file(p, &entry, e)) return false;
    if (!file_write_refs(p, e) || (entry.lfs.is_lfs && !write_large(p, &entry, here, e)) || !show_write(p, &at, &entry, &as, e)) return false;
    jw_kstr(&p->w, "as", str_c(as));
    jw_kbool(&p->w, "has_blame", !entry.lfs.is_lfs && entry.blob_bytes <= FILE_TEXT_BYTES_MAX && (strcmp(as, "text") == 0 || show_has_source(as)));
    return page_reply(p, 200, "repo/files/blob.html", e);
}

#define ROWS_OF(prefix) \
    { HTTP_GET, prefix "/blob/*rest", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_blob, "page.blob", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_blob = API_TABLE(rows);
