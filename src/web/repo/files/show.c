/* web/repo/files/show.c - see web/repo/files/show.h.  Readers and their limits are those of hub/view/. */
#include "web/repo/files/show.h"

#include "hub/view/view.h"

enum {
    TABLE_BYTES_MAX = 512 << 10, VECTOR_BYTES_MAX = 256 << 10, TENSORS_SHOWN = 200, WEIGHTS_ARENA_MAX = 256 << 20,
    BEGINNING_BYTES_MAX = 256 << 10, NUMBERED_LINES_MAX = 20000, COLOURED_BYTES_MAX = 256 << 10,
};

/* What its name says is text, though it is large. */
static bool is_text_name(str path)
{
    static const char *const endings[] = { ".txt", ".md", ".json", ".jsonl", ".ndjson", ".log", ".xml", ".yaml", ".yml", ".py", ".html", ".tex", ".sql", ".ipynb", ".svg", ".conllu" };
    for (size_t i = 0; i < COUNT(endings); i++)
        if (str_ends_nocase(path, str_c(endings[i]))) return true;
    return false;
}

const char *show_kind(str path, const struct vcs_entry *entry)
{
    static const struct { const char *ending, *as; } kinds[] = {
        { ".png", "picture" }, { ".jpg", "picture" },  { ".jpeg", "picture" }, { ".gif", "picture" },  { ".webp", "picture" },
        { ".wav", "sound" },   { ".mp3", "sound" },    { ".flac", "sound" },   { ".ogg", "sound" },    { ".mp4", "film" },
        { ".webm", "film" },   { ".pdf", "document" }, { ".csv", "table" },    { ".tsv", "table" },
        { ".jsonl", "table" }, { ".ndjson", "table" },
    };
    uint64_t bytes_count = vcs_entry_size(entry);
    if (view_is_weights(path)) return "weights";
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (str_ends_nocase(path, str_c(kinds[i].ending))) return kinds[i].as;
    if (str_ends_nocase(path, STR(".svg")) && bytes_count <= VECTOR_BYTES_MAX) return "vector";
    if (str_ends_nocase(path, STR(".ipynb")) && bytes_count <= VIEW_NOTEBOOK_BYTES_MAX) return "notebook";
    if (entry->lfs.is_lfs || bytes_count > FILE_TEXT_BYTES_MAX) return is_text_name(path) ? "beginning" : "download";
    return str_ends_nocase(path, STR(".md")) || str_ends_nocase(path, STR(".markdown")) ? "markdown" : "text";
}

bool show_has_source(const char *kind)
{
    return strcmp(kind, "markdown") == 0 || strcmp(kind, "table") == 0 || strcmp(kind, "notebook") == 0 || strcmp(kind, "vector") == 0;
}

/* ------------------------------------------------------------------ text of all sorts */

size_t show_lines(str text)
{
    size_t lines = text.n > 0;
    for (size_t i = 0; i + 1 < text.n; i++) lines += text.p[i] == '\n';
    return lines;
}

static void write_lines_count(struct page *p, str text)
{
    size_t lines = show_lines(text);
    jw_kint(&p->w, "lines_count", (int64_t)lines);
    jw_kbool(&p->w, "is_numbered", lines <= NUMBERED_LINES_MAX);
}

str show_language(str path, str text)
{
    size_t dot = str_rchr(path, '.'), slash = str_rchr(path, '/');
    if (text.n > COLOURED_BYTES_MAX) return STR("");
    if (dot == STR_NONE || (slash != STR_NONE && slash > dot)) return slash == STR_NONE ? path : str_from(path, slash + 1);
    return str_from(path, dot + 1);
}

bool show_is_text(str text) { return text.n <= FILE_TEXT_BYTES_MAX && str_is_utf8(text) && str_chr(text, '\0') == STR_NONE; }

static void write_plain(struct page *p, str path, str text, const char **as)
{
    if (!show_is_text(text)) {
        *as = "download";
        return;
    }
    *as = "text";
    jw_kstr(&p->w, "text", text);
    jw_kstr(&p->w, "language", show_language(path, text));
    write_lines_count(p, text);
}

