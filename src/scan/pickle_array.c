/* scan/pickle_array.c - arrays that joblib puts into the stream of its pickles: how long is one, and what does a loader do then? */
#include "scan/pickle_machine.h"

#include "base/ckd.h"

/* '<f8', 'O8', 'U5', 'M8[ns]', 'V16': what numpy.dtype is called with. */
bool pickle_dtype_parse(str text, struct pickle_dtype *out)
{
    uint64_t n = 0;
    if (text.n && strchr("<>=|", text.p[0])) text = str_from(text, 1);
    if (!text.n) return false;
    char kind = text.p[0];
    size_t bracket = str_chr(text, '[');
    str digits = str_from(bracket == STR_NONE ? text : str_to(text, bracket), 1);
    bool has_size = str_u64(digits, &n) && n < (1 << 30);
    *out = (struct pickle_dtype){ .item_bytes = n };
    switch (kind) {
    case 'O':
        out->is_known = out->has_objects = true;
        return true;
    case 'b': case 'i': case 'u': case 'f': case 'c': case 'M': case 'm': case 'S': case 'a':
        out->is_known = has_size;
        return has_size;
    case 'U':
        out->item_bytes = 4 * n;
        out->is_known = has_size;
        return has_size;
    case 'V':
        out->has_state_only_size = true; /* fields may hold objects: the state says so */
        return has_size;
    default: return false;
    }
}

/* ------------------------------------------------------------------ arrays of joblib */

struct array {
    uint64_t count;
    const struct pickle_dtype *dtype;
    bool is_known, is_aligned;
};

static bool array_of(struct pickle_machine *m, value state, struct array *out)
{
    struct node *d = kind_of(state) == DICT ? machine_node_of(m, state) : NULL;
    *out = (struct array){ .count = 1 };
    bool has_shape = false;
    if (!d || d->n > ITEMS) return true;
    for (size_t i = 0; i + 1 < d->n; i += 2) {
        char buffer[2 * PICKLE_NAME_BYTES_MAX];
        str key;
        bool known;
        if (kind_of(d->item[i]) != TEXT) continue;
        if (!machine_text_again(m, payload(d->item[i]), buffer, &key, &known)) return false;
        value v = d->item[i + 1];
        struct node *t = kind_of(v) == TUPLE ? machine_node_of(m, v) : NULL;
        if (str_eq(key, STR("dtype"))) out->dtype = kind_of(v) == DTYPE ? &m->dtype[payload(v)] : NULL;
        if (str_eq(key, STR("numpy_array_alignment_bytes"))) out->is_aligned = kind_of(v) == INT;
        if (!str_eq(key, STR("shape"))) continue;
        has_shape = t && t->n <= ITEMS;
        out->count = 1;
        for (size_t k = 0; has_shape && k < t->n; k++) {
            uint64_t by = payload(t->item[k]);
            has_shape = kind_of(t->item[k]) == INT && (by == 0 || out->count <= (UINT64_C(1) << 58) / by);
            if (has_shape) out->count *= by;
        }
    }
    out->is_known = has_shape && out->dtype && out->dtype->is_known;
    return true;
}

/* A fresh loader reads the objects from here. */
static bool inner_pickle(struct pickle_machine *m)
{
    struct pickle_options o = *m->o;
    struct pickle_run r = { 0 };
    o.inner++;
    if (o.inner > 2) return machine_limit(m, "arrays of objects lie deeper in each other than is followed");
    if (!pickle_run(m->scan, m->in, m->w, m->size, m->at, &o, m->a, &r, m->e)) return machine_failed(m);
    for (size_t i = 0; i < r.imports_count; i++) {
        size_t own;
        m->op_at = r.import[i].at;
        if (!machine_find_import(m, r.import[i].module, r.import[i].name, &own) && !machine_add_import(m, r.import[i].module, r.import[i].name, r.import[i].safety, &own)) return false;
        m->out->import[own].use |= r.import[i].use;
    }
    struct pickle_run *out = m->out;
    if (r.worst > out->worst) out->worst = r.worst;
    out->calls |= r.calls;
    if (r.calls_computed && !out->calls_computed) out->calls_computed = true, out->calls_computed_at = r.calls_computed_at;
    if (r.sets_import && !out->sets_import) out->sets_import = true, out->sets_import_at = r.sets_import_at;
    if (r.has_unknown && !out->has_unknown) out->has_unknown = true, out->unknown_at = r.unknown_at;
    if (r.has_extension && !out->has_extension) out->has_extension = true, out->extension_at = r.extension_at;
    out->opcodes += r.opcodes;
    m->at = r.end;
    if (r.how == PICKLE_STOPPED) return true;
    memcpy(out->why, r.why, sizeof out->why);
    out->how = r.how;
    m->is_over = true;
    return false;
}

static void pass_over(struct pickle_machine *m, uint64_t from, uint64_t to)
{
    struct pickle_run *r = m->out;
    if (r->arrays_count == PICKLE_ARRAYS_MAX) r->array[PICKLE_ARRAYS_MAX - 1].to = to;
    else {
        r->array = arena_grow(m->a, r->array, r->arrays_count, sizeof *r->array);
        r->array[r->arrays_count++] = (struct pickle_range){ from, to };
    }
}

static bool read_array(struct pickle_machine *m, value state)
{
    struct array x;
    uint64_t n, from = m->at;
    if (!array_of(m, state, &x)) return false;
    if (!x.is_known) {
        m->out->has_array_unknown = true;
        return machine_broke(m, "an array stands in it whose length cannot be told");
    }
    if (x.dtype->has_objects) return inner_pickle(m);
    if (x.is_aligned) {
        const uint8_t *padding = machine_take(m, 1);
        if (!padding) return false;
        uint8_t n_padding = *padding;
        if (!machine_take(m, n_padding)) return false;
    }
    if (ckd_mul(&n, x.count, x.dtype->item_bytes) || n > m->size - m->at) return machine_broke(m, "an array in it is longer than what is left");
    m->at += n;
    if (m->at > from) pass_over(m, from, m->at);
    return true;
}

static void refine_dtype(struct pickle_machine *m, struct pickle_dtype *d, value state)
{
    struct node *t = kind_of(state) == TUPLE ? machine_node_of(m, state) : NULL;
    if (!t || t->n > ITEMS || t->n < 8) return; /* (version, order, subdtype, names, fields, size, alignment, flags) */
    if (kind_of(t->item[2]) != OTHER) d->is_known = false;
    if (kind_of(t->item[7]) == INT && payload(t->item[7]) & 1) d->has_objects = true;
    if (!d->has_state_only_size) return;
    if (kind_of(t->item[5]) == INT) d->item_bytes = payload(t->item[5]);
    d->is_known = kind_of(t->item[5]) == INT && kind_of(t->item[7]) == INT;
}

bool machine_build(struct pickle_machine *m)
{
    value state, target;
    if (!machine_pop(m, &state) || !machine_top(m, &target)) return false;
    if (kind_of(target) == DTYPE) refine_dtype(m, &m->dtype[payload(target)], state);
    if (kind_of(target) != WRAPPER || m->o->inner) return machine_touch(m, target);
    return machine_pop(m, &target) && read_array(m, state) && machine_push(m, val(RESULT, 0));
}
