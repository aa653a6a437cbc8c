/* model/nn/linear.c - see model/nn/linear.h.  Panels are split over the team, so each weight is read by one thread. */
#include "model/nn/linear.h"

#include <pthread.h>
#include <string.h>

#include "base/map.h"
#include "model/gguf/block.h"

/* ------------------------------------------------------------------ packing */

struct packing {
    const struct linear_part *part;
    size_t parts;
    struct linear *out;
    pthread_mutex_t lock;
    bool failed;
    struct err err;
};

static size_t stored_rows(const struct linear_part *part, size_t k) { return (size_t)(part->weight->elements / k); }
static size_t part_rows(const struct linear_part *part, size_t k) { return part->row ? part->rows : stored_rows(part, k); }

/* A row of the product is added to `out`; room: k floats. */
static bool add_low_rank(const struct low_rank *add, size_t at, size_t k, float *out, float *room, struct err *e)
{
    size_t rank = (size_t)(add->a->elements / k);
    for (size_t i = 0; i < rank; i++) {
        float b;
        if (!tensor_floats(add->b, at * rank + i, 1, &b, e) || !tensor_floats(add->a, i * k, k, room, e)) return false;
        kernels()->axpy(add->by * b, room, out, k);
    }
    return true;
}

/* The part that row *at of all belongs to, and *at as its own. */
static const struct linear_part *part_of(const struct packing *p, size_t *at)
{
    for (size_t i = 0; i < p->parts; i++) {
        const struct linear_part *part = &p->part[i];
        size_t rows = part_rows(part, p->out->k);
        if (*at < rows) {
            if (part->row) *at = part->row[*at];
            return part;
        }
        *at -= rows;
    }
    must(!"a row past the last");
    return NULL;
}

/* Row `at` of the parts put together, as floats. */
static bool read_row(const struct packing *p, size_t at, float *out, float *room, struct err *e)
{
    size_t k = p->out->k;
    const struct linear_part *part = part_of(p, &at);
    const struct tensor *w = part->weight;
    bool ok = part->is_transposed ? tensor_column(w, at, out, e) && tensor_check_finite(w, at, w->shape[1], out, k, e)
                                  : tensor_floats(w, at * k, k, out, e) && tensor_check_finite(w, at * k, 1, out, k, e);
    if (!ok || !part->add.a) return ok;
    return add_low_rank(&part->add, at, k, out, room, e) &&
           (tensor_check_finite(w, at * k, 1, out, k, e) || err_context(e, "with its adapter"));
}

/* Weights that a file has as whole numbers are copied; false: they have to be read as floats. */
static bool copy_panel(const struct packing *p, size_t panel)
{
    const struct linear *l = p->out;
    const struct gguf_block *block[KERNEL_PANEL];
    const uint8_t *row[KERNEL_PANEL];
    if (l->k % KERNEL_GROUP || l->type < KERNEL_Q8) return false;
    for (size_t j = 0; j < KERNEL_PANEL; j++) {
        size_t at = panel * KERNEL_PANEL + j;
        const struct linear_part *part = at < l->n ? part_of(p, &at) : NULL;
        block[j] = part ? part->weight->block : NULL;
        row[j] = part && block[j] && block[j]->levels && !part->add.a ? tensor_row_blocks(part->weight, part->is_transposed, at) : NULL;
        if (part && !row[j]) return false;
    }
    for (size_t g = 0, groups = l->k / KERNEL_GROUP; g < groups; g++)
        for (size_t j = 0; j < KERNEL_PANEL; j++) {
            struct kernel_levels x;
            unsigned many = row[j] ? block[j]->elements / KERNEL_GROUP : 1;
            if (row[j]) block[j]->levels(row[j] + g / many * block[j]->bytes, (unsigned)(g % many), &x);
            if (!kernel_pack_levels(l->type, row[j] ? &x : NULL, j, l->packed + panel * l->panel_bytes + g * (l->panel_bytes / groups))) return false;
        }
    return true;
}

static void pack_share(void *ctx, size_t share, size_t shares)
{
    struct packing *p = ctx;
    struct linear *l = p->out;
    const float *row[KERNEL_PANEL];
    size_t first, end;
    float *floats = mem_alloc(l->k * (KERNEL_PANEL + 1) * sizeof *floats), *room = floats + l->k * KERNEL_PANEL;
    team_share(kernel_panels(l->n), share, shares, &first, &end);
    for (size_t panel = first; panel < end; panel++) {
        if (copy_panel(p, panel)) continue;
        for (size_t j = 0; j < KERNEL_PANEL; j++) {
            struct err e;
            size_t at = panel * KERNEL_PANEL + j;
            row[j] = at < l->n ? floats + j * l->k : NULL;
            if (!row[j] || read_row(p, at, floats + j * l->k, room, &e)) continue;
            pthread_mutex_lock(&p->lock);
            p->failed = true;
            p->err = e;
            pthread_mutex_unlock(&p->lock);
            goto done;
        }
        kernel_pack(l->type, row, l->k, l->packed + panel * l->panel_bytes);
    }
done:
    mem_free(floats);
}

