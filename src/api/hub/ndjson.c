/* api/hub/ndjson.c - bodies that are lines of JSON, read one line at a time: a body may be far larger than memory should be. */
#include "api/hub/hub_api.h"

enum { READ_BYTES = 64 << 10, ARENA_TIMES = 4 };

struct lines {
    ndjson_source *read;
    void *ctx; /* of read */
    const struct ndjson *form;
    struct arena *scratch; /* of one line */
    uint64_t number;
    uint8_t *block; /* READ_BYTES */
};

static bool take_line(struct lines *l, str line, struct err *e)
{
    struct json *doc;
    l->number++;
    line = str_trim(line);
    if (line.n == 0) return true;
    arena_reset(l->scratch);
    if (json_parse(line, l->scratch, &doc, e) && l->form->line(l->form->ctx, doc, l->scratch, e)) return true;
    if (e->code == ERR_INVALID) err_context(e, "Line %llu of the %s", (unsigned long long)l->number, l->form->what);
    return false;
}

static bool read_lines(struct lines *l, struct buf *line, struct err *e)
{
    for (;;) {
        size_t got;
        if (!l->read(l->ctx, l->block, READ_BYTES, &got, e)) return false;
        str rest = str_n((const char *)l->block, got);
        while (rest.n) {
            size_t end = str_chr(rest, '\n');
            buf_add(line, str_to(rest, end == STR_NONE ? rest.n : end));
            if (line->failed)
                return err_set(e, ERR_TOO_LARGE, "Line %llu of the %s is longer than %zu KiB%s", (unsigned long long)l->number + 1, l->form->what,
                               l->form->line_bytes_max >> 10, l->form->advice);
            if (end == STR_NONE) break;
            if (!take_line(l, buf_str(line), e)) return false;
            buf_reset(line);
            rest = str_from(rest, end + 1);
        }
        if (got == 0) return take_line(l, buf_str(line), e); /* the last line may lack its end */
    }
}

bool ndjson_read_from(ndjson_source *read, void *ctx, const struct ndjson *form, struct err *e)
{
    struct lines l = { .read = read, .ctx = ctx, .form = form, .scratch = arena_new(ARENA_TIMES * form->line_bytes_max), .block = mem_alloc(READ_BYTES) };
    struct buf line = BUF_INIT(form->line_bytes_max);
    bool ok = read_lines(&l, &line, e);
    buf_deinit(&line);
    mem_free(l.block);
    arena_free(l.scratch);
    return ok;
}

static bool read_body(void *ctx, uint8_t *out, size_t n, size_t *got, struct err *e) { return http_read(ctx, out, n, got, e); }

bool ndjson_read(struct call *c, const struct ndjson *form, struct err *e) { return ndjson_read_from(read_body, c->http, form, e); }
