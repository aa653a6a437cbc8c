/* web/repo/change/edit.c - files made, edited, renamed and deleted by forms: each is a commit or a pull request.
 *
 * What is wrong with a form stands above it, with everything that was typed still in it. */
#include "hub/file.h"
#include "web/repo/change/change.h"

/* A text of FILE_TEXT_BYTES_MAX takes up to three times as much in a form. */
enum { FORM_BYTES_MAX = 4 << 20, SMALL_FORM_BYTES_MAX = 64 << 10, DIFF_BYTES_MAX = 256 << 10 };

/* ------------------------------------------------------------------ the page */

struct edit {
    struct file_place at;
    bool is_new;
    bool is_gone;       /* the file was there when the form was made, and is not any more */
    bool has_text;      /* it can be edited as text; else it can be given another name */
    bool was_crlf;      /* the lines of the file end in CR LF, and shall go on to do so */
    str name, text;     /* what stands in the form */
    str before;         /* the text at the head; empty for a new file */
    struct change change;
};

/* Text that a form gives back as it got it, but for its line ends. */
static bool is_editable(str text) { return text.n <= FILE_TEXT_BYTES_MAX && str_is_utf8(text) && str_chr(text, '\0') == STR_NONE; }

static bool ends_lines_in_crlf(str text)
{
    size_t lf = str_chr(text, '\n');
    if (lf == STR_NONE) return false;
    for (size_t i = lf; i < text.n; i++)
        if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r')) return false;
    return true;
}