enum kernel_type linear_nearest(const struct linear_part *part, size_t parts)
{
    enum kernel_type type = KERNEL_Q4;
    for (size_t i = 0; i < parts; i++) {
        const struct gguf_block *b = part[i].weight->block;
        enum kernel_type its = b ? b->nearest : KERNEL_BF16;
        if (its < type) type = its; /* from the largest to the smallest */
    }
    return type;
}

static bool read_bias(const struct linear_part *part, size_t parts, struct linear *l, struct err *e)
{
    size_t at = 0;
    for (size_t i = 0; i < parts; i++) {
        size_t rows = part_rows(&part[i], l->k), stored = stored_rows(&part[i], l->k);
        if (part[i].bias) {
            if (!l->bias) l->bias = mem_alloc(linear_stride(l->n) * sizeof *l->bias);
            if (part[i].bias->elements != stored) return err_set(e, ERR_INVALID, "a bias has %llu numbers for %zu outputs", (unsigned long long)part[i].bias->elements, stored);
            if (!part[i].row && !tensor_floats(part[i].bias, 0, rows, l->bias + at, e)) return false;
            for (size_t j = 0; part[i].row && j < rows; j++)
                if (!tensor_floats(part[i].bias, part[i].row[j], 1, l->bias + at + j, e)) return false;
        }
        if (part[i].bias && !tensor_check_finite(part[i].bias, 0, 1, l->bias + at, rows, e)) return false;
        at += rows;
    }
    return true;
}

/* What the panels are made from. */
static struct sha256 key_of(const struct linear *l, const struct linear_part *part, size_t parts)
{
    struct hasher *h = hasher_new_sha256();
    struct sha256 key;
    const uint64_t own[] = { l->type, l->n, l->k, parts };
    hasher_add(h, (bytes){ (const uint8_t *)own, sizeof own });
    for (size_t i = 0; i < parts; i++) {
        const struct tensor *t = part[i].weight;
        const uint64_t shape[] = { t->name.n, t->dtype, t->block != NULL, t->data.n, t->rank, t->shape[0], t->shape[1], t->order, t->heads,
                                   t->is_transposed, part[i].is_transposed, part[i].row ? part[i].rows : UINT64_MAX };
        hasher_add(h, (bytes){ (const uint8_t *)shape, sizeof shape });
        hasher_add(h, (bytes){ (const uint8_t *)&t->shift, sizeof t->shift });
        hasher_add(h, (bytes){ (const uint8_t *)t->name.p, t->name.n });
        if (part[i].row) hasher_add(h, (bytes){ (const uint8_t *)part[i].row, part[i].rows * sizeof *part[i].row });
    }
    hasher_end(h, key.b);
    return key;
}

static bool pack_panels(struct team *team, const struct linear_part *part, size_t parts, struct linear *out, struct err *e)
{
    struct packing p = { .part = part, .parts = parts, .out = out };
    must(pthread_mutex_init(&p.lock, NULL) == 0);
    team_run(team, pack_share, &p);
    pthread_mutex_destroy(&p.lock);
    if (p.failed) *e = p.err;
    return !p.failed;
}

/* Room for the panels; *found: they are there already. */
static bool find_room(struct packed *kept, const struct linear_part *part, size_t parts, struct linear *out, bool *found, struct err *e)
{
    void *memory;
    bool is_source = true; /* an adapter's weights are not the source's, and not to be found again as such */
    *found = false;
    for (size_t i = 0; i < parts; i++) is_source &= !part[i].add.a;
    if (!kept) {
        if (!pages_alloc(out->packed_bytes, &memory, e)) return false;
        out->packed = memory;
        return true;
    }
    struct sha256 key = key_of(out, part, parts);
    out->slot = is_source ? packed_find(kept, &key, out->packed_bytes) : NULL;
    *found = out->slot;
    if (!out->slot) out->slot = packed_room(kept, is_source ? &key : NULL, out->packed_bytes, &out->packed, e);
    else out->packed = (uint8_t *)(uintptr_t)packed_data(out->slot); /* only read */
    return out->slot;
}

bool linear_pack_kept(struct packed *kept, struct team *team, enum kernel_type type, size_t k, const struct linear_part *part,
                      size_t parts, struct linear *out, struct err *e)
{
    bool found;
    if (type == LINEAR_NEAREST) type = linear_nearest(part, parts);
    *out = (struct linear){ .type = type, .k = k, .panel_bytes = kernel_panel_bytes(type, k) };
    for (size_t i = 0; i < parts; i++) out->n += part_rows(&part[i], k);
    out->packed_bytes = kernel_panels(out->n) * out->panel_bytes;
    if (find_room(kept, part, parts, out, &found, e) && (found || pack_panels(team, part, parts, out, e)) && read_bias(part, parts, out, e)) return true;
    linear_free(out);
    return false;
}

