/* web/repo/history/blame.c - a text file with the commit that brought each of its lines. */
#include "hub/history.h"
#include "hub/text/highlight.h"
#include "hub/view/view.h"
#include "web/repo/files/show.h"

enum { BLAME_LINES_MAX = 10000 };

struct blame {
    str text;    /* the lines that are shown */
    size_t lines, lines_all;
    struct vcs_blame_run *run;
    struct vcs_oid *commit; /* all of theirs, sorted */
    size_t runs, commits;
    bool is_whole;
};

/* Why there are no lines to show; NULL: there are. */
static const char *read_text(struct call *c, const struct file_place *at, const struct vcs_entry *entry, struct blame *b, bool *ok, struct err *e)
{
    struct facts_source from = { c->hub, c->repo.id, at->git };
    bytes content;
    *ok = true;
    if (entry->lfs.is_lfs) return "It is stored as a large file, and those are not looked at line by line.";
    if (entry->blob_bytes > FILE_TEXT_BYTES_MAX) return "It is too long: files of up to 1 MiB are looked at line by line.";
    *ok = view_read(&from, entry, FILE_TEXT_BYTES_MAX, c->a, &content, e);
    if (!*ok) return NULL;
    b->text = str_of(content);
    if (!show_is_text(b->text)) return "It is no text in UTF-8.";
    b->lines = b->lines_all = show_lines(b->text);
    if (b->lines > BLAME_LINES_MAX) b->lines = BLAME_LINES_MAX;
    return NULL;
}

static int id_order(const void *a, const void *b) { return memcmp(a, b, sizeof(struct vcs_oid)); }

/* Each commit once, by its id: runs name it by its place in that list. */
static bool write_commits(struct page *p, const struct file_place *at, struct blame *b, struct err *e)
{
    struct vcs_commit k;
    bool found;
    b->commit = arena_alloc(p->c->a, (b->runs + 1) * sizeof *b->commit);
    for (size_t i = 0; i < b->runs; i++) b->commit[i] = b->run[i].commit;
    qsort(b->commit, b->runs, sizeof *b->commit, id_order);
    jw_karray(&p->w, "commits");
    for (size_t i = 0; i < b->runs; i++) {
        struct vcs_oid id = b->commit[i];
        if (vcs_oid_is_zero(&id) || (b->commits && vcs_oid_eq(&id, &b->commit[b->commits - 1]))) continue;
        if (!vcs_commit_read(at->git, &id, &k, &found, p->c->a, e)) return false;
        if (!found) return err_set(e, ERR_INTERNAL, "a commit of the history is gone");
        b->commit[b->commits++] = id;
        jw_object(&p->w);
        file_write_commit(&p->w, &k);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return true;
}

static void write_lines(struct json_writer *w, size_t n, str *html, str *open)
{
    struct buf line = BUF_INIT(0);
    jw_karray(w, "lines");
    for (size_t i = 0; i < n && highlight_cut_line(html, open, &line); i++) {
        jw_str(w, buf_str(&line));
        buf_reset(&line);
    }
    jw_array_end(w);
    buf_deinit(&line);
}

static void write_runs(struct page *p, const struct file_place *at, const struct blame *b)
{
    struct json_writer *w = &p->w;
    struct buf coloured = BUF_INIT(0);
    char hex[VCS_OID_HEX + 1];
    highlight_add(&coloured, show_language(at->path, b->text), b->text);
    str html = buf_str(&coloured), open = { NULL, 0 };
    jw_karray(w, "runs");
    for (size_t i = 0; i < b->runs; i++) {
        const struct vcs_blame_run *run = &b->run[i];
        jw_object(w);
        jw_kint(w, "first", (int64_t)run->line);
        const struct vcs_oid *k = bsearch(&run->commit, b->commit, b->commits, sizeof *k, id_order);
        if (k) jw_kint(w, "commit", k - b->commit);
        if (!vcs_oid_is_zero(&run->before)) jw_kstr(w, "before", file_href(p->c, "blame", vcs_oid_hex(&run->before, hex), run->before_path));
        write_lines(w, run->count, &html, &open);
        jw_object_end(w);
    }
    jw_array_end(w);
    buf_deinit(&coloured);
}

static bool write_blame(struct page *p, const struct file_place *at, const struct vcs_oid *last, struct blame *b, struct err *e)
{
    struct call *c = p->c;
    if (!hub_blame(c->hub, c->repo.id, at->git, last, at->path, b->lines, c->a, &b->run, &b->runs, &b->is_whole, e)) return false;
    jw_kint(&p->w, "lines_count", (int64_t)b->lines);
    jw_kint(&p->w, "lines_all", (int64_t)b->lines_all);
    if (!b->is_whole) jw_kint(&p->w, "seconds", BLAME_MS / 1000);
    if (!write_commits(p, at, b, e)) return false;
    write_runs(p, at, b);
    return true;
}

static bool get_blame(struct call *c, struct err *e)
{
    struct file_place at;
    struct vcs_entry entry;
    struct vcs_commit last;
    struct blame b = { 0 };
    bool ok;
    if (!file_place_entry(c, &at, &entry, e)) return false;
    if (entry.kind != VCS_FILE) return page_redirect(c, file_href(c, entry.kind == VCS_DIR ? "tree" : "blob", at.rev_text, at.path));
    if (!hub_last_commits(c->hub, c->repo.id, at.git, &at.rev.commit, &at.path, 1, c->a, &last, e)) return false;
    const char *why_not = read_text(c, &at, &entry, &b, &ok, e);
    if (!ok) return false;
    struct page *p = file_page_new(c, &at, arena_fmt(c->a, "Blame of %.*s", STR_ARG(at.path)));
    jw_kint(&p->w, "bytes", (int64_t)vcs_entry_size(&entry));
    if (why_not) jw_kstr(&p->w, "why_not", str_c(why_not));
    else if (!write_blame(p, &at, &last.id, &b, e)) return false;
    return file_write_refs(p, e) && page_reply(p, 200, "repo/history/blame.html", e);
}

#define ROWS_OF(prefix) \
    { HTTP_GET, prefix "/blame/*rest", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_blame, "page.blame", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_blame = API_TABLE(rows);
