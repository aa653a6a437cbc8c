/* space/log.c - see space/log.h. */
#include "space/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/os.h"

enum { TAIL_LINES = 50, TAIL_LINE_BYTES = 400 };

/* ------------------------------------------------------------------ redaction */

struct redactor {
    struct arena *a;
    str *value;
    size_t n;
    bool begins[256]; /* is this the first byte of any? */
    struct buf held;  /* a proper beginning of some value */
};

struct redactor *redactor_new(const str *values, size_t n)
{
    struct redactor *r = mem_one(struct redactor);
    r->a = arena_new(0);
    r->value = arena_alloc(r->a, (n + 1) * sizeof *r->value);
    for (size_t i = 0; i < n; i++) {
        if (values[i].n < SPACE_REDACT_MIN) continue;
        r->value[r->n++] = arena_dup(r->a, values[i]);
        r->begins[(uint8_t)values[i].p[0]] = true;
    }
    return r;
}

/* How text begins: with a whole value (its length; the longest counts), or perhaps with one that is not all here yet (*open). */
static size_t match(const struct redactor *r, str text, bool *open)
{
    size_t longest = 0;
    *open = false;
    if (!r->begins[(uint8_t)text.p[0]]) return 0;
    for (size_t i = 0; i < r->n; i++) {
        if (str_starts(text, r->value[i]) && r->value[i].n > longest) longest = r->value[i].n;
        if (text.n < r->value[i].n && str_starts(r->value[i], text)) *open = true;
    }
    return longest;
}

static void scan(struct redactor *r, str text, bool is_last, struct buf *out)
{
    size_t from = 0, at = 0;
    while (at < text.n) {
        bool open;
        size_t n = match(r, str_from(text, at), &open);
        if (open && !is_last) break; /* a longer one may follow what was found */
        if (!n) {
            at++;
            continue;
        }
        buf_add(out, str_n(text.p + from, at - from));
        buf_lit(out, "[redacted]");
        at += n;
        from = at;
    }
    buf_add(out, str_n(text.p + from, at - from));
    buf_reset(&r->held);
    if (at < text.n) {
        struct buf rest = BUF_INIT(0); /* text may be what is held */
        buf_add(&rest, str_from(text, at));
        buf_deinit(&r->held);
        r->held = rest;
    }
}

void redactor_add(struct redactor *r, str piece, struct buf *out)
{
    if (!r->held.n) {
        scan(r, piece, false, out);
        return;
    }
    struct buf all = BUF_INIT(0);
    buf_add(&all, buf_str(&r->held));
    buf_add(&all, piece);
    scan(r, buf_str(&all), false, out);
    if (all.p) explicit_bzero(all.p, all.n);
    buf_deinit(&all);
}

void redactor_end(struct redactor *r, struct buf *out)
{
    struct buf all = r->held;
    r->held = (struct buf)BUF_INIT(0);
    scan(r, buf_str(&all), true, out);
    buf_deinit(&all);
}

void redactor_free(struct redactor *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->n; i++) explicit_bzero((char *)(uintptr_t)r->value[i].p, r->value[i].n);
    arena_free(r->a);
    buf_deinit(&r->held);
    mem_free(r);
}

/* ------------------------------------------------------------------ writing */

struct space_log {
    int fd;
    uint64_t bytes;
    bool is_full;
    struct redactor *redactor;
    struct buf line, clean, event;
    char tail[TAIL_LINES][TAIL_LINE_BYTES];
    size_t lines;
};

static void path_of(char out[512], const char *dir, const char *kind, uint64_t generation)
{
    snprintf(out, 512, "%s/%s.%llu", dir, kind, (unsigned long long)generation);
}

struct entries {
    const char *dir, *kind;
    uint64_t newest;
    bool removes;
};

static bool look(void *ctx, const char *name, bool is_dir)
{
    struct entries *x = ctx;
    size_t n = strlen(x->kind);
    uint64_t generation;
    struct err ignored;
    char path[512];
    if (is_dir || strncmp(name, x->kind, n) != 0 || name[n] != '.' || !str_u64(str_c(name + n + 1), &generation)) return true;
    if (generation > x->newest) x->newest = generation;
    path_of(path, x->dir, x->kind, generation);
    if (x->removes) (void)!os_remove(path, &ignored);
    return true;
}

uint64_t space_log_newest(const char *dir, const char *kind)
{
    struct entries x = { dir, kind, 0, false };
    struct err ignored;
    (void)!os_each_entry(dir, look, &x, &ignored);
    return x.newest;
}

