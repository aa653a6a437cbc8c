/* cli/admin/scan.c - hearth scan: what files would do to who loads them. */
#include "scan/process.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/os.h"
#include "cli/cli.h"

enum { FOLDERS_DEEP_MAX = 64, SHOWN_MAX = 8, SAY_EVERY_MS = 100, SAY_AFTER_MS = 500 };

struct file {
    str path;
    uint64_t device, inode, size_bytes;
    bool is_link; /* in a folder: the cache of clients has the names so */
};

struct scanning {
    struct cli *c;
    struct scan_pool *pool; /* what is downloaded is a stranger's, too */
    struct file *file;
    size_t files_count;
    uint64_t bytes, bytes_done;
    size_t done, of_level[SCAN_UNSAFE + 1], secrets, failed;
    bool shows_progress, is_shown; /* on a terminal; a line of it stands there now */
    int64_t began_ms, said_ms;
    str now;
};

/* ------------------------------------------------------------------ which files */

static void add_file(struct scanning *x, str path, const struct stat *st, bool is_link)
{
    x->file = arena_grow(x->c->arena, x->file, x->files_count, sizeof *x->file);
    x->file[x->files_count++] = (struct file){ path, (uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size, is_link };
}

struct folder {
    struct scanning *x;
    str path;
    str *inner; /* folders in it */
    size_t inner_count;
};

static void tell_failure(struct scanning *x, str path, const char *why);

static bool take_entry(void *ctx, const char *name, bool is_dir)
{
    struct folder *f = ctx;
    struct arena *a = f->x->c->arena;
    str path = arena_fmt(a, "%.*s%s%s", STR_ARG(f->path), str_ends(f->path, STR("/")) ? "" : "/", name);
    struct stat own, st;
    if (is_dir) {
        f->inner = arena_grow(a, f->inner, f->inner_count, sizeof *f->inner);
        f->inner[f->inner_count++] = path;
    } else if (lstat(path.p, &own) != 0 || stat(path.p, &st) != 0) tell_failure(f->x, path, "it cannot be read, or leads nowhere");
    else if (S_ISREG(st.st_mode)) add_file(f->x, path, &st, S_ISLNK(own.st_mode)); /* folders behind links are not entered */
    return true;
}

static bool take_folder(struct scanning *x, str path, unsigned depth)
{
    struct folder f = { .x = x, .path = path };
    struct err e;
    if (depth == FOLDERS_DEEP_MAX) {
        tell_failure(x, path, "it lies deeper in folders than is looked at");
        return true;
    }
    if (!os_each_entry(path.p, take_entry, &f, &e)) {
        tell_failure(x, path, e.msg);
        return true;
    }
    for (size_t i = 0; i < f.inner_count; i++) (void)take_folder(x, f.inner[i], depth + 1);
    return true;
}

static int by_content(const void *a, const void *b)
{
    const struct file *x = a, *y = b;
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode) return x->inode < y->inode ? -1 : 1;
    if (x->is_link != y->is_link) return x->is_link ? -1 : 1;
    return str_cmp(x->path, y->path);
}

static int by_path(const void *a, const void *b) { return str_cmp(((const struct file *)a)->path, ((const struct file *)b)->path); }

/* Each file once, by the name that a link gives it if there is one. */
static void order(struct scanning *x)
{
    size_t n = 0;
    if (!x->files_count) return;
    qsort(x->file, x->files_count, sizeof *x->file, by_content);
    for (size_t i = 0; i < x->files_count; i++)
        if (!n || x->file[i].device != x->file[n - 1].device || x->file[i].inode != x->file[n - 1].inode) x->file[n++] = x->file[i];
    x->files_count = n;
    qsort(x->file, n, sizeof *x->file, by_path);
    for (size_t i = 0; i < n; i++) x->bytes += x->file[i].size_bytes;
}

static bool find_files(struct scanning *x, struct err *e)
{
    struct cli *c = x->c;
    for (size_t i = 0; i < c->arguments_count; i++) {
        str path = arena_dup(c->arena, c->argument[i]);
        struct stat st;
        if (stat(path.p, &st) != 0) return err_set(e, ERR_NOT_FOUND, "there is no file or folder %.*s", STR_ARG(path));
        if (S_ISDIR(st.st_mode)) (void)take_folder(x, path, 0);
        else if (S_ISREG(st.st_mode)) add_file(x, path, &st, false);
        else return err_set(e, ERR_INVALID, "%.*s is neither a file nor a folder", STR_ARG(path));
    }
    order(x);
    return true;
}

/* ------------------------------------------------------------------ what is said */

static void clear_progress(struct scanning *x)
{
    if (x->is_shown) fputs("\r\033[K", x->c->err);
    x->is_shown = false;
}

static void say_progress(struct scanning *x, uint64_t in_file)
{
    int64_t now = clock_now_ms();
    if (!x->shows_progress || now - x->began_ms < SAY_AFTER_MS || now - x->said_ms < SAY_EVERY_MS) return;
    size_t slash = str_rchr(x->now, '/');
    str name = str_to(slash == STR_NONE ? x->now : str_from(x->now, slash + 1), 40);
    x->said_ms = now;
    x->is_shown = true;
    fprintf(x->c->err, "\r\033[K%zu of %zu files, %.1f of %.1f MB: %.*s", x->done, x->files_count, (double)(x->bytes_done + in_file) / 1e6, (double)x->bytes / 1e6, STR_ARG(name));
    fflush(x->c->err);
}