/* The first lines of what is too large to be shown whole. */
static void write_beginning(struct page *p, str path, str text, const char **as)
{
    size_t end = str_rchr(text, '\n');
    if (end == STR_NONE || end < text.n / 2) { /* lines that long: up to a whole character */
        end = text.n;
        while (end && ((unsigned char)text.p[end - 1] & 0xc0) == 0x80) end--;
        if (end) end--;
    } else {
        end++;
    }
    write_plain(p, path, str_to(text, end), as);
    if (strcmp(*as, "text") != 0) return;
    jw_kint(&p->w, "beginning_bytes", (int64_t)end);
}

static void write_markdown(struct page *p, const struct file_place *at, str text, const char **as)
{
    struct buf html = BUF_INIT(16 << 20);
    struct err why;
    if (page_markdown(p->c, text, arena_cstr(p->c->a, at->rev_text), at->path, &html, &why)) page_give_html(p, "html", &html);
    else write_plain(p, at->path, text, as);
    buf_deinit(&html);
}

/* In a picture no script of an SVG runs, and nothing is fetched. */
static void write_vector(struct page *p, str text)
{
    struct buf coded = BUF_INIT(0);
    buf_base64(&coded, bytes_of(text));
    jw_kstr(&p->w, "vector", buf_str(&coded));
    buf_deinit(&coded);
}