/* Browsers send CR LF whatever they were given. */
static str with_line_ends(str text, bool crlf, struct arena *a)
{
    struct buf b = BUF_INIT(2 * text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        bool ends = text.p[i] == '\n' || (text.p[i] == '\r' && (i + 1 == text.n || text.p[i + 1] != '\n'));
        if (text.p[i] == '\r' && !ends) continue;
        if (!ends) buf_byte(&b, text.p[i]);
        else buf_add(&b, crlf ? STR("\r\n") : STR("\n"));
    }
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static bool edit_load(struct call *c, struct edit *x, bool is_new, struct err *e)
{
    struct vcs_entry entry;
    struct file_blob *blob;
    *x = (struct edit){ .is_new = is_new, .has_text = is_new, .before = STR(""), .text = STR("") };
    change_read(c, STR(""), &x->change);
    /* Who may open a discussion before a gate may not read behind it. */
    if (!call_allow(c, &c->repo, REPO_READ, e)) return false;
    if (!(is_new ? file_place_get(c, &x->at, e) : change_entry(c, &x->change, &x->at, &entry, &x->is_gone, e))) return false;
    if (!x->at.branch.p) return err_set(e, ERR_INVALID, "Only what is on a branch can be edited; %.*s is a tag or a commit", STR_ARG(str_to(x->at.rev_text, 200)));
    x->name = x->at.path;
    if (is_new) return true;
    if (entry.kind != VCS_FILE) return err_set(e, ERR_INVALID, "%.*s is a folder", STR_ARG(str_to(x->at.path, 200)));
    if (entry.lfs.is_lfs || entry.blob_bytes > FILE_TEXT_BYTES_MAX) return true;
    if (!file_hold(c->hub, &c->repo, &entry.oid, &x->at.git, &blob, e)) return false;
    x->has_text = is_editable(file_blob_content(blob));
    if (x->has_text) x->text = x->before = arena_dup(c->a, file_blob_content(blob));
    x->was_crlf = ends_lines_in_crlf(x->before);
    file_blob_release(blob);
    return true;
}

/* What others did to the file since the form was shown. */
static void write_theirs(struct page *p, const struct edit *x)
{
    struct vcs_revision since;
    struct buf diff = BUF_INIT(DIFF_BYTES_MAX);
    struct err e;
    if (call_revision(p->c, x->change.parent, &since, &e) &&
        vcs_diff_text_of(x->at.git, &since.commit, &x->at.rev.commit, x->at.path, &diff, &e))
        page_write_diff_text(p, buf_str(&diff), false);
    buf_deinit(&diff);
}

static bool edit_page(struct call *c, struct edit *x, int status, str problem, struct err *e)
{
    struct page *p = file_page_new(c, &x->at, x->is_new ? STR("New file") : STR("Edit"));
    jw_kbool(&p->w, "is_new", x->is_new);
    jw_kbool(&p->w, "has_text", x->has_text);
    jw_kstr(&p->w, "name", x->name);
    jw_kstr(&p->w, "text", x->text);
    jw_kstr(&p->w, "problem_text", problem);
    jw_kbool(&p->w, "is_markdown", str_ends_nocase(x->at.path, STR(".md")));
    if (x->change.is_conflict && !x->is_new) write_theirs(p, x);
    change_write(p, &x->at, &x->change);
    return page_reply(p, status, "repo/change/edit.html", e);
}

/* What a card begins with, for who has never written one.  Committed as it stands, it claims nothing. */
static str card_begun(struct call *c)
{
    const char *fields = c->repo.kind == REPO_MODEL ? "# pipeline_tag: text-generation\n# library_name: transformers\n# base_model: owner/name\n"
                       : c->repo.kind == REPO_DATASET ? "# task_categories: [text-classification]\n" : "";
    return arena_fmt(c->a, "---\n# Lists and search go by these. Take the # away where a line fits, and say what is so.\n# license: apache-2.0\n# language: [en]\n"
                     "%s# tags: [first, second]\n---\n\n# %.*s\n\nWhat it is, what it was made from, and what it may be used for.\n", fields, STR_ARG(c->repo.name));
}

static bool get_new(struct call *c, struct err *e)
{
    struct edit x;
    if (!edit_load(c, &x, true, e)) return false;
    if (x.at.path.n) x.name = arena_fmt(c->a, "%.*s/", STR_ARG(x.at.path));
    str suggested = call_query(c, "filename");
    if (suggested.n) x.name = arena_fmt(c->a, "%.*s%.*s", STR_ARG(x.name), STR_ARG(str_to(suggested, 255)));
    if (str_eq(x.name, STR("README.md"))) x.text = card_begun(c);
    return edit_page(c, &x, 200, STR(""), e);
}

static bool get_edit(struct call *c, struct err *e)
{
    struct edit x;
    return edit_load(c, &x, false, e) && edit_page(c, &x, 200, STR(""), e);
}

/* ------------------------------------------------------------------ what comes back */

static bool read_form(struct call *c, struct edit *x, struct err *e)
{
    str name = page_field(c, "name"), text;
    bool has_text = http_form_nth(http_body(c->http), c->a, "text", 0, &text);
    x->name = name.p ? name : STR("");
    if (x->has_text && !has_text) return err_set(e, ERR_INVALID, "The text of the file is missing");
    if (x->has_text) x->text = with_line_ends(text, x->was_crlf, c->a);
    if (!name.n) return err_set(e, ERR_INVALID, "The file needs a name");
    if (x->has_text && !is_editable(x->text)) return err_set(e, ERR_TOO_LARGE, "A text may have %d MiB here; upload it instead", FILE_TEXT_BYTES_MAX >> 20);
    return true;
}

/* Is there something of this name, or a file where it needs a folder? */
static bool is_taken(struct call *c, struct edit *x, str *by, struct err *e)
{
    struct vcs_entry entry;
    bool found;
    *by = (str){ 0 };
    for (size_t i = 0; i <= x->name.n && !by->p; i++) {
        if (i < x->name.n && x->name.p[i] != '/') continue;
        str upto = str_to(x->name, i);
        if (i == x->name.n && !x->is_new && str_eq(upto, x->at.path)) continue;
        if (!vcs_entry_find(x->at.git, &x->at.rev.commit, upto, &entry, &found, c->a, e)) return false;
        if (found && (i == x->name.n || entry.kind != VCS_DIR)) *by = upto;
    }
    return true;
}

static bool refuse_taken(str by, struct err *e)
{
    return err_set(e, ERR_CONFLICT, "There is already something called \"%.*s\"", STR_ARG(str_to(by, 200)));
}

static bool put(struct edit *x, struct commit *k, struct err *e)
{
    bool moves = !x->is_new && !str_eq(x->name, x->at.path);
    if (moves && !commit_copy(k, x->at.path, x->name, true, e)) return false;
    bool has_changed = x->is_new || (x->has_text && !str_eq(x->text, x->before));
    return !has_changed || commit_put_file(k, x->name, bytes_of(x->text), e);
}

static bool save(struct call *c, struct edit *x, struct err *e)
{
    struct commit *k;
    str taken, paths[] = { x->name, x->at.path };
    str verb = x->is_new ? STR("Create") : str_eq(x->name, x->at.path) ? STR("Update") : STR("Rename");
    str summary = str_eq(verb, STR("Rename")) ? arena_fmt(c->a, "Rename %.*s to %.*s", STR_ARG(x->at.path), STR_ARG(x->name))
                                              : arena_fmt(c->a, "%.*s %.*s", STR_ARG(verb), STR_ARG(x->name));
    if (!x->change.summary.n) x->change.summary = summary;
    if (!is_taken(c, x, &taken, e)) return false;
    /* The form of a new file, sent again because its answer was lost, finds its own file: commit_finish knows. */
    bool may_be_ours = taken.p && x->is_new && change_is_stale(&x->at, &x->change);
    if (taken.p && !may_be_ours) return refuse_taken(taken, e);
    if (!x->is_new && str_eq(x->name, x->at.path) && str_eq(x->text, x->before)) {
        if (change_is_stale(&x->at, &x->change)) return page_redirect(c, file_href(c, "blob", x->at.rev_text, x->name)); /* it stands there by now */
        return err_set(e, ERR_INVALID, "Nothing has changed yet, so there is nothing to commit");
    }
    if (!change_begin(c, &x->at, &x->change, paths, x->is_new ? 1 : 2, &k, e)) return false;
    if (!put(x, k, e)) {
        commit_abort(k);
        return false;
    }
    if (change_end(c, &x->change, k, file_href(c, "blob", x->at.rev_text, x->name), e)) return true;
    if (!may_be_ours || !x->change.is_conflict) return false;
    x->change.is_conflict = false;
    return refuse_taken(taken, e);
}

/* Others deleted or renamed the file meanwhile: what was typed can be committed as a new one. */
static bool offer_anew(struct call *c, struct edit *x, struct err *e)
{
    str path = x->at.path;
    size_t slash = str_rchr(path, '/');
    err_set(e, ERR_CONFLICT, "Somebody deleted or renamed \"%.*s\" while you were at it; nothing of yours was committed yet", STR_ARG(str_to(path, 200)));
    if (!x->has_text) return false;
    str problem = arena_fmt(c->a, "%s. Committed now, your text makes the file anew.", e->msg);
    if (!file_place_get(c, &x->at, e)) return false; /* at the head */
    x->at.path = slash == STR_NONE ? STR("") : str_to(path, slash);
    x->is_new = true;
    change_read(c, STR(""), &x->change);
    return edit_page(c, x, 409, problem, e);
}

static bool post(struct call *c, bool is_new, struct err *e)
{
    struct edit x;
    struct err why;
    if (!edit_load(c, &x, is_new, e)) return false;
    if (read_form(c, &x, &why) && save(c, &x, &why)) return true;
    if (x.is_gone && x.change.is_conflict) return offer_anew(c, &x, e);
    int status = api_status_of(&why);
    if (status < 500 && status != 401) return edit_page(c, &x, status, str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_new(struct call *c, struct err *e) { return post(c, true, e); }
static bool post_edit(struct call *c, struct err *e) { return post(c, false, e); }

/* What a Markdown text will look like, for the editor: {"text"} in, {"html"} out. */
static bool post_preview(struct call *c, struct err *e)
{
    struct file_place at;
    struct json *body;
    str text;
    struct buf html = BUF_INIT(16 << 20), b = BUF_INIT(0);
    if (!file_place_get(c, &at, e) || !call_json(c, &body, e) || !json_need_str(body, "text", &text, e)) return false;
    if (text.n > FILE_TEXT_BYTES_MAX) return err_set(e, ERR_TOO_LARGE, "A text may have %d MiB here", FILE_TEXT_BYTES_MAX >> 20);
    bool ok = page_markdown(c, text, arena_cstr(c->a, at.rev_text), at.path, &html, e);
    if (ok) {
        struct json_writer w = json_writer(&b);
        jw_object(&w);
        jw_kstr(&w, "html", buf_str(&html));
        jw_object_end(&w);
    }
    buf_deinit(&html);
    return ok && call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ deleting */

static bool delete_page(struct call *c, const struct file_place *at, const struct vcs_entry *entry, const struct change *change,
                        int status, str problem, struct err *e)
{
    struct page *p = file_page_new(c, at, STR("Delete"));
    jw_kbool(&p->w, "is_folder", entry->kind == VCS_DIR);
    jw_kint(&p->w, "bytes", (int64_t)vcs_entry_size(entry));
    jw_kstr(&p->w, "problem_text", problem);
    change_write(p, at, change);
    return page_reply(p, status, "repo/change/delete.html", e);
}

static bool get_delete(struct call *c, struct err *e)
{
    struct file_place at;
    struct vcs_entry entry;
    struct change change = { 0 };
    return call_allow(c, &c->repo, REPO_READ, e) && file_place_entry(c, &at, &entry, e) && delete_page(c, &at, &entry, &change, 200, STR(""), e);
}

static bool remove_path(struct call *c, const struct file_place *at, struct change *change, struct err *e)
{
    struct commit *k;
    if (!change_begin(c, at, change, &at->path, 1, &k, e)) return false;
    if (!commit_delete(k, at->path, VCS_REMOVE_ANY, e)) {
        commit_abort(k);
        return false;
    }
    return change_end(c, change, k, file_href(c, "tree", at->rev_text, STR("")), e);
}

static bool post_delete(struct call *c, struct err *e)
{
    struct file_place at;
    struct vcs_entry entry;
    struct change change;
    struct err why;
    bool is_gone;
    change_read(c, STR(""), &change);
    if (!call_allow(c, &c->repo, REPO_READ, e) || !change_entry(c, &change, &at, &entry, &is_gone, e)) return false;
    if (is_gone) return page_redirect(c, file_href(c, "tree", at.rev_text, STR(""))); /* by this form, sent before, or by somebody else */
    if (!change.summary.n) change.summary = arena_fmt(c->a, "Delete %.*s", STR_ARG(at.path));
    if (remove_path(c, &at, &change, &why)) return true;
    int status = api_status_of(&why);
    if (status < 500 && status != 401) return delete_page(c, &at, &entry, &change, status, str_c(why.msg), e);
    *e = why;
    return false;
}

#define ROWS_OF(prefix)                                                                                                                    \
    { HTTP_GET, prefix "/new/*rest", PERM_REPO_DISCUSS, HTTP_BODY_NONE, 0, 0, get_new, "page.file.new", SHAPE_PAGE },                     \
    { HTTP_POST, prefix "/new/*rest", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_new, "page.file.create", SHAPE_PAGE },  \
    { HTTP_GET, prefix "/edit/*rest", PERM_REPO_DISCUSS, HTTP_BODY_NONE, 0, 0, get_edit, "page.file.edit", SHAPE_PAGE },                  \
    { HTTP_POST, prefix "/edit/*rest", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_edit, "page.file.change", SHAPE_PAGE }, \
    { HTTP_POST, prefix "/preview/*rest", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_preview, "page.file.preview", SHAPE_PAGE }, \
    { HTTP_GET, prefix "/delete/*rest", PERM_REPO_DISCUSS, HTTP_BODY_NONE, 0, 0, get_delete, "page.file.delete", SHAPE_PAGE },            \
    { HTTP_POST, prefix "/delete/*rest", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, SMALL_FORM_BYTES_MAX, 0, post_delete, "page.file.remove", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_edit = API_TABLE(rows);
