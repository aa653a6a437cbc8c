/* web/repo/viewer/viewer.c - the rows of a dataset's files: the first few on its card, and page by page at /datasets/OWNER/NAME/viewer.
 *
 * Rows are shown by split, through all files of one (viewer_split.c). Text (CSV, TSV, JSON lines) also by file, as it stands: it is read
 * from its beginning, as much as the page asked for needs and no more than READ_BYTES_MAX: what lies behind is not paged through, and the
 * page says so. That is also what is shown where a split of text cannot be read. */
#include "hub/mirror.h"
#include "hub/mirror_list.h"
#include "web/repo/files/files.h"
#include "web/repo/viewer/viewer.h"

enum { FILES_MAX = 200, ROWS_SHOWN = 50, FIRST_SHOWN = 8, FIRST_BYTES = 64 << 10, READ_BYTES_MAX = 8 << 20 };

/* The files of text that can be shown as rows. */
static bool find_files(struct call *c, struct repo_file_row **out, size_t *n, struct err *e)
{
    return repo_files_ending(call_db(c), c->repo.id, view_table_ending, VIEW_TABLE_ENDINGS, FILES_MAX, c->a, out, n, e);
}

/* The one to begin with: what is called "train", else the first. */
static str first_of(const struct repo_file_row *file, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_find_nocase(file[i].path, STR("train")) != STR_NONE) return file[i].path;
    return file[0].path;
}

