/* hub/commit/commit_check.c - what a commit must satisfy, and what it is helped with: cards, large files and
 * their rules in .gitattributes, names that differ in case only. */
#include "hub/commit/commit_priv.h"
#include "hub/card/readme_check.h"
#include "vcs/attributes.h"
#include "vcs/path.h"

/* ------------------------------------------------------------------ paths */

static int compare_edits(const void *x, const void *y, void *ctx)
{
    const struct commit *c = ctx;
    size_t i = *(const size_t *)x, j = *(const size_t *)y;
    int by_path = str_cmp(c->edits[i].path, c->edits[j].path);
    return by_path ? by_path : i < j ? -1 : i > j;
}

void commit_sort_paths(struct commit *c)
{
    c->by_path = arena_alloc(c->a, (c->edits_count + 1) * sizeof *c->by_path);
    c->by_path_count = c->edits_count;
    for (size_t i = 0; i < c->edits_count; i++) c->by_path[i] = i;
    qsort_r(c->by_path, c->by_path_count, sizeof *c->by_path, compare_edits, c);
}

/* The last operation on a path, if there is one. */
static const struct vcs_edit *commit_last_edit(const struct commit *c, str path)
{
    size_t low = 0, high = c->by_path_count; /* the first entry behind `path` is at low in the end */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (str_cmp(c->edits[c->by_path[mid]].path, path) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0) return NULL;
    const struct vcs_edit *edit = &c->edits[c->by_path[low - 1]];
    return str_eq(edit->path, path) ? edit : NULL;
}

/* ------------------------------------------------------------------ the card */

void commit_forget_readme(struct commit *c)
{
    mem_free(c->readme_error);
    c->readme_error = NULL;
    buf_reset(&c->readme_warnings);
}

bool commit_check_readme(struct commit *c, str text, struct err *e)
{
    struct buf errors = BUF_INIT(0);
    commit_forget_readme(c);
    bool ok = readme_check(text, c->repo->kind, &errors, &c->readme_warnings, e);
    if (ok && errors.n) c->readme_error = mem_dup(buf_str(&errors));
    buf_deinit(&errors);
    return ok;
}

/* ------------------------------------------------------------------ large files */

static bool still_stands(const struct commit *c, const struct commit_large *f)
{
    return commit_last_edit(c, c->edits[f->edit].path) == &c->edits[f->edit];
}

bool commit_check_large(struct commit *c, struct err *e)
{
    struct large_file known;
    for (size_t i = 0; i < c->large_count; i++)
        if (still_stands(c, &c->large[i]) &&
            !commit_find_large(c, &c->large[i].sha256, c->edits[c->large[i].edit].path, &known, e)) return false;
    return true;
}

/* The text of .gitattributes as it will be after the operations. */
static bool read_attributes(struct commit *c, str *out, struct err *e)
{
    struct vcs_entry entry;
    struct vcs_oid oid;
    bytes content;
    bool found = false;
    const struct vcs_edit *edit = commit_last_edit(c, STR(".gitattributes"));
    *out = STR("");
    if (edit) {
        if (edit->kind != VCS_PUT) return true;
        oid = edit->oid;
    } else {
        if (!vcs_entry_find(c->v, &c->base, STR(".gitattributes"), &entry, &found, c->a, e)) return false;
        if (!found || entry.kind != VCS_FILE) return true;
        oid = entry.oid;
    }
    if (!vcs_blob_read(c->v, &oid, REGULAR_FILE_BYTES_MAX, c->a, &content, e)) return false;
    *out = str_of(content);
    return true;
}

/* A path as a pattern that matches nothing else: what globs would read is escaped, and the whole is
 * quoted if it has blanks, as gitattributes(5) wants it. */
static void add_rule(struct buf *out, str path)
{
    struct buf pattern = BUF_INIT(0);
    bool quotes = false;
    for (size_t i = 0; i < path.n; i++) {
        char ch = path.p[i];
        bool is_special = strchr("*?[]\\", ch) != NULL || (i == 0 && (ch == '#' || ch == '!'));
        if (is_special) buf_byte(&pattern, '\\');
        buf_byte(&pattern, ch);
        if ((unsigned char)ch <= 0x20 || (unsigned char)ch == 0x7f || ch == '"') quotes = true;
    }
    str text = buf_str(&pattern);
    if (quotes) buf_byte(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char ch = (unsigned char)text.p[i];
        if (quotes && (ch < 0x20 || ch == 0x7f))
            buf_addf(out, "\\%03o", ch);
        else if (quotes && (ch == '"' || ch == '\\'))
            buf_addf(out, "\\%c", ch);
        else
            buf_byte(out, (char)ch);
    }
    if (quotes) buf_byte(out, '"');
    buf_lit(out, " filter=lfs diff=lfs merge=lfs -text\n");
    buf_deinit(&pattern);
}

/* The edit is appended without entering by_path: it is taken back after the commit was made. */
static bool put_attributes(struct commit *c, str text, struct err *e)
{
    struct vcs_oid oid;
    if (text.n > REGULAR_FILE_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "the rules for so many large files make .gitattributes too large; add a pattern to it");
    if (!vcs_blob_write(c->v, bytes_of(text), &oid, e)) return false;
    if (c->edits_count == c->edits_cap) {
        c->edits_cap = c->edits_cap ? c->edits_cap * 2 : 64;
        c->edits = mem_grow(c->edits, c->edits_cap * sizeof *c->edits);
    }
    c->edits[c->edits_count++] = (struct vcs_edit){ .kind = VCS_PUT, .path = STR(".gitattributes"), .oid = oid };
    return true;
}

