/* scan/scan.c - the table of probes, and how contents within contents are handed to them. */
#include "scan/form.h"
#include "scan/probe.h"
#include "scan/report.h"

/* One row a probe.  The order is that of findings; each is run on every content. */
static const struct probe probes[] = {
    { "pickle", probe_pickle },
    { "zip", probe_zip },
    { "tar", probe_tar },
    { "packed", probe_packed },
    { "npy", probe_npy },
    { "safetensors", probe_safetensors },
    { "gguf", probe_gguf },
    { "template", probe_template },
    { "config", probe_config },
    { "hdf5", probe_hdf5 },
    { "onnx", probe_onnx },
    { "tensorflow", probe_saved_model },
    { "tflite", probe_tflite },
    { "yaml", probe_yaml },
    { "script", probe_script },
    { "program", probe_program },
    { "secret", probe_secret },
};

enum { ARENA_BYTES_MAX = 256 << 20, ASK_EVERY_BYTES = 4 << 20, UNPACKED_RATIO_MAX = 200, UNPACKED_BYTES_LEAST = 256 << 20, UNPACKED_AGAIN = 4 };
#define UNPACKED_BYTES_MAX (UINT64_C(16) << 30)
#define OPCODES_MAX (UINT64_C(1) << 30)

struct scan {
    const struct scan_options *options;
    struct arena *arena; /* dies with the scan */
    struct report *report;
    uint64_t unasked_bytes;
    uint64_t unpacked_left, unpacked_again_left, opcodes_left;
};

void scan_add(struct scan *s, const struct probe_input *in, const char *probe, enum scan_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report_add(s->report, str_c(probe), in->member, level, fmt, ap);
    va_end(ap);
}

void scan_add_import(struct scan *s, str module, str name, enum scan_safety safety) { report_add_import(s->report, module, name, safety); }
void scan_set_pickle(struct scan *s) { report_set_pickle(s->report); }
void scan_set_secret(struct scan *s) { report_set_secret(s->report); }
struct arena *scan_arena(struct scan *s) { return s->arena; }

bool scan_stops(struct scan *s, uint64_t worked_bytes, struct err *e)
{
    s->unasked_bytes += worked_bytes;
    if (s->unasked_bytes < ASK_EVERY_BYTES) return false;
    s->unasked_bytes = 0;
    if (!s->options || !s->options->stops || !s->options->stops(s->options->stops_ctx)) return false;
    err_set(e, ERR_CLOSED, "the scan was told to stop");
    return true;
}

bool scan_read(struct scan *s, const struct probe_input *in, uint64_t at, void *out, size_t n, struct err *e)
{
    must(at <= in->source->size_bytes && n <= in->source->size_bytes - at);
    if (scan_stops(s, n, e)) return false;
    return n == 0 || in->source->read(in->source->ctx, at, out, n, e);
}

static bool spend(uint64_t *left, uint64_t n)
{
    bool is_enough = n <= *left;
    *left -= is_enough ? n : *left;
    return is_enough;
}

bool scan_may_unpack(struct scan *s, uint64_t n) { return spend(&s->unpacked_left, n); }
bool scan_may_unpack_again(struct scan *s, uint64_t n) { return spend(&s->unpacked_again_left, n); }

uint64_t scan_opcodes_left(const struct scan *s) { return s->opcodes_left; }
void scan_spend_opcodes(struct scan *s, uint64_t n) { (void)spend(&s->opcodes_left, n); }

bool scan_path_ends(str path, const char *const *endings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ends_nocase(path, str_c(endings[i]))) return true;
    return false;
}

/* ------------------------------------------------------------------ contents */

static bool run_probes(struct scan *s, struct probe_input *in, struct err *e)
{
    uint64_t size = in->source->size_bytes;
    size_t n = size < SCAN_HEAD_BYTES ? (size_t)size : SCAN_HEAD_BYTES;
    uint8_t *head = mem_alloc(n + 1);
    bool ok = scan_read(s, in, 0, head, n, e);
    in->head = (bytes){ head, n };
    for (size_t i = 0; ok && i < COUNT(probes); i++) ok = probes[i].run(s, in, e);
    mem_free(head);
    return ok;
}

bool scan_nested(struct scan *s, const struct probe_input *in, const struct scan_source *content, str name, struct err *e)
{
    if (in->depth + 1 >= SCAN_DEPTH_MAX) {
        scan_add(s, in, "archive", SCAN_CAUTION, "holds \"%.*s\", which lies too deep within other contents to be looked at", STR_ARG(str_to(name, 200)));
        return true;
    }
    struct buf member = BUF_INIT(2 * SCAN_PATH_MAX); /* the report cuts and cleans it */
    buf_add(&member, str_to(in->member, SCAN_PATH_MAX));
    if (in->member.n) buf_byte(&member, '/');
    buf_add(&member, str_to(name, SCAN_PATH_MAX - 1));
    struct probe_input inner = { .source = content, .path = name, .member = buf_str(&member), .depth = in->depth + 1 };
    bool ok = run_probes(s, &inner, e);
    buf_deinit(&member);
    return ok;
}

struct range {
    const struct scan_source *source;
    uint64_t at;
};

static bool range_read(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    struct range *r = ctx;
    return r->source->read(r->source->ctx, r->at + at, out, n, e);
}

bool scan_nested_range(struct scan *s, const struct probe_input *in, uint64_t at, uint64_t n, str name, struct err *e)
{
    must(at <= in->source->size_bytes && n <= in->source->size_bytes - at);
    struct range r = { in->source, at };
    struct scan_source part = { .size_bytes = n, .read = range_read, .ctx = &r };
    return scan_nested(s, in, &part, name, e);
}

bool scan_source(const struct scan_source *source, str path, const struct scan_options *o, struct arena *a, struct scan_report *out, struct err *e)
{
    struct scan s = { .options = o, .arena = arena_new(ARENA_BYTES_MAX), .report = report_new() };
    struct probe_input in = { .source = source, .path = path };
    uint64_t most = source->size_bytes < UNPACKED_BYTES_MAX / UNPACKED_RATIO_MAX ? source->size_bytes * UNPACKED_RATIO_MAX : UNPACKED_BYTES_MAX;
    s.unpacked_left = most > UNPACKED_BYTES_LEAST ? most : UNPACKED_BYTES_LEAST;
    s.opcodes_left = OPCODES_MAX;
    s.unpacked_again_left = UNPACKED_AGAIN * s.unpacked_left;
    bool ok = run_probes(&s, &in, e);
    if (ok) report_end(s.report, a, out);
    report_free(s.report);
    arena_free(s.arena);
    return ok;
}