static void write_table(struct page *p, const struct file_place *at, str text, bool is_cut)
{
    struct view_table t;
    view_rows_read(at->path, text, is_cut, (struct view_window){ 0, VIEW_ROWS_MAX }, p->c->a, &t);
    jw_kobject(&p->w, "table");
    jw_kbool(&p->w, "more_rows", t.more_rows);
    jw_kbool(&p->w, "more_columns", t.more_columns);
    jw_kint(&p->w, "columns", (int64_t)t.columns_count);
    jw_karray(&p->w, "rows");
    for (size_t i = 0; i < t.rows_count; i++) {
        jw_array(&p->w);
        for (size_t k = 0; k < t.row[i].n; k++) jw_str(&p->w, t.row[i].cell[k]);
        jw_array_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_object_end(&p->w);
}

static void write_notebook(struct page *p, const struct file_place *at, str text, const char **as)
{
    struct call *c = p->c;
    struct err why;
    size_t slash = str_rchr(at->path, '/'), n = p->b.n;
    struct json_writer before = p->w;
    struct clean_base base = { arena_fmt(c->a, "%.*s/", STR_ARG(file_href(c, "blob", at->rev_text, STR("")))),
                               arena_fmt(c->a, "%.*s/", STR_ARG(file_href(c, "resolve", at->rev_text, STR("")))),
                               slash == STR_NONE ? STR("") : str_to(at->path, slash + 1) };
    jw_kobject(&p->w, "notebook");
    if (view_notebook_write(text, &base, &p->w, &why)) {
        jw_object_end(&p->w);
        return;
    }
    p->b.n = n; /* take the half of it back */
    p->w = before;
    jw_kstr(&p->w, "view_error", arena_fmt(c->a, "This is no notebook that can be shown: %s", why.msg));
    write_plain(p, at->path, text, as);
}

static bool write_content(struct page *p, const struct file_place *at, const struct vcs_entry *entry, const char **as, struct err *e)
{
    struct arena *a = arena_new(2 * (size_t)VIEW_NOTEBOOK_BYTES_MAX);
    bool is_table = strcmp(*as, "table") == 0, is_beginning = strcmp(*as, "beginning") == 0;
    bool is_whole = !is_beginning && (!is_table || vcs_entry_size(entry) <= TABLE_BYTES_MAX);
    size_t max = is_table ? TABLE_BYTES_MAX : is_beginning ? BEGINNING_BYTES_MAX : VIEW_NOTEBOOK_BYTES_MAX;
    bytes b;
    struct facts_source from = { p->c->hub, p->c->repo.id, at->git };
    bool ok = view_read(&from, entry, max, a, &b, e);
    str text = ok ? str_of(b) : STR("");
    bool plain = call_query(p->c, "plain").p || strcmp(*as, "text") == 0;
    if (ok && !is_whole && (plain || is_beginning)) write_beginning(p, at->path, text, as);
    else if (ok && is_whole && !str_is_utf8(text)) *as = "download";
    else if (ok && plain) write_plain(p, at->path, text, as);
    else if (ok && strcmp(*as, "markdown") == 0) write_markdown(p, at, text, as);
    else if (ok && is_table) write_table(p, at, text, !is_whole);
    else if (ok && strcmp(*as, "notebook") == 0) write_notebook(p, at, text, as);
    else if (ok) write_vector(p, text);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ weights */

static void write_tensor(struct json_writer *w, const struct view_tensor *t)
{
    jw_object(w);
    jw_kstr(w, "name", t->name);
    jw_kstr(w, "kind", t->kind);
    jw_karray(w, "shape");
    for (unsigned k = 0; k < t->rank && k < VIEW_RANK_MAX; k++) jw_int(w, (int64_t)t->shape[k]);
    jw_array_end(w);
    jw_kint(w, "elements", (int64_t)t->elements);
    jw_kint(w, "bytes", (int64_t)t->size_bytes);
    jw_object_end(w);
}

/* A page of the tensors whose names have the text asked for. */
static void write_tensors(struct page *p, const struct view_weights *v)
{
    str wanted = call_query(p->c, "tensor");
    uint64_t number = 0;
    str_u64(call_query(p->c, "p"), &number);
    if (number > v->tensors_count / TENSORS_SHOWN) number = 0;
    size_t found = 0;
    jw_karray(&p->w, "tensors");
    for (size_t i = 0; i < v->tensors_count; i++) {
        if (wanted.n && str_find_nocase(v->tensor[i].name, wanted) == STR_NONE) continue;
        if (found / TENSORS_SHOWN == number) write_tensor(&p->w, &v->tensor[i]);
        found++;
    }
    jw_array_end(&p->w);
    jw_kstr(&p->w, "wanted", wanted.p ? wanted : STR(""));
    jw_kint(&p->w, "found", (int64_t)found);
    jw_kint(&p->w, "page_number", (int64_t)number);
    jw_kbool(&p->w, "more", found > (number + 1) * TENSORS_SHOWN);
}

static void write_weights(struct page *p, const struct view_weights *v)
{
    struct json_writer *w = &p->w;
    jw_kobject(w, "weights");
    jw_kstr(w, "format", v->format);
    jw_kint(w, "header_bytes", (int64_t)v->header_bytes);
    jw_kint(w, "elements", (int64_t)v->elements);
    jw_kint(w, "bytes", (int64_t)v->size_bytes);
    jw_kint(w, "count", (int64_t)v->tensors_count);
    jw_karray(w, "kinds");
    for (size_t i = 0; i < v->kinds_count; i++) {
        jw_object(w);
        jw_kstr(w, "name", v->kind[i].name);
        jw_kint(w, "tensors", (int64_t)v->kind[i].tensors);
        jw_kint(w, "elements", (int64_t)v->kind[i].elements);
        jw_kint(w, "bytes", (int64_t)v->kind[i].size_bytes);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_kint(w, "facts_all", (int64_t)v->facts_all);
    jw_karray(w, "facts");
    for (size_t i = 0; i < v->facts_count; i++) {
        jw_object(w);
        jw_kstr(w, "key", str_to(v->fact[i].key, 300));
        jw_kstr(w, "value", v->fact[i].value);
        jw_object_end(w);
    }
    jw_array_end(w);
    write_tensors(p, v);
    jw_object_end(w);
}

static void show_weights(struct page *p, const struct file_place *at, const struct vcs_entry *entry, const char **as)
{
    struct arena *a = arena_new(WEIGHTS_ARENA_MAX);
    struct view_weights *v = arena_one(a, struct view_weights);
    struct err why;
    struct facts_source from = { p->c->hub, p->c->repo.id, at->git };
    if (view_weights_read(&from, entry, a, v, &why)) {
        write_weights(p, v);
    } else {
        jw_kstr(&p->w, "view_error", arena_fmt(p->c->a, "The header cannot be read: %s", why.msg));
        *as = "download";
    }
    arena_free(a);
}

/* ------------------------------------------------------------------ all of them */

bool show_write(struct page *p, const struct file_place *at, const struct vcs_entry *entry, const char **as, struct err *e)
{
    static const char *const read[] = { "text", "markdown", "table", "notebook", "vector", "beginning" };
    if (strcmp(*as, "weights") == 0) show_weights(p, at, entry, as);
    p->shows_frames = strcmp(*as, "document") == 0;
    for (size_t i = 0; i < COUNT(read); i++)
        if (strcmp(*as, read[i]) == 0) return write_content(p, at, entry, as, e);
    return true;
}
