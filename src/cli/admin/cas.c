/* cli/admin/cas.c - hearth cas stats | convert: large files on disk. */
#include <inttypes.h>

#include "base/clock.h"
#include "cli/admin/home.h"
#include "hub/index/list.h"
#include "hub/large_file.h"

static void print_total(struct cli *c, const struct cas_stats *s)
{
    fprintf(c->out, "%s of %" PRIu64 " bytes", cli_count(c, s->objects, "large file", "large files"), s->logical_bytes);
    if (s->objects_to_convert) fprintf(c->out, ", %" PRIu64 " of them still to be converted", s->objects_to_convert);
    fprintf(c->out, "\n%s of %s, %" PRIu64 " bytes\n%" PRIu64 " bytes on disk", cli_count(c, s->xorbs, "xorb", "xorbs"),
            cli_count(c, s->chunks, "different chunk", "different chunks"), s->raw_bytes, s->stored_bytes);
    if (s->stored_bytes) fprintf(c->out, ", a ratio of %.2f", (double)s->logical_bytes / (double)s->stored_bytes);
    fprintf(c->out, "\n");
}

static bool print_repos(struct cli *c, struct db_conn *reader, enum repo_kind kind, struct err *e)
{
    enum { PAGE = 500, COLUMNS = 5 };
    static const char *const kinds[REPO_KINDS] = { "model", "dataset", "space", "kernel" };
    const struct identity operator = { .is_admin = true }; /* sees all */
    struct list_query q = { .kind = kind, .who = &operator, .gated = -1, .sort = SORT_NAME, .ascending = true, .limit = PAGE };
    str *cell = arena_alloc(c->arena, PAGE * COLUMNS * sizeof *cell);
    struct list_page page;
    do {
        size_t n = 0;
        if (!list_repos(reader, &q, c->arena, &page, e)) return false;
        for (size_t i = 0; i < page.n; i++) {
            struct cas_stats s;
            if (!large_file_stats(reader, page.row[i].repo.id, &s, e)) return false;
            if (s.objects == 0) continue;
            cell[n++] = page.row[i].repo.full_name;
            cell[n++] = str_c(kinds[kind]);
            cell[n++] = str_c(cli_count(c, s.objects, "large file", "large files"));
            cell[n++] = arena_fmt(c->arena, "%" PRIu64 " bytes", s.logical_bytes);
            cell[n++] = arena_fmt(c->arena, "%" PRIu64 " stored", s.stored_bytes);
        }
        cli_columns(c->out, cell, n, COLUMNS);
        q.cursor = page.next;
    } while (page.next.p);
    return true;
}

bool cli_cas_stats(struct cli *c, struct err *e)
{
    struct hub *h;
    struct cas_stats s;
    if (!cli_hub_open(c, false, &h, e)) return false;
    struct db_conn *reader = db_reader(hub_db(h));
    bool ok = cas_stats(reader, &s, e);
    if (ok) print_total(c, &s);
    for (int kind = 0; ok && kind < REPO_KINDS; kind++) ok = print_repos(c, reader, (enum repo_kind)kind, e);
    db_give(hub_db(h), reader);
    hub_close(h);
    return ok;
}

struct conversion {
    struct cli *c;
    int64_t said_ms;
};

static bool say(void *ctx, const struct cas_convert_result *r)
{
    enum { SAY_EVERY_MS = 2000 };
    struct conversion *v = ctx;
    int64_t now = clock_now_ms();
    if (now - v->said_ms < SAY_EVERY_MS) return true;
    v->said_ms = now;
    fprintf(v->c->out, "%" PRIu64 " of %s, %" PRIu64 " of %" PRIu64 " bytes\n", r->objects_done, cli_count(v->c, r->objects_total, "large file", "large files"),
            r->bytes_done, r->bytes_total);
    fflush(v->c->out);
    return true;
}

bool cli_cas_convert(struct cli *c, struct err *e)
{
    struct hub *h;
    struct conversion v = { .c = c, .said_ms = clock_now_ms() };
    struct cas_convert_options o = { .progress = say, .ctx = &v };
    struct cas_convert_result r;
    if (!cli_hub_open(c, false, &h, e)) return false;
    bool ok = cas_convert(hub_cas(h), &o, &r, e);
    hub_close(h);
    if (!ok) return false;
    fprintf(c->out, "%s of %" PRIu64 " bytes converted\n", cli_count(c, r.objects_done, "large file", "large files"), r.bytes_done);
    return r.objects_damaged == 0 || err_set(e, ERR_CONFLICT, "%" PRIu64 " large files are damaged and stay as they are; hearth fsck names them",
                                             r.objects_damaged);
}