bool commit_cover_large(struct commit *c, struct err *e)
{
    str text;
    if (!c->large_count) return true;
    if (!read_attributes(c, &text, e)) return false;
    const struct vcs_attributes *rules = vcs_attributes_parse(text, c->a);
    struct buf b = BUF_INIT(0);
    size_t added = 0;
    buf_add(&b, text);
    if (text.n && text.p[text.n - 1] != '\n') buf_byte(&b, '\n');
    for (size_t i = 0; i < c->large_count; i++) {
        str path = c->edits[c->large[i].edit].path;
        if (!still_stands(c, &c->large[i]) || vcs_attributes_is_lfs(rules, path)) continue;
        add_rule(&b, path);
        added++;
    }
    bool ok = !added || put_attributes(c, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

/* ------------------------------------------------------------------ files and folders of one name */

bool commit_check_nesting(struct commit *c, struct err *e)
{
    for (size_t i = 0; i < c->edits_count; i++) {
        const struct vcs_edit *edit = &c->edits[i];
        if (edit->kind != VCS_PUT || commit_last_edit(c, edit->path) != edit) continue;
        for (size_t at = 0; at < edit->path.n; at++) {
            if (edit->path.p[at] != '/') continue;
            str folder = str_to(edit->path, at);
            const struct vcs_edit *above = commit_last_edit(c, folder);
            if (above && above->kind == VCS_PUT)
                return err_set(e, ERR_UNPROCESSABLE, "\"%.*s\" cannot be a file and the folder of \"%.*s\" at once",
                               STR_ARG(str_to(folder, 150)), STR_ARG(str_to(edit->path, 200)));
        }
    }
    return true;
}

/* ------------------------------------------------------------------ names that differ in case only */

/* A path that this commit puts.  Where names ignore case, and how accents are composed, it is one file with every other path of its key, so a
 * commit may not bring such a pair in; one that is there already (git can push it) may be kept and edited. */
struct folded {
    str key, path;
    str other; /* a path of the head that is not `path` */
    bool is_old;
};

struct case_check {
    const struct commit *c;
    struct folded *put; /* by key */
    size_t n;
    struct arena *scratch;
};

static str case_key(str path, struct arena *a) { return arena_lower(a, vcs_path_fold(path, a)); }

static int compare_keys(const void *x, const void *y)
{
    const struct folded *a = x, *b = y;
    return str_cmp(a->key, b->key);
}

/* The first whose key is not before this one. */
static size_t first_from(const struct case_check *k, str key)
{
    size_t low = 0, high = k->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (str_cmp(k->put[mid].key, key) < 0) low = mid + 1;
        else high = mid;
    }
    return low;
}

static bool leads_to_a_put(void *ctx, str folder)
{
    struct case_check *k = ctx;
    arena_reset(k->scratch);
    str key = case_key(arena_fmt(k->scratch, "%.*s/", STR_ARG(folder)), k->scratch);
    size_t at = first_from(k, key);
    return at < k->n && str_starts(k->put[at].key, key);
}

static void match_old_file(void *ctx, str path)
{
    struct case_check *k = ctx;
    arena_reset(k->scratch);
    str key = case_key(path, k->scratch);
    for (size_t at = first_from(k, key); at < k->n && str_eq(k->put[at].key, key); at++) {
        struct folded *f = &k->put[at];
        const struct vcs_edit *edit = commit_last_edit(k->c, path);
        if (edit && edit->kind != VCS_PUT) return; /* on its way out */
        if (str_eq(f->path, path)) f->is_old = true;
        else if (!f->other.p) f->other = arena_dup(k->c->a, path);
    }
}

bool commit_check_case(struct commit *c, struct err *e)
{
    bool found;
    struct case_check k = { .c = c, .put = arena_alloc(c->a, (c->edits_count + 1) * sizeof *k.put) };
    for (size_t i = 0; i < c->edits_count; i++)
        if (c->edits[i].kind == VCS_PUT && commit_last_edit(c, c->edits[i].path) == &c->edits[i])
            k.put[k.n++] = (struct folded){ .key = case_key(c->edits[i].path, c->a), .path = c->edits[i].path };
    if (!k.n) return true;
    qsort(k.put, k.n, sizeof *k.put, compare_keys);
    k.scratch = arena_new(0);
    bool ok = vcs_tree_paths(c->v, &c->base, leads_to_a_put, match_old_file, &k, &found, e);
    arena_free(k.scratch);
    for (size_t i = 0; ok && i < k.n; i++) {
        const struct folded *f = &k.put[i];
        str other = i && str_eq(f[-1].key, f->key) ? f[-1].path : i + 1 < k.n && str_eq(f[1].key, f->key) ? f[1].path : f->other;
        if (f->is_old || !other.p) continue;
        return err_set(e, ERR_UNPROCESSABLE,
                       "\"%.*s\" and \"%.*s\" differ in case only, or in how accents are composed: they would be one file where names "
                       "ignore that. Rename one of them.",
                       STR_ARG(str_to(f->path, 150)), STR_ARG(str_to(other, 150)));
    }
    return ok;
}

str commit_warnings(struct commit *c, struct arena *a) { return arena_dup(a, buf_str(&c->readme_warnings)); }