static void tell_failure(struct scanning *x, str path, const char *why)
{
    x->failed++;
    clear_progress(x);
    if (!cli_flag(x->c, "json")) {
        fprintf(x->c->out, "error       %.*s\n            %s\n", STR_ARG(path), why);
        return;
    }
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "path", path);
    jw_kstr(&w, "error", str_c(why));
    jw_object_end(&w);
    fprintf(x->c->out, "%.*s\n", STR_ARG(buf_str(&b)));
    buf_deinit(&b);
}

static void tell_json(struct scanning *x, const struct file *f, const struct scan_report *r)
{
    struct buf b = BUF_INIT(0), report = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    scan_report_json(r, &report);
    jw_object(&w);
    jw_kstr(&w, "path", f->path);
    jw_kint(&w, "size", (int64_t)f->size_bytes);
    jw_kraw(&w, "report", buf_str(&report));
    jw_object_end(&w);
    fprintf(x->c->out, "%.*s\n", STR_ARG(buf_str(&b)));
    buf_deinit(&report);
    buf_deinit(&b);
}

static void tell_text(struct scanning *x, const struct file *f, const struct scan_report *r)
{
    FILE *out = x->c->out;
    bool all = cli_flag(x->c, "all");
    str level = r->level == SCAN_SAFE && r->has_secret ? STR("secret") : scan_level_name(r->level);
    size_t shown = all || r->findings_count <= SHOWN_MAX + 1 ? r->findings_count : SHOWN_MAX;
    fprintf(out, "%-11.*s %.*s\n", STR_ARG(level), STR_ARG(f->path));
    for (size_t i = 0; i < shown; i++) {
        const struct scan_finding *one = &r->findings[i];
        fprintf(out, "            %.*s%s%.*s\n", STR_ARG(one->member), one->member.n ? ": " : "", STR_ARG(one->message));
    }
    if (shown < r->findings_count) fprintf(out, "            and %zu more; --all shows them\n", r->findings_count - shown);
}

static void print_total(struct scanning *x)
{
    static const enum scan_level levels[] = { SCAN_UNSAFE, SCAN_SUSPICIOUS, SCAN_CAUTION };
    FILE *out = x->c->out;
    fprintf(out, "%zu %s: %zu safe", x->done, plural(x->done, "file", "files"), x->of_level[SCAN_SAFE]);
    for (size_t i = 0; i < COUNT(levels); i++)
        if (x->of_level[levels[i]]) fprintf(out, ", %zu %.*s", x->of_level[levels[i]], STR_ARG(scan_level_name(levels[i])));
    if (x->secrets) fprintf(out, "; %zu with what may be a secret", x->secrets);
    if (x->failed) fprintf(out, "; %zu could not be read", x->failed);
    fputs("\n", out);
}

/* ------------------------------------------------------------------ scanning */

struct opened {
    struct scanning *x;
    int fd;
    uint64_t furthest;
};

static bool read_at(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    struct opened *o = ctx;
    size_t got;
    if (!os_pread(o->fd, out, n, at, &got, e)) return false;
    if (at + n > o->furthest) o->furthest = at + n;
    say_progress(o->x, o->furthest);
    return got == n || err_set(e, ERR_IO, "it became shorter while it was scanned");
}

static void scan_file(struct scanning *x, const struct file *f)
{
    struct opened o = { .x = x, .fd = -1 };
    struct scan_source source = { .read = read_at, .ctx = &o };
    struct scan_report r;
    struct err e;
    bool found;
    struct arena *a = arena_new(0); /* a report is bounded */
    x->now = f->path;
    bool ok = os_open_read(f->path.p, &o.fd, &found, &e) && (found || err_set(&e, ERR_NOT_FOUND, "it is gone")) && os_file_size(o.fd, &source.size_bytes, &e) &&
              scan_pool_judge(x->pool, &source, f->path, NULL, a, &r, &e);
    if (o.fd >= 0) close(o.fd);
    x->bytes_done += f->size_bytes;
    if (!ok) tell_failure(x, f->path, e.msg);
    else {
        x->done++;
        x->of_level[r.level]++;
        x->secrets += r.has_secret;
        bool is_told = r.level != SCAN_SAFE || r.has_secret || cli_flag(x->c, "all");
        if (is_told) clear_progress(x);
        if (is_told && cli_flag(x->c, "json")) tell_json(x, f, &r);
        else if (is_told) tell_text(x, f, &r);
    }
    arena_free(a);
}

bool cli_scan(struct cli *c, struct err *e)
{
    struct scanning x = { .c = c, .shows_progress = isatty(fileno(c->err)), .began_ms = clock_now_ms() };
    if (!find_files(&x, e)) return false;
    x.pool = scan_pool_new(NULL);
    for (size_t i = 0; i < x.files_count; i++) scan_file(&x, &x.file[i]);
    scan_pool_free(x.pool);
    clear_progress(&x);
    if (!cli_flag(c, "json")) print_total(&x);
    size_t bad = x.of_level[SCAN_UNSAFE] + x.of_level[SCAN_SUSPICIOUS];
    if (bad) return err_set(e, ERR_CONFLICT, "%s", cli_count(c, bad, "file is unsafe or suspicious", "files are unsafe or suspicious"));
    if (x.of_level[SCAN_ERROR]) return err_set(e, ERR_IO, "%s", cli_count(c, x.of_level[SCAN_ERROR], "file could not be judged", "files could not be judged"));
    return !x.failed || err_set(e, ERR_IO, "%s", cli_count(c, x.failed, "file could not be read", "files could not be read"));
}
