/* vcs/blame.c - which commit brought each line of a file.
 *
 * git does it, as a child.  For a file of 2,000 lines that 5,000 commits changed it takes 1.0 s and 0.12 GB of its own; libgit2 1.5
 * takes 2.9 s and 0.51 GB of ours, and ends with all or nothing.  git tells of lines as soon as it knows them
 * (--incremental), so what it knew when its time was up is an answer, too. */
#include "vcs/pack_priv.h"
#include "vcs/path.h"
#include "vcs/vcs_priv.h"

/* What is read of git's words for some lines, until "filename" ends them. */
struct blame_reader {
    str path;
    struct buf *out;
    struct arena *a;
    uint64_t first, count;
    struct vcs_oid commit, before;
    str before_path;
    str complaint; /* the first line that begins with "fatal: " */
};

/* "<id> <line in that commit> <line now> <lines>": the id is no word that begins another line. */
static bool read_place(struct blame_reader *b, str line)
{
    str id, old, first;
    if (!str_cut(&line, ' ', &id) || !vcs_oid_parse(id, &b->commit)) return false;
    b->before = (struct vcs_oid){ { 0 } };
    b->before_path = STR("");
    b->count = 0;
    return str_cut(&line, ' ', &old) && str_cut(&line, ' ', &first) && str_u64(first, &b->first) && str_u64(line, &b->count);
}

static void read_before(struct blame_reader *b, str rest)
{
    str id;
    if (!str_cut(&rest, ' ', &id) || !vcs_oid_parse(id, &b->before)) return;
    if (str_starts(rest, STR("\"")) && !vcs_unquote(&rest, b->a, &b->before_path)) b->before = (struct vcs_oid){ { 0 } };
    else if (!b->before_path.n) b->before_path = arena_dup(b->a, rest);
}

static void read_line(void *ctx, str line)
{
    struct blame_reader *b = ctx;
    char commit[VCS_OID_HEX + 1], before[VCS_OID_HEX + 1];
    if (read_place(b, line)) return;
    if (str_starts(line, STR("previous "))) read_before(b, str_from(line, strlen("previous ")));
    if (str_starts(line, STR("fatal: ")) && !b->complaint.n) b->complaint = arena_dup(b->a, str_to(line, 300));
    if (!str_starts(line, STR("filename ")) || !b->count) return;
    buf_addf(b->out, "%llu %llu %s %s", (unsigned long long)b->first, (unsigned long long)b->count, vcs_oid_hex(&b->commit, commit).p, vcs_oid_hex(&b->before, before).p);
    if (!str_eq(b->before_path, b->path)) buf_addf(b->out, " %.*s", STR_ARG(b->before_path));
    buf_byte(b->out, '\0'); /* the one byte that no path has */
    b->count = 0;
}

bool vcs_blame_text(struct vcs_repo *r, const struct vcs_oid *commit, str path, size_t lines, int64_t timeout_ms, struct buf *out, bool *is_whole, struct err *e)
{
    char hex[VCS_OID_HEX + 1], range[32];
    struct arena *a = arena_new(0);
    struct blame_reader b = { .path = path, .out = out, .a = a };
    vcs_oid_hex(commit, hex);
    snprintf(range, sizeof range, "-L1,%zu", lines);
    const char *const args[] = { "--no-replace-objects", "-c", "safe.directory=*", "-c", "diff.renameLimit=400", "--git-dir", r->path,
                                 "blame", "--incremental", range, hex, "--", arena_cstr(a, path), NULL };
    int exit_code;
    bool ok = child_run_lines(args, timeout_ms, read_line, &b, &exit_code, e);
    *is_whole = exit_code == 0;
    if (ok && exit_code > 0) ok = err_set(e, ERR_IO, "git blame: %.*s", STR_ARG(b.complaint));
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ what git said, in the order of the lines */

static int line_order(const void *a, const void *b)
{
    const struct vcs_blame_run *x = a, *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

static bool is_same(const struct vcs_blame_run *x, const struct vcs_blame_run *y)
{
    return vcs_oid_eq(&x->commit, &y->commit) && vcs_oid_eq(&x->before, &y->before) && str_eq(x->before_path, y->before_path);
}

static bool run_parse(str text, str path, struct vcs_blame_run *out)
{
    str first, count, commit, before;
    uint64_t line, lines;
    if (!str_cut(&text, ' ', &first) || !str_u64(first, &line) || !str_cut(&text, ' ', &count) || !str_u64(count, &lines) || !str_cut(&text, ' ', &commit)) return false;
    *out = (struct vcs_blame_run){ .line = (size_t)line, .count = (size_t)lines, .before_path = path };
    before = str_to(text, VCS_OID_HEX);
    if (text.n > VCS_OID_HEX) out->before_path = str_from(text, VCS_OID_HEX + 1);
    return vcs_oid_parse(commit, &out->commit) && vcs_oid_parse(before, &out->before);
}

/* Puts it behind the others, or makes the last of them longer. */
static size_t run_append(struct vcs_blame_run *to, size_t n, struct vcs_blame_run run)
{
    if (!run.count) return n;
    if (n && is_same(&to[n - 1], &run)) to[n - 1].count += run.count;
    else to[n++] = run;
    return n;
}

void vcs_blame_parse(str text, str path, size_t lines, struct arena *a, struct vcs_blame_run **out, size_t *n)
{
    struct vcs_blame_run *told = NULL, *all;
    size_t told_count = 0, next = 1;
    str one;
    while (text.n && str_cut(&text, '\0', &one)) {
        told = arena_grow(a, told, told_count, sizeof *told);
        if (run_parse(one, path, &told[told_count])) told_count++;
    }
    if (told_count) qsort(told, told_count, sizeof *told, line_order);
    all = arena_alloc(a, (2 * told_count + 1) * sizeof *all);
    *n = 0;
    for (size_t i = 0; i < told_count; i++) {
        struct vcs_blame_run run = told[i];
        if (run.line < next || run.line > lines || run.count > lines - run.line + 1) continue; /* git says none such */
        *n = run_append(all, *n, (struct vcs_blame_run){ .line = next, .count = run.line - next, .before_path = STR("") });
        *n = run_append(all, *n, run);
        next = run.line + run.count;
    }
    if (next <= lines) *n = run_append(all, *n, (struct vcs_blame_run){ .line = next, .count = lines - next + 1, .before_path = STR("") });
    *out = all;
}
