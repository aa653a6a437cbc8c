/* web/repo/blob.c - one file of a revision, shown as what it is. */
#include "hub/file.h"
#include "web/repo/files.h"

static const char *shown_as(str path, const struct vcs_entry *entry)
{
    static const struct { const char *ending, *as; } kinds[] = {
        { ".png", "picture" }, { ".jpg", "picture" }, { ".jpeg", "picture" }, { ".gif", "picture" }, { ".webp", "picture" },
        { ".wav", "sound" },   { ".mp3", "sound" },   { ".flac", "sound" },   { ".ogg", "sound" },   { ".mp4", "film" },
        { ".webm", "film" },
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (str_ends_nocase(path, str_c(kinds[i].ending))) return kinds[i].as;
    if (entry->lfs.is_lfs || entry->blob_bytes > FILE_TEXT_BYTES_MAX) return "download";
    return str_ends_nocase(path, STR(".md")) ? "markdown" : "text";
}

static bool write_text(struct page *p, struct vcs_repo *git, const struct vcs_entry *entry, str rev, const char **as, struct err *e)
{
    struct call *c = p->c;
    struct file_blob *blob;
    if (!file_hold(c->hub, &c->repo, &entry->oid, &git, &blob, e)) return false;
    str text = file_blob_content(blob);
    struct buf html = BUF_INIT(16 << 20);
    if (!str_is_utf8(text) || str_chr(text, '\0') != STR_NONE) *as = "download";
    bool is_markdown = strcmp(*as, "markdown") == 0;
    bool plain = call_query(c, "plain").p != NULL;
    if (is_markdown && (plain || !page_markdown(c, text, arena_cstr(c->a, rev), entry->path, &html, e))) *as = "text";
    if (strcmp(*as, "markdown") == 0) jw_kstr(&p->w, "html", buf_str(&html));
    if (strcmp(*as, "text") == 0) jw_kstr(&p->w, "text", text);
    jw_kbool(&p->w, "is_markdown", is_markdown);
    buf_deinit(&html);
    file_blob_release(blob);
    return true;
}

static bool get_blob(struct call *c, struct err *e)
{
    struct file_place at;
    struct vcs_entry entry;
    struct vcs_commit last;
    char hex[SHA256_HEX + 1];
    if (!file_place_entry(c, &at, &entry, e)) return false;
    if (entry.kind == VCS_DIR) return page_redirect(c, file_href(c, "tree", at.rev_text, at.path));
    if (!vcs_last_commits(at.git, &at.rev.commit, &at.path, 1, &last, c->a, e)) return false;
    struct page *p = file_page_new(c, &at, at.path);
    const char *as = shown_as(at.path, &entry);
    jw_kint(&p->w, "bytes", (int64_t)vcs_entry_size(&entry));
    file_write_kcommit(&p->w, "last", &last);
    if (entry.lfs.is_lfs) {
        hex_encode((bytes){ entry.lfs.sha256, SHA256_BYTES }, hex);
        jw_kstr(&p->w, "sha256", str_c(hex));
    }
    if ((strcmp(as, "text") == 0 || strcmp(as, "markdown") == 0) && !write_text(p, at.git, &entry, at.rev_text, &as, e)) return false;
    jw_kstr(&p->w, "as", str_c(as));
    return page_reply(p, 200, "repo/blob.html", e);
}

#define ROWS_OF(prefix) \
    { HTTP_GET, prefix "/blob/*rest", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_blob, "page.blob", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_blob = API_TABLE(rows);
