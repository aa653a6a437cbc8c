/* web/repo/card/hardware.c - what a model needs to run, and how fast it ran here: numbers in the weights by type, memory for each
 * type that this engine (bf16, q8, q4) and others pack them as, and tokens per second of calls: of those since the server
 * started, else of the latest that are on record.
 *
 * Memory is that of the weights alone; keys and values come on top. */
#include "infer/infer.h"
#include "infer/meter/usage.h"
#include "web/repo/card/card.h"

enum { DTYPES_MAX = 8 };

/* By type, from the headers of safetensors; of a GGUF file only the total is known. */
static void write_dtypes(struct json_writer *w, struct arena *a, str safetensors)
{
    struct json *doc;
    struct err ignored;
    size_t n = 0;
    if (!safetensors.n || !json_parse(safetensors, a, &doc, &ignored)) return;
    jw_karray(w, "dtypes");
    json_each (t, json_get(doc, STR("parameters"))) {
        int64_t count;
        if (!json_int(t, &count) || n++ == DTYPES_MAX) break;
        jw_object(w);
        jw_kstr(w, "label", t->key);
        jw_kint(w, "value", count);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_memory(struct json_writer *w, int64_t parameters, uint64_t room, const char *dtype_here)
{
    /* Bits a weight, scales included: 8.5 and 4.5 are what kernel/ packs q8 and q4 as. */
    static const struct { const char *name, *id; double per_weight; } types[] = {
        { "float32", "f32", 4 }, { "bfloat16", "bf16", 2 }, { "8 bits", "q8", 8.5 / 8 }, { "4 bits", "q4", 4.5 / 8 },
    };
    jw_karray(w, "memory");
    for (size_t i = 0; i < COUNT(types); i++) {
        double taken = (double)parameters * types[i].per_weight;
        jw_object(w);
        jw_kstr(w, "label", str_c(types[i].name));
        jw_kint(w, "value", taken < 9e18 ? (int64_t)taken : INT64_MAX);
        if (room) jw_kbool(w, "fits", taken < (double)room);
        jw_kbool(w, "is_here", dtype_here && str_eq(str_c(dtype_here), str_c(types[i].id)));
        jw_object_end(w);
    }
    jw_array_end(w);
}

static uint64_t count_times(const struct stats_times *t)
{
    uint64_t n = 0;
    for (size_t i = 0; i < STATS_TIMES; i++) n += t->count[i];
    return n;
}

/* What was measured since the start: of a decoder seconds per token of a call, of an encoder tokens read per second. */
static void write_measured(struct page *p, struct infer *f, const struct repo *r)
{
    struct json_writer *w = &p->w;
    struct usage_speed lately;
    struct infer_stat *stat;
    struct err ignored;
    bool any = false;
    size_t n;
    infer_stats(f, p->c->a, &stat, &n);
    for (size_t i = 0; i < n; i++) {
        const struct stats_model *m = &stat[i].counted;
        if (m->repo_id != r->id) continue;
        uint64_t answers = count_times(&m->per_token), calls = count_times(&m->compute);
        jw_kint(w, "calls", (int64_t)m->calls);
        if (answers && m->per_token.sum_s > 0) jw_key(w, STR("tokens_per_s")), jw_real(w, (double)answers / m->per_token.sum_s);
        else if (calls && m->compute.sum_s > 0) jw_key(w, STR("read_per_s")), jw_real(w, (double)m->prompt_tokens / m->compute.sum_s);
        if (stat[i].resident_bytes) jw_kint(w, "resident", (int64_t)stat[i].resident_bytes);
        any = any || answers || calls;
    }
    if (any || !usage_speed(call_db(p->c), r->full_name, r->created_ms, &lately, &ignored)) return;
    if (lately.written_per_s > 0) jw_key(w, STR("tokens_per_s")), jw_real(w, lately.written_per_s);
    else if (lately.read_per_s > 0) jw_key(w, STR("read_per_s")), jw_real(w, lately.read_per_s);
}

void write_hardware(struct page *p, const struct repo_view *v)
{
    struct infer *f = call_infer(p->c);
    if (v->row.repo.kind != REPO_MODEL || v->row.parameters <= 0) return;
    uint64_t room = f ? infer_memory(f) : 0;
    const char *dtype = f && v->task.n && !v->row.gguf.n ? infer_settings(f)->dtype : NULL;
    jw_kobject(&p->w, "hardware");
    jw_kint(&p->w, "parameters", v->row.parameters);
    write_dtypes(&p->w, p->c->a, v->row.safetensors);
    write_memory(&p->w, v->row.parameters, v->task.n ? room : 0, dtype);
    if (room) jw_kint(&p->w, "room", (int64_t)room);
    if (f && v->task.n) write_measured(p, f, &v->row.repo);
    jw_object_end(&p->w);
}