bool linear_pack(struct team *team, enum kernel_type type, size_t k, const struct linear_part *part, size_t parts,
                 struct linear *out, struct err *e)
{
    return linear_pack_kept(NULL, team, type, k, part, parts, out, e);
}

void linear_free(struct linear *l)
{
    if (!l->slot) pages_free(l->packed, l->packed_bytes);
    mem_free(l->bias);
    *l = (struct linear){ 0 };
}

/* ------------------------------------------------------------------ running */

struct run {
    const struct linear *l;
    const struct scratch *s;
    const float *x;
    size_t x_stride;
    struct kernel_linear job;
};

bool linear_room(struct scratch *s, const struct linear *l, size_t rows, struct err *e)
{
    return scratch_reserve(s, rows * kernel_row_bytes(l->type, l->k), e);
}

void linear_prepare(const struct scratch *s, const struct linear *l, const float *x, size_t row)
{
    kernels()->prepare[l->type](x, l->k, s->p + row * kernel_row_bytes(l->type, l->k));
}

static void prepare_share(void *ctx, size_t part, size_t parts)
{
    const struct run *r = ctx;
    size_t first, end;
    team_share(r->job.rows, part, parts, &first, &end);
    for (size_t i = first; i < end; i++) linear_prepare(r->s, r->l, r->x + i * r->x_stride, i);
}

static void run_share(void *ctx, size_t part, size_t parts)
{
    const struct run *r = ctx;
    struct kernel_linear job = r->job;
    team_share(kernel_panels(r->l->n), part, parts, &job.first, &job.end);
    kernels()->linear[r->l->type](&job);
    if (!r->l->bias) return;
    size_t from = job.first * KERNEL_PANEL, n = (job.end - job.first) * KERNEL_PANEL;
    for (size_t i = 0; i < job.rows; i++) kernels()->axpy(1, r->l->bias + from, job.y + i * job.stride + from, n);
}

/* Enough parts that nobody waits long for the last, none so small that taking it costs more than doing it: with a single
 * row, layers of up to a few PART_BYTES are best halved, for each taking waits for a line from another processor. */
static size_t parts_for(const struct team *team, const struct linear *l, size_t rows)
{
    enum { PART_BYTES = 1 << 20, PARTS_A_THREAD = 16 };
    size_t parts = l->packed_bytes * rows / PART_BYTES, most = team_size(team) * PARTS_A_THREAD;
    if (parts < team_size(team)) parts = team_size(team);
    if (parts > most) parts = most;
    return parts < kernel_panels(l->n) ? parts : kernel_panels(l->n);
}

void linear_run_prepared(struct team *team, const struct scratch *s, const struct linear *l, size_t rows, float *y, size_t y_stride)
{
    struct run r = { .l = l };
    must(y_stride >= linear_stride(l->n));
    r.job = (struct kernel_linear){ .w = linear_data(l), .panel_bytes = l->panel_bytes, .k = l->k, .x = s->p,
                                    .row_bytes = kernel_row_bytes(l->type, l->k), .rows = rows, .y = y, .stride = y_stride };
    team_split(team, parts_for(team, l, rows), run_share, &r);
}

bool linear_run(struct team *team, struct scratch *s, const struct linear *l, const float *x, size_t x_stride, size_t rows,
                float *y, size_t y_stride, struct err *e)
{
    struct run r = { .l = l, .s = s, .x = x, .x_stride = x_stride, .job.rows = rows };
    if (!linear_room(s, l, rows, e)) return false;
    if (rows < 4) prepare_share(&r, 0, 1); /* less work than a round of the team */
    else team_run(team, prepare_share, &r);
    linear_run_prepared(team, s, l, rows, y, y_stride);
    return true;
}

bool linear_type_parse(str name, enum kernel_type *out)
{
    static const struct { str name; enum kernel_type type; } types[] = {
        { STR_INIT("auto"), LINEAR_NEAREST }, { STR_INIT("f32"), KERNEL_F32 }, { STR_INIT("bf16"), KERNEL_BF16 },
        { STR_INIT("q8"), KERNEL_Q8 },        { STR_INIT("q4"), KERNEL_Q4 },
    };
    for (size_t i = 0; i < COUNT(types); i++) {
        if (!str_eq(name, types[i].name)) continue;
        *out = types[i].type;
        return true;
    }
    return false;
}

uint64_t linear_memory(enum kernel_type type, uint64_t outputs, size_t inputs)
{
    return kernel_panels(outputs) * (uint64_t)kernel_panel_bytes(type, inputs);
}
