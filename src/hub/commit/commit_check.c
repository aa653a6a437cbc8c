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

const struct vcs_edit *commit_last_edit(const struct commit *c, str path)
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

/* A path that this commit puts, and another one that differs from it in case only, or in how its accents are
 * composed.  Where names ignore that the two are one file, so a commit may not bring such a pair in; one that is there already (git
 * can push it) may be kept and edited. */
struct case_slot {
    str key; /* of both */
    str path, other;
    bool path_is_old, other_is_old;
};

/* A set of paths that ignores case: open addressing, an empty slot has no text. */
static uint64_t hash_of(str s)
{
    uint64_t x = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        x = (x ^ (ch >= 'A' && ch <= 'Z' ? ch + 32u : ch)) * UINT64_C(0x100000001b3);
    }
    return x;
}

static struct case_slot *slot_of(struct case_slot *slot, size_t cap, str key)
{
    size_t i = (size_t)(hash_of(key) >> 20) & (cap - 1);
    while (slot[i].path.p && !str_eq_nocase(slot[i].key, key)) i = (i + 1) & (cap - 1);
    return &slot[i];
}

static bool stays(const struct commit *c, str path)
{
    const struct vcs_edit *edit = commit_last_edit(c, path);
    return !edit || edit->kind == VCS_PUT;
}

/* What the head of main has: exact for commits to main, whose index follows under the same lock. */
static bool match_old_files(struct commit *c, struct case_slot *slot, size_t cap, struct err *e)
{
    static const char sql[] = "SELECT path FROM repo_file WHERE repo_id = ?";
    struct db_query q;
    struct db_conn *db = db_reader(c->h->db);
    bool ok = db_query(db, &q, e, sql, db_int(c->repo->id));
    if (ok) {
        while (db_next(&q, e)) {
            str path = db_col_text(&q, 0);
            struct case_slot *s = slot_of(slot, cap, vcs_path_fold(path, c->a));
            if (!s->path.p || !stays(c, path)) continue;
            if (str_eq(s->path, path)) {
                s->path_is_old = true;
            } else if (!s->other.p || str_eq(s->other, path)) {
                if (!s->other.p) s->other = arena_dup(c->a, path);
                s->other_is_old = true;
            }
        }
        ok = db_end(&q);
    }
    db_give(c->h->db, db);
    return ok;
}

bool commit_check_case(struct commit *c, struct err *e)
{
    size_t cap = 16;
    while (cap < c->edits_count * 2) cap *= 2;
    struct case_slot *slot = arena_alloc(c->a, cap * sizeof *slot);
    for (size_t i = 0; i < c->edits_count; i++) {
        if (c->edits[i].kind != VCS_PUT || !stays(c, c->edits[i].path)) continue;
        str key = vcs_path_fold(c->edits[i].path, c->a);
        struct case_slot *s = slot_of(slot, cap, key);
        if (!s->path.p) {
            s->path = c->edits[i].path;
            s->key = key;
        } else if (!str_eq(s->path, c->edits[i].path)) {
            s->other = c->edits[i].path;
        }
    }
    if (str_eq(c->ref, MAIN_REF) && !match_old_files(c, slot, cap, e)) return false;
    for (size_t i = 0; i < cap; i++) {
        if (!slot[i].other.p || (slot[i].path_is_old && slot[i].other_is_old)) continue;
        return err_set(e, ERR_UNPROCESSABLE,
                       "\"%.*s\" and \"%.*s\" differ in case only, or in how accents are composed: they would be one file where names "
                       "ignore that. Rename one of them.",
                       STR_ARG(str_to(slot[i].path, 150)), STR_ARG(str_to(slot[i].other, 150)));
    }
    return true;
}

str commit_warnings(struct commit *c, struct arena *a) { return arena_dup(a, buf_str(&c->readme_warnings)); }