static void write_rows(struct json_writer *w, const struct view_table *t)
{
    jw_karray(w, "columns");
    for (size_t k = 0; k < t->columns_count; k++) {
        jw_object(w);
        jw_kstr(w, "name", t->rows_count && k < t->row[0].n ? t->row[0].cell[k] : STR(""));
        jw_kstr(w, "type", str_c(t->type[k]));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_karray(w, "rows");
    for (size_t i = 1; i < t->rows_count; i++) {
        jw_array(w);
        for (size_t k = 0; k < t->row[i].n; k++) jw_str(w, t->row[i].cell[k]);
        jw_array_end(w);
    }
    jw_array_end(w);
    jw_kbool(w, "more_columns", t->more_columns);
}

/* Reads more and more of the file until there are the rows asked for and one behind them. */
static bool read_rows(struct call *c, struct vcs_repo *git, const struct vcs_entry *entry, struct view_window w, struct arena *a,
                      struct view_table *t, bool *is_cut, bool *is_text, struct err *e)
{
    struct facts_source from = { c->hub, c->repo.id, git };
    uint64_t all = vcs_entry_size(entry);
    for (size_t n = FIRST_BYTES;; n *= 4) {
        struct view_window one_more = { w.skip, w.most + 1 };
        bytes b;
        if (n > READ_BYTES_MAX) n = READ_BYTES_MAX;
        if (!view_read(&from, entry, n, a, &b, e)) return false;
        *is_cut = b.n < all;
        view_rows_read(entry->path, str_of(b), *is_cut, one_more, a, t);
        *is_text = str_chr(str_of(b), '\0') == STR_NONE;
        if (t->rows_count > one_more.most || !*is_cut || n == READ_BYTES_MAX) return true;
    }
}

/* Members of the object viewer: file, rows and their columns; first: the number of the first row. */
static bool write_file(struct page *p, str path, struct view_window window, struct err *e)
{
    struct call *c = p->c;
    struct vcs_repo *git;
    struct vcs_revision rev;
    struct vcs_entry entry;
    struct view_table t;
    bool found, is_cut, is_text;
    if (!call_git(c, &git, e) || !call_revision(c, STR("main"), &rev, e)) return false;
    if (!vcs_entry_find(git, &rev.commit, path, &entry, &found, c->a, e)) return false;
    if (!found || entry.kind != VCS_FILE || !view_is_table(path))
        return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no file \"%.*s\" to be shown as rows", STR_ARG(str_to(path, 200)));
    struct arena *a = arena_new(0);
    bool ok = read_rows(c, git, &entry, window, a, &t, &is_cut, &is_text, e);
    if (ok) {
        bool has_next = t.rows_count > window.most + 1;
        if (has_next) t.rows_count--; /* the one that told */
        jw_kstr(&p->w, "file", path);
        jw_kint(&p->w, "bytes", (int64_t)vcs_entry_size(&entry));
        jw_kint(&p->w, "first", (int64_t)window.skip + 1);
        jw_kbool(&p->w, "has_next", has_next);
        jw_kbool(&p->w, "ends_early", !has_next && is_cut);
        jw_kbool(&p->w, "is_text", is_text);
        if (is_text) write_rows(&p->w, &t);
    }
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ of a mirror */

/* What of these files is still at the upstream: it would come before a row is shown. */
static bool count_away(struct call *c, const struct repo_file_row *const *file, size_t n, uint64_t *bytes_away, struct err *e)
{
    *bytes_away = 0;
    for (size_t i = 0; c->repo.upstream.n && i < n; i++) {
        bool here = true;
        if (file[i]->is_lfs && !mirror_shows_file(c->hub, call_db(c), &c->repo, &file[i]->sha256, file[i]->size_bytes, &here, e)) return false;
        if (!here) *bytes_away += file[i]->size_bytes;
    }
    return true;
}

static void write_away(struct page *p, uint64_t bytes_away)
{
    jw_kint(&p->w, "away", (int64_t)bytes_away);
    jw_kbool(&p->w, "may_bring", bytes_away <= DATASET_BRING_BYTES_MAX);
}

/* ------------------------------------------------------------------ on the card */

static bool is_text(const struct dataset_split *s) { return s->format == DATASET_JSON || s->format == DATASET_CSV || s->format == DATASET_LINES; }

/* Of a split of Parquet the first file only: how many rows all have is told by the viewer. Of text a file as it stands. */
static bool write_first(struct page *p, const struct viewer_splits *s, const struct repo_file_row *file, size_t n, struct err *e)
{
    struct view_window first = { 0, FIRST_SHOWN };
    size_t all = n;
    uint64_t away = 0;
    if (s->n && !count_away(p->c, s->split[0].file, 1, &away, e)) return false;
    if (away) {
        write_away(p, away);
        return true;
    }
    if (s->n && !is_text(&s->split[0])) {
        struct dataset_split one = s->split[0];
        bool is_folder = dataset_is_folder(one.format);
        if (!is_folder) one.files_count = 1;
        if (!viewer_write_split(p, &one, NULL, first, e)) return false;
        jw_kstr(&p->w, "split", s->split[0].split);
        for (size_t i = 0; i < s->files.n; i++) all += dataset_is_parquet(s->files.file[i].path);
        if (is_folder) all = 1;
    } else if (!n) {
        return err_set(e, ERR_NOT_FOUND, "no file is shown as rows by itself");
    } else if (!write_file(p, first_of(file, n), first, e)) {
        return false;
    }
    jw_kint(&p->w, "files", (int64_t)all);
    return true;
}

bool write_viewer(struct page *p, const struct json *card, struct err *e)
{
    struct viewer_splits s;
    struct repo_file_row *file;
    size_t n;
    struct err why;
    if (!viewer_splits_read(p->c, card, &s, e) || !find_files(p->c, &file, &n, e)) return false;
    if (!n && !s.n) return true;
    size_t before = p->b.n;
    struct json_writer w = p->w;
    jw_kobject(&p->w, "viewer");
    if (write_first(p, &s, file, n, &why)) {
        jw_object_end(&p->w);
    } else { /* a card without rows is still a card */
        p->b.n = before;
        p->w = w;
    }
    return true;
}

/* ------------------------------------------------------------------ the viewer */

static void read_query(struct call *c, struct viewer_query *q)
{
    *q = (struct viewer_query){ str_trim(call_query(c, "q")), str_trim(call_query(c, "where")), str_trim(call_query(c, "orderby")) };
}

/* What there is to choose from. */
static void write_choice(struct page *p, const struct viewer_splits *s, const struct repo_file_row *file, size_t n)
{
    bool has_configs = false;
    for (size_t i = 1; i < s->n; i++) has_configs |= !str_eq(s->split[i].config, s->split[0].config);
    jw_karray(&p->w, "splits");
    for (size_t i = 0; i < s->n; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "value", viewer_split_name(&s->split[i], p->c->a));
        jw_kstr(&p->w, "config", has_configs ? s->split[i].config : STR(""));
        jw_kstr(&p->w, "split", s->split[i].split);
        jw_kint(&p->w, "files", (int64_t)s->split[i].files_count);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    struct viewer_query q;
    read_query(p->c, &q);
    jw_kobject(&p->w, "query");
    jw_kstr(&p->w, "words", q.words);
    jw_kstr(&p->w, "where", q.where);
    jw_kstr(&p->w, "order", q.order);
    jw_object_end(&p->w);
    jw_karray(&p->w, "files");
    for (size_t i = 0; i < n; i++) jw_str(&p->w, file[i].path);
    jw_array_end(&p->w);
    jw_kbool(&p->w, "more_files", n == FILES_MAX);
    jw_kint(&p->w, "step", ROWS_SHOWN);
}

/* One Parquet file by its name. */
static bool write_one(struct page *p, const struct viewer_splits *s, str path, struct view_window window, struct err *e)
{
    for (size_t i = 0; i < s->files.n; i++) {
        const struct repo_file_row *one = &s->files.file[i];
        struct dataset_split only = { .files = &s->files, .file = &one, .files_count = 1 };
        if (str_eq(one->path, path)) return viewer_write_split(p, &only, NULL, window, e);
    }
    return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no file \"%.*s\" to be shown as rows", STR_ARG(str_to(path, 200)));
}

static bool write_split(struct page *p, const struct viewer_splits *s, str asked, struct view_window window, struct err *e)
{
    struct viewer_query q;
    const struct dataset_split *split = viewer_split_asked(s, asked, p->c->a);
    if (!split) return err_set(e, ERR_NOT_FOUND, "There is no split \"%.*s\"", STR_ARG(str_to(asked, 200)));
    jw_kstr(&p->w, "of", viewer_split_name(split, p->c->a));
    jw_kstr(&p->w, "split", split->split);
    jw_kbool(&p->w, "more_parts", split->has_more || s->files.has_more);
    read_query(p->c, &q);
    return viewer_write_split(p, split, &q, window, e);
}