bool space_log_begin(const char *dir, const char *kind, uint64_t generation, const str *secrets, size_t n, struct space_log **out, struct err *e)
{
    struct entries old = { dir, kind, 0, true };
    char path[512];
    int fd;
    if (!os_mkdirs(dir, e) || !os_each_entry(dir, look, &old, e)) return false;
    path_of(path, dir, kind, generation);
    if (!os_create(path, &fd, e)) return false;
    *out = mem_one(struct space_log);
    **out = (struct space_log){ .fd = fd, .redactor = redactor_new(secrets, n) };
    return true;
}

static void write_event(struct space_log *l, str text)
{
    struct err e;
    struct json_writer w = json_writer(&l->event);
    buf_reset(&l->event);
    jw_object(&w);
    jw_kstr(&w, "data", text);
    jw_kdate(&w, "timestamp", clock_now_ms());
    jw_object_end(&w);
    buf_byte(&l->event, '\n');
    if (l->event.failed || !os_write(l->fd, bytes_of(buf_str(&l->event)), &e)) l->is_full = true;
    l->bytes += l->event.n;
}

static void write_line(struct space_log *l)
{
    str text = buf_str(&l->line);
    size_t n = text.n < TAIL_LINE_BYTES ? text.n : TAIL_LINE_BYTES - 1;
    char *kept = l->tail[l->lines++ % TAIL_LINES];
    memcpy(kept, text.p, n);
    kept[n] = '\0';
    if (!l->is_full) write_event(l, text);
    if (!l->is_full && l->bytes > SPACE_LOG_BYTES_MAX) {
        write_event(l, STR("... this log is full; what follows is not kept\n"));
        l->is_full = true;
    }
    buf_reset(&l->line);
}

static void split(struct space_log *l, str text)
{
    while (text.n) {
        size_t end = str_chr(text, '\n'), n = end == STR_NONE ? text.n : end + 1, room = SPACE_LINE_MAX - l->line.n;
        bool is_whole = n <= room && end != STR_NONE;
        if (n > room) n = room;
        buf_add(&l->line, str_to(text, n));
        text = str_from(text, n);
        if (is_whole || l->line.n == SPACE_LINE_MAX) write_line(l);
    }
}

void space_log_add(struct space_log *l, str piece)
{
    buf_reset(&l->clean);
    redactor_add(l->redactor, piece, &l->clean);
    split(l, buf_str(&l->clean));
}

void space_log_say(struct space_log *l, const char *fmt, ...)
{
    struct buf b = BUF_INIT(0);
    va_list ap;
    va_start(ap, fmt);
    buf_lit(&b, "===== ");
    buf_vaddf(&b, fmt, ap);
    buf_byte(&b, '\n');
    va_end(ap);
    if (l->line.n) split(l, STR("\n"));
    space_log_add(l, buf_str(&b));
    buf_deinit(&b);
}

void space_log_end(struct space_log *l)
{
    if (!l) return;
    buf_reset(&l->clean);
    redactor_end(l->redactor, &l->clean);
    split(l, buf_str(&l->clean));
    if (l->line.n) split(l, STR("\n"));
    close(l->fd);
    redactor_free(l->redactor);
    buf_deinit(&l->line);
    buf_deinit(&l->clean);
    buf_deinit(&l->event);
    mem_free(l);
}

void space_log_tail(const struct space_log *l, struct buf *out)
{
    size_t first = l->lines > TAIL_LINES ? l->lines - TAIL_LINES : 0;
    for (size_t i = first; i < l->lines; i++) buf_add(out, str_c(l->tail[i % TAIL_LINES]));
}

/* ------------------------------------------------------------------ reading */

bool space_log_lines(const char *dir, const char *kind, uint64_t generation, uint64_t *at, size_t bytes_max, struct buf *out, struct err *e)
{
    char path[512];
    bool found;
    int fd;
    size_t got;
    path_of(path, dir, kind, generation);
    if (!os_open_read(path, &fd, &found, e)) return false;
    if (!found) return true;
    size_t was = out->n;
    char *room = buf_reserve(out, bytes_max);
    bool ok = room ? os_pread(fd, (uint8_t *)room, bytes_max, *at, &got, e) : err_set(e, ERR_TOO_LARGE, "this log is too long to be read");
    close(fd);
    if (!ok) return false;
    size_t end = str_rchr(str_n(room, got), '\n');
    got = end == STR_NONE ? 0 : end + 1;
    out->n = was + got;
    *at += got;
    return true;
}
