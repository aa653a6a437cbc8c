/* web/repo/files.c - the files of a revision: folders with the commit that last touched each entry, one file, the history,
 * and one commit with its differences. */
#include "hub/file.h"
#include "web/frame/page.h"

enum { ENTRIES_MAX = 1000, TEXT_BYTES_MAX = 1 << 20, COMMITS_SHOWN = 50, DIFF_BYTES_MAX = 1 << 20 };

/* ------------------------------------------------------------------ what all of them say */

static void write_commit(struct json_writer *w, const struct vcs_commit *k)
{
    char hex[VCS_OID_HEX + 1];
    vcs_oid_hex(&k->id, hex);
    jw_kstr(w, "id", str_c(hex));
    jw_kstr(w, "short", str_n(hex, 7));
    jw_kstr(w, "title", k->title);
    jw_kstr(w, "body", k->body);
    jw_kstr(w, "author", k->author_name);
    jw_kint(w, "at_ms", k->author_ms);
}

static void write_where(struct page *p, str rev, str path)
{
    page_write_repo_frame(p, "files");
    jw_kstr(&p->w, "rev", rev);
    jw_kstr(&p->w, "file_path", path);
    jw_karray(&p->w, "steps"); /* to each folder above */
    for (size_t i = 0; i <= path.n && path.n; i++) {
        if (i < path.n && path.p[i] != '/') continue;
        str upto = str_to(path, i);
        size_t slash = str_rchr(upto, '/');
        jw_object(&p->w);
        jw_kstr(&p->w, "name", slash == STR_NONE ? upto : str_from(upto, slash + 1));
        jw_kstr(&p->w, "path", upto);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

static bool write_branches(struct page *p, struct vcs_repo *git, struct err *e)
{
    struct vcs_ref *ref;
    size_t n;
    if (!vcs_refs(git, p->c->a, &ref, &n, e)) return false;
    jw_karray(&p->w, "refs");
    for (size_t i = 0; i < n; i++) {
        str name = ref[i].name;
        if (str_starts(name, STR("refs/heads/"))) jw_str(&p->w, str_from(name, 11));
        else if (str_starts(name, STR("refs/tags/"))) jw_str(&p->w, str_from(name, 10));
    }
    jw_array_end(&p->w);
    return true;
}

/* ------------------------------------------------------------------ a folder */

struct folder {
    struct arena *a;
    struct vcs_entry entry[ENTRIES_MAX];
    str path[ENTRIES_MAX];
    size_t n;
    bool more;
};

static bool take_entry(void *ctx, const struct vcs_entry *entry)
{
    struct folder *f = ctx;
    f->more = f->n == ENTRIES_MAX;
    if (f->more) return false;
    f->entry[f->n] = *entry;
    f->entry[f->n].path = f->path[f->n] = arena_dup(f->a, entry->path);
    f->n++;
    return true;
}

static void write_entry(struct json_writer *w, const struct vcs_entry *entry, const struct vcs_commit *last)
{
    size_t slash = str_rchr(entry->path, '/');
    jw_object(w);
    jw_kstr(w, "name", slash == STR_NONE ? entry->path : str_from(entry->path, slash + 1));
    jw_kstr(w, "path", entry->path);
    jw_kbool(w, "is_folder", entry->kind == VCS_DIR);
    jw_kbool(w, "is_large", entry->lfs.is_lfs);
    jw_kint(w, "bytes", (int64_t)vcs_entry_size(entry));
    if (last) {
        jw_kobject(w, "last");
        write_commit(w, last);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static bool get_tree(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_repo *git;
    str rev_text = STR("main"), path = STR("");
    bool found = true;
    if (!call_git(c, &git, e)) return false;
    struct page *p = page_new(c, c->repo.full_name);
    struct err missing;
    bool has = call_param(c, "rest").p ? call_rev_path(c, "rest", &rev, &rev_text, &path, &missing) : call_revision(c, rev_text, &rev, &missing);
    bool is_empty = !has && str_eq(rev_text, STR("main")); /* a repository that nobody has pushed to */
    if (!has && !is_empty) {
        *e = missing;
        return false;
    }
    write_where(p, rev_text, path);
    jw_kbool(&p->w, "is_empty", is_empty);
    if (is_empty) return page_reply(p, 200, "repo/tree.html", e);

    struct folder *f = arena_one(c->a, struct folder);
    f->a = c->a;
    struct vcs_walk walk = { .path = path, .fn = take_entry, .ctx = f };
    if (!vcs_tree_walk(git, &rev.commit, &walk, &found, e)) return false;
    if (!found) return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no folder \"%.*s\" in this revision", STR_ARG(path));
    struct vcs_commit *last = arena_alloc(c->a, (f->n + 1) * sizeof *last), head;
    if (!vcs_last_commits(git, &rev.commit, f->path, f->n, last, c->a, e)) return false;
    if (!vcs_commit_read(git, &rev.commit, &head, &found, c->a, e)) return false;
    jw_kobject(&p->w, "head");
    write_commit(&p->w, &head);
    jw_object_end(&p->w);
    jw_kbool(&p->w, "more", f->more);
    jw_karray(&p->w, "entries");
    for (int folders = 1; folders >= 0; folders--) /* folders first */
        for (size_t i = 0; i < f->n; i++)
            if ((f->entry[i].kind == VCS_DIR) == folders) write_entry(&p->w, &f->entry[i], &last[i]);
    jw_array_end(&p->w);
    return write_branches(p, git, e) && page_reply(p, 200, "repo/tree.html", e);
}

/* ------------------------------------------------------------------ one file */

static const char *shown_as(str path, const struct vcs_entry *entry)
{
    static const struct { const char *ending, *as; } kinds[] = {
        { ".png", "picture" }, { ".jpg", "picture" }, { ".jpeg", "picture" }, { ".gif", "picture" }, { ".webp", "picture" },
        { ".wav", "sound" },   { ".mp3", "sound" },   { ".flac", "sound" },   { ".ogg", "sound" },   { ".mp4", "film" },
        { ".webm", "film" },
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (str_ends_nocase(path, str_c(kinds[i].ending))) return kinds[i].as;
    if (entry->lfs.is_lfs || entry->blob_bytes > TEXT_BYTES_MAX) return "download";
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
    struct vcs_revision rev;
    struct vcs_entry entry;
    struct vcs_commit last;
    struct vcs_repo *git;
    str rev_text, path;
    bool found;
    char hex[SHA256_HEX + 1];
    if (!call_rev_path(c, "rest", &rev, &rev_text, &path, e) || !call_git(c, &git, e) ||
        !vcs_entry_find(git, &rev.commit, path, &entry, &found, c->a, e))
        return false;
    if (!found || entry.kind != VCS_FILE)
        return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no file \"%.*s\" in this revision", STR_ARG(path));
    if (!vcs_last_commits(git, &rev.commit, &path, 1, &last, c->a, e)) return false;
    struct page *p = page_new(c, path);
    const char *as = shown_as(path, &entry);
    write_where(p, rev_text, path);
    jw_kint(&p->w, "bytes", (int64_t)vcs_entry_size(&entry));
    jw_kobject(&p->w, "last");
    write_commit(&p->w, &last);
    jw_object_end(&p->w);
    if (entry.lfs.is_lfs) {
        hex_encode((bytes){ entry.lfs.sha256, SHA256_BYTES }, hex);
        jw_kstr(&p->w, "sha256", str_c(hex));
    }
    if ((strcmp(as, "text") == 0 || strcmp(as, "markdown") == 0) && !write_text(p, git, &entry, rev_text, &as, e)) return false;
    jw_kstr(&p->w, "as", str_c(as));
    return page_reply(p, 200, "repo/blob.html", e);
}

/* ------------------------------------------------------------------ history */

static bool get_commits(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_commit *log;
    struct vcs_repo *git;
    str rev_text, path;
    size_t n, total;
    uint64_t page_number = 0;
    if (!call_rev_path(c, "rest", &rev, &rev_text, &path, e) || !call_git(c, &git, e)) return false;
    str_u64(call_query(c, "p"), &page_number);
    if (page_number > 1000000) return err_set(e, ERR_INVALID, "No history is that long");
    if (!vcs_log(git, &rev.commit, (size_t)page_number * COMMITS_SHOWN, COMMITS_SHOWN, c->a, &log, &n, &total, e)) return false;
    struct page *p = page_new(c, STR("History"));
    write_where(p, rev_text, STR(""));
    jw_kint(&p->w, "total", (int64_t)total);
    jw_kint(&p->w, "page_number", (int64_t)page_number);
    jw_kbool(&p->w, "more", (page_number + 1) * COMMITS_SHOWN < total);
    jw_karray(&p->w, "commits");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        write_commit(&p->w, &log[i]);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "repo/commits.html", e);
}

static void write_lines(struct json_writer *w, str diff)
{
    str line;
    jw_karray(w, "lines");
    while (str_cut(&diff, '\n', &line)) {
        bool head = str_starts(line, STR("diff --git ")) || str_starts(line, STR("index ")) || str_starts(line, STR("--- ")) ||
                    str_starts(line, STR("+++ ")) || str_starts(line, STR("new file")) || str_starts(line, STR("deleted file"));
        const char *kind = str_starts(line, STR("diff --git ")) ? "file" : head ? "head" : str_starts(line, STR("@@")) ? "hunk"
                         : line.n && line.p[0] == '+' ? "add" : line.n && line.p[0] == '-' ? "del" : "same";
        if (strcmp(kind, "head") == 0) continue;
        jw_object(w);
        jw_kstr(w, "kind", str_c(kind));
        jw_kstr(w, "text", strcmp(kind, "file") == 0 ? str_from(line, 11) : line);
        jw_object_end(w);
    }
    jw_array_end(w);
}

void page_write_diff(struct page *p, struct vcs_repo *git, const struct vcs_oid *from, const struct vcs_oid *to)
{
    struct buf diff = BUF_INIT(DIFF_BYTES_MAX);
    struct err too_large;
    if (vcs_diff_text(git, from, to, &diff, &too_large)) write_lines(&p->w, buf_str(&diff));
    else jw_kstr(&p->w, "diff_error", str_c(too_large.msg));
    buf_deinit(&diff);
}

static bool get_commit(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_commit k;
    struct vcs_repo *git;
    bool found;
    if (!call_revision(c, call_param(c, "rev"), &rev, e) || !call_git(c, &git, e) || !vcs_commit_read(git, &rev.commit, &k, &found, c->a, e))
        return false;
    must(found);
    struct page *p = page_new(c, k.title);
    page_write_repo_frame(p, "files");
    jw_kobject(&p->w, "commit");
    write_commit(&p->w, &k);
    jw_object_end(&p->w);
    page_write_diff(p, git, k.parents_count ? &k.parent : NULL, &k.id);
    return page_reply(p, 200, "repo/commit.html", e);
}

#define ROWS_OF(prefix)                                                                                                            \
    { HTTP_GET, prefix "/tree/*rest", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_tree, "page.tree", SHAPE_PAGE },                   \
    { HTTP_GET, prefix "/blob/*rest", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_blob, "page.blob", SHAPE_PAGE },                  \
    { HTTP_GET, prefix "/commits/*rest", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_commits, "page.commits", SHAPE_PAGE },          \
    { HTTP_GET, prefix "/commit/:rev", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_commit, "page.commit", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_files_table = API_TABLE(rows);