/* What is asked for may have to come first, which somebody must want: *away is then what that comes to, and stands on the page. */
static bool bring(struct page *p, const struct viewer_splits *s, str path, str asked, const struct repo_file_row *text, size_t n, uint64_t *away, struct err *e)
{
    struct call *c = p->c;
    struct repo_file_row row;
    const struct repo_file_row *one = &row, *const *file = &one;
    const struct dataset_split *split = !path.n && s->n ? viewer_split_asked(s, asked, c->a) : NULL;
    size_t files = split ? split->files_count : 1;
    bool found = true;
    *away = 0;
    if (split) file = (const struct repo_file_row *const *)split->file;
    else if (!path.n && (asked.n || !n)) return true;
    else if (!repo_file_find(call_db(c), c->repo.id, path.n ? path : first_of(text, n), &row, &found, c->a, e)) return false;
    if (!found) return true;
    if (!count_away(c, file, files, away, e)) return false;
    if (!*away) return true;
    if (*away > DATASET_BRING_BYTES_MAX || !str_eq(call_query(c, "bring"), STR("yes"))) {
        write_away(p, *away);
        jw_kstr(&p->w, split ? "of" : "file", split ? viewer_split_name(split, c->a) : row.path);
        return true;
    }
    call_give_back(c);
    struct mirror_waiter waiter = { call_has_left, c };
    for (size_t i = 0; i < files; i++)
        if (file[i]->is_lfs && !mirror_need_file(c->hub, c->repo.id, &file[i]->sha256, file[i]->size_bytes, &waiter, e)) return false;
    *away = 0;
    return true;
}

/* What cannot be read as rows is told on the page, where another split may be chosen. */
static bool write_asked(struct page *p, const struct viewer_splits *s, const struct repo_file_row *text, size_t n, struct view_window window, struct err *e)
{
    str file = call_query(p->c, "file"), asked = call_query(p->c, "split");
    size_t before = p->b.n;
    struct json_writer w = p->w;
    bool ok = true;
    uint64_t away;
    struct viewer_query q;
    if (!file.n && !asked.n && !s->n && !n) return true;
    read_query(p->c, &q);
    bool is_asked = file.n || asked.n || q.words.n || q.where.n || q.order.n;
    jw_kobject(&p->w, "viewer");
    if (!bring(p, s, file, asked, text, n, &away, e)) return false;
    if (away) {
        jw_object_end(&p->w);
        return true;
    }
    if (file.n) ok = dataset_is_parquet(file) ? write_one(p, s, file, window, e) : write_file(p, file, window, e);
    else if (asked.n || s->n) ok = write_split(p, s, asked, window, e);
    else ok = write_file(p, first_of(text, n), window, e);
    if (!ok && (e->code == ERR_NOT_FOUND || e->code == ERR_BUSY || e->code == ERR_IO || e->code == ERR_INTERNAL)) return false;
    if (!ok) {
        p->b.n = before;
        p->w = w;
        jw_kobject(&p->w, "viewer");
    }
    if (!ok && !is_asked && n && s->n && is_text(&s->split[0])) {
        if (!write_file(p, first_of(text, n), window, e)) return false;
    } else if (!ok) {
        jw_kstr(&p->w, "problem", str_c(e->msg));
        jw_kstr(&p->w, "file", file);
        jw_kstr(&p->w, "of", asked.n || !s->n || file.n ? asked : viewer_split_name(&s->split[0], p->c->a));
    }
    jw_object_end(&p->w);
    return true;
}

static bool get_viewer(struct call *c, struct err *e)
{
    struct viewer_splits s;
    const struct json *card;
    struct repo_file_row *file;
    size_t n;
    uint64_t row = 1;
    if (c->repo.kind != REPO_DATASET) return err_set(e, ERR_NOT_FOUND, "Only datasets have a viewer");
    if (!repo_card(call_db(c), c->repo.id, &card, c->a, e) || !viewer_splits_read(c, card, &s, e) || !find_files(c, &file, &n, e)) return false;
    str_u64(call_query(c, "row"), &row);
    struct page *p = page_new(c, STR("Viewer"));
    page_write_repo_frame(p, "viewer");
    write_choice(p, &s, file, n);
    struct view_window window = { row && row <= INT64_MAX / 2 ? row - 1 : 0, ROWS_SHOWN };
    return write_asked(p, &s, file, n, window, e) && page_reply(p, 200, "repo/viewer/viewer.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/:kind(datasets)/:ns/:repo/viewer", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_viewer, "page.viewer", SHAPE_PAGE },
    { HTTP_GET, "/:kind(datasets)/:ns/:repo/viewer/picture", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, viewer_get_picture, "page.viewer.picture", SHAPE_PAGE },
};
const struct api_table web_viewer = API_TABLE(rows);
