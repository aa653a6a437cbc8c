/* web/repo/history/diff.c - a unified difference as lines for a page: files, hunks, and the numbers of lines on both sides. */
#include "vcs/path.h"
#include "web/frame/page.h"

enum { DIFF_BYTES_MAX = 1 << 20, DIFF_LINES_MAX = 6000, LINE_BYTES_MAX = 2000 };

struct diff_reader {
    struct json_writer *w;
    str rest;            /* what has not been read */
    uint64_t old_at, new_at;
    uint64_t old_left, new_left; /* of the hunk: its lines may look like anything, also like a head */
    size_t lines, files, adds, dels;
};

struct name {
    str quoted; /* .p NULL: not known */
    const char *prefix; /* that git puts before it in this line */
};

static void write_name(struct json_writer *w, const char *key, struct name n)
{
    struct arena *a = arena_new(0);
    str rest = n.quoted, name = rest;
    if (str_starts(rest, STR("\"")) && !vcs_unquote(&rest, a, &name)) name = n.quoted;
    jw_kstr(w, key, str_starts(name, str_c(n.prefix)) ? str_from(name, strlen(n.prefix)) : name);
    arena_free(a);
}

/* "diff --git a/x b/x": both names are the same when neither the head nor a "---" line says it better. */
static str name_in_first_line(str line)
{
    str both = str_from(line, strlen("diff --git "));
    size_t half = both.n / 2;
    return both.n % 2 && both.p[half] == ' ' ? str_from(both, half + 1) : both;
}

/* The lines between "diff --git" and the first hunk. */
static void read_head(struct diff_reader *d, str first)
{
    struct name before = { 0 }, after = { 0 };
    str rest = d->rest, line;
    const char *says = "";
    while (str_cut(&rest, '\n', &line)) {
        if (str_starts(line, STR("diff --git ")) || str_starts(line, STR("@@ "))) break;
        d->rest = rest;
        if (str_starts(line, STR("rename from "))) before = (struct name){ str_from(line, strlen("rename from ")), "" };
        else if (str_starts(line, STR("rename to "))) after = (struct name){ str_from(line, strlen("rename to ")), "" };
        else if (str_starts(line, STR("+++ ")) && !after.quoted.p && !str_eq(line, STR("+++ /dev/null"))) after = (struct name){ str_from(line, 4), "b/" };
        else if (str_starts(line, STR("--- ")) && !before.quoted.p && !str_eq(line, STR("--- /dev/null"))) before = (struct name){ str_from(line, 4), "a/" };
        else if (str_starts(line, STR("new file"))) says = "new";
        else if (str_starts(line, STR("deleted file"))) says = "deleted";
        else if (str_starts(line, STR("Binary files"))) says = *says ? says : "binary";
    }
    if (!after.quoted.p) after = before.quoted.p ? before : (struct name){ name_in_first_line(first), "b/" };
    if (!before.quoted.p) before = after;
    jw_object(d->w);
    jw_kstr(d->w, "kind", STR("file"));
    jw_kint(d->w, "n", (int64_t)d->files + 1);
    write_name(d->w, "path", after);
    write_name(d->w, "old_path", before);
    jw_kstr(d->w, "says", str_c(says));
    jw_object_end(d->w);
    d->old_left = d->new_left = 0;
    d->files++;
}

static uint64_t number(str *s)
{
    uint64_t n = 0;
    while (s->n && s->p[0] >= '0' && s->p[0] <= '9' && n < UINT32_MAX) {
        n = n * 10 + (uint64_t)(s->p[0] - '0');
        *s = str_from(*s, 1);
    }
    return n;
}

/* "-12,3" or "+12" */
static void read_side(str *s, uint64_t *at, uint64_t *left)
{
    if (s->n) *s = str_from(*s, 1);
    *at = number(s);
    *left = 1;
    if (!s->n || s->p[0] != ',') return;
    *s = str_from(*s, 1);
    *left = number(s);
}

static void read_hunk(struct diff_reader *d, str line)
{
    str s = str_from(line, 3);
    read_side(&s, &d->old_at, &d->old_left);
    if (s.n) s = str_from(s, 1);
    read_side(&s, &d->new_at, &d->new_left);
    jw_object(d->w);
    jw_kstr(d->w, "kind", STR("hunk"));
    jw_kstr(d->w, "text", str_to(line, 300));
    jw_object_end(d->w);
}

static str cut_line(str s)
{
    if (s.n && s.p[s.n - 1] == '\r') s.n--;
    if (s.n <= LINE_BYTES_MAX) return s;
    s.n = LINE_BYTES_MAX;
    while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80) s.n--;
    return s;
}

static void read_line(struct diff_reader *d, str line)
{
    char sign = line.n ? line.p[0] : ' ';
    if (sign == '\\') return; /* no newline at the end */
    d->adds += sign == '+';
    d->dels += sign == '-';
    jw_object(d->w);
    jw_kstr(d->w, "kind", sign == '+' ? STR("add") : sign == '-' ? STR("del") : STR("same"));
    jw_kstr(d->w, "text", cut_line(str_from(line, 1)));
    if (sign != '+') {
        jw_kint(d->w, "old", (int64_t)d->old_at++);
        d->old_left -= d->old_left > 0;
    }
    if (sign != '-') {
        jw_kint(d->w, "new", (int64_t)d->new_at++);
        d->new_left -= d->new_left > 0;
    }
    jw_object_end(d->w);
}

void page_write_diff_text(struct page *p, str diff, bool is_cut)
{
    struct diff_reader d = { .w = &p->w, .rest = diff };
    str line;
    jw_karray(&p->w, "lines");
    while (d.lines < DIFF_LINES_MAX && d.rest.n && str_cut(&d.rest, '\n', &line)) {
        d.lines++;
        if (d.old_left || d.new_left || str_starts(line, STR("\\"))) read_line(&d, line);
        else if (str_starts(line, STR("diff --git "))) read_head(&d, line);
        else if (str_starts(line, STR("@@ "))) read_hunk(&d, line);
    }
    jw_array_end(&p->w);
    jw_kobject(&p->w, "diff_sum"); /* of what is shown */
    jw_kint(&p->w, "files", (int64_t)d.files);
    jw_kint(&p->w, "adds", (int64_t)d.adds);
    jw_kint(&p->w, "dels", (int64_t)d.dels);
    jw_object_end(&p->w);
    if (is_cut || d.rest.n) jw_kstr(&p->w, "diff_error", STR("only the beginning is here"));
}

void page_write_diff(struct page *p, struct vcs_repo *git, const struct vcs_oid *from, const struct vcs_oid *to)
{
    struct buf diff = BUF_INIT(DIFF_BYTES_MAX);
    struct err why = { 0 };
    char hex[VCS_OID_HEX + 1];
    bool ok = vcs_diff_text(git, from, to, &diff, &why);
    jw_kstr(&p->w, "diff_at", vcs_oid_hex(to, hex));
    if (ok || why.code == ERR_TOO_LARGE) page_write_diff_text(p, buf_str(&diff), !ok);
    else jw_kstr(&p->w, "diff_error", str_c(why.msg));
    buf_deinit(&diff);
}
