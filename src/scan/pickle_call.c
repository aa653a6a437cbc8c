/* scan/pickle_call.c - what a pickle imports and calls. */
#include "scan/pickle_machine.h"

enum { LINEAR_IMPORTS = 16 };

/* ------------------------------------------------------------------ imports */

enum { BUCKETS = 2 * PICKLE_IMPORTS_MAX };

static bool import_is(const struct pickle_import *i, str module, str name) { return str_eq(i->module, module) && str_eq(i->name, name); }

static void index_import(struct pickle_machine *m, size_t i)
{
    uint32_t b = globals_hash(m->out->import[i].module, m->out->import[i].name) % BUCKETS;
    while (m->by_hash[b]) b = (b + 1) % BUCKETS;
    m->by_hash[b] = (uint16_t)(i + 1);
}

bool machine_find_import(struct pickle_machine *m, str module, str name, size_t *out)
{
    size_t n = m->out->imports_count;
    if (n <= LINEAR_IMPORTS) {
        for (*out = 0; *out < n; ++*out)
            if (import_is(&m->out->import[*out], module, name)) return true;
        return false;
    }
    for (uint32_t b = globals_hash(module, name) % BUCKETS; m->by_hash[b]; b = (b + 1) % BUCKETS) {
        *out = m->by_hash[b] - 1u;
        if (import_is(&m->out->import[*out], module, name)) return true;
    }
    return false;
}

static enum role role_of(str module, str name)
{
    if (str_eq(name, STR("NumpyArrayWrapper"))) return ROLE_WRAPPER;
    if (str_eq(name, STR("dtype")) && str_eq(module, STR("numpy"))) return ROLE_DTYPE;
    bool makes = str_eq(name, STR("_reconstructor")) || str_eq(name, STR("__newobj__"));
    return makes && (str_eq(module, STR("copyreg")) || str_eq(module, STR("copy_reg"))) ? ROLE_MAKER : PLAIN;
}

bool machine_add_import(struct pickle_machine *m, str module, str name, enum scan_safety safety, size_t *out)
{
    struct pickle_run *r = m->out;
    if (r->imports_count == PICKLE_IMPORTS_MAX) { /* only the worst of those that follow is told */
        *out = PICKLE_IMPORTS_MAX - 1;
        if (safety <= r->import[*out].safety) return true;
    } else {
        if (r->imports_count == m->imports_cap) {
            m->imports_cap = m->imports_cap ? 2 * m->imports_cap : 8;
            m->role = mem_grow(m->role, m->imports_cap);
            struct pickle_import *more = arena_alloc(m->a, m->imports_cap * sizeof *more);
            if (r->imports_count) memcpy(more, r->import, r->imports_count * sizeof *more);
            r->import = more;
        }
        *out = r->imports_count++;
    }
    r->import[*out] = (struct pickle_import){ arena_dup(m->a, str_to(module, PICKLE_NAME_BYTES_MAX)), arena_dup(m->a, str_to(name, PICKLE_NAME_BYTES_MAX)), safety, 0, m->op_at };
    m->role[*out] = (uint8_t)role_of(module, name);
    if (r->imports_count > LINEAR_IMPORTS && !m->by_hash) {
        m->by_hash = mem_alloc(BUCKETS * sizeof *m->by_hash);
        for (size_t i = 0; i < r->imports_count; i++) index_import(m, i);
    } else if (m->by_hash && r->imports_count < PICKLE_IMPORTS_MAX) index_import(m, *out);
    return true;
}

bool machine_push_import(struct pickle_machine *m, str module, str name)
{
    size_t i;
    if (!machine_find_import(m, module, name, &i)) {
        enum scan_safety safety = globals_judge(module, name);
        if (safety > m->out->worst) m->out->worst = safety;
        if (!machine_add_import(m, module, name, safety, &i)) return false;
    }
    return machine_push(m, val(IMPORT, i));
}

bool machine_global(struct pickle_machine *m)
{
    str line;
    char module[PICKLE_NAME_BYTES_MAX];
    if (!machine_take_line(m, &line)) return false;
    bool is_plain = m->out->has_proto || globals_is_module(line); /* text that begins with c or i is no pickle */
    if (!is_plain) return machine_broke(m, "what it would import is no module");
    if (line.n > sizeof module) return machine_limit(m, "the name of a module is longer than is looked at");
    size_t n = line.n;
    if (n) memcpy(module, line.p, n);
    if (!machine_take_line(m, &line)) return false;
    if (!m->out->has_proto && (!line.n || str_chr(line, ' ') != STR_NONE)) return machine_broke(m, "what it would import is no name");
    return machine_push_import(m, str_n(module, n), line);
}

bool machine_stack_global(struct pickle_machine *m)
{
    value name, module;
    char a[2 * PICKLE_NAME_BYTES_MAX], b[2 * PICKLE_NAME_BYTES_MAX];
    str module_text = STR("unknown"), name_text = STR("unknown");
    bool module_known = false, name_known = false;
    if (!machine_pop(m, &name) || !machine_pop(m, &module)) return false;
    if (kind_of(module) == TEXT && !machine_text_again(m, payload(module), a, &module_text, &module_known)) return false;
    if (kind_of(name) == TEXT && !machine_text_again(m, payload(name), b, &name_text, &name_known)) return false;
    if (!module_known || !name_known) {
        if (!m->out->has_unknown) m->out->unknown_at = m->op_at;
        m->out->has_unknown = true;
    }
    return machine_push_import(m, module_known ? module_text : STR("unknown"), name_known ? name_text : STR("unknown"));
}

bool machine_extension(struct pickle_machine *m, size_t width)
{
    uint64_t code;
    char name[32];
    if (!machine_take_uint(m, width, &code)) return false;
    if (!m->out->has_extension) m->out->extension_at = m->op_at;
    m->out->has_extension = true;
    snprintf(name, sizeof name, "unknown.%llu", (unsigned long long)code); /* whatever stands in the registry */
    return machine_push_import(m, PICKLE_EXTENSION_MODULE, str_c(name));
}

/* ------------------------------------------------------------------ tuples, dicts, calls */

static struct node *new_node(struct pickle_machine *m, enum kind k, value *v)
{
    if (!m->ring) m->ring = mem_alloc(RING * sizeof *m->ring);
    struct node *n = &m->ring[m->nodes_count % RING];
    n->id = m->nodes_count++;
    n->n = 0;
    *v = val(k, n->id);
    return n;
}

struct node *machine_node_of(struct pickle_machine *m, value v)
{
    struct node *n = m->ring ? &m->ring[payload(v) % RING] : NULL;
    return n && n->id == payload(v) && (kind_of(v) == TUPLE || kind_of(v) == DICT) ? n : NULL;
}

static void add_items(struct pickle_machine *m, struct node *n, size_t first, size_t count)
{
    if (count > ITEMS || n->n > ITEMS || n->n + count > ITEMS) {
        n->n = ITEMS + 1;
        return;
    }
    memcpy(n->item + n->n, m->stack + first, count * sizeof(value));
    n->n = (uint8_t)(n->n + count);
}

/* The last `count` of the stack become one value; first is where they begin. */
bool machine_make_node(struct pickle_machine *m, enum kind k, size_t first, size_t count)
{
    value v = val(OTHER, 0);
    if (count <= ITEMS && !m->o->is_trial) add_items(m, new_node(m, k, &v), first, count);
    return machine_push(m, v);
}

bool machine_make_tuple(struct pickle_machine *m, size_t count)
{
    value unused;
    size_t have = m->n;
    for (size_t i = 0; i < count; i++)
        if (!machine_pop(m, &unused)) return false;
    return have - m->n == count ? machine_make_node(m, TUPLE, m->n, count) : machine_push(m, val(OTHER, 0));
}

bool machine_touch(struct pickle_machine *m, value target)
{
    if (kind_of(target) == IMPORT) {
        if (!m->out->sets_import) m->out->sets_import_at = m->op_at;
        m->out->sets_import = true;
        m->out->import[payload(target)].use |= PICKLE_SET;
    }
    return true;
}

bool machine_set_items(struct pickle_machine *m, size_t first, size_t count, bool is_dict)
{
    value target;
    if (!machine_top(m, &target)) return false;
    struct node *n = is_dict && kind_of(target) == DICT ? machine_node_of(m, target) : NULL;
    if (n) add_items(m, n, first, count);
    return machine_touch(m, target);
}

static value dtype_from(struct pickle_machine *m, value args)
{
    struct node *t = kind_of(args) == TUPLE ? machine_node_of(m, args) : NULL;
    struct pickle_dtype d = { 0 };
    char buffer[2 * PICKLE_NAME_BYTES_MAX];
    str text;
    bool known;
    if (!t || !t->n || t->n > ITEMS || m->dtypes_count == DTYPES_MAX || m->o->is_trial) return val(RESULT, 0);
    if (kind_of(t->item[0]) == TEXT) {
        if (!machine_text_again(m, payload(t->item[0]), buffer, &text, &known)) return val(RESULT, 0);
        if (!known || !pickle_dtype_parse(text, &d)) d = (struct pickle_dtype){ 0 };
    }
    if (m->dtypes_count == m->dtypes_cap) {
        m->dtypes_cap = m->dtypes_cap ? 2 * m->dtypes_cap : 8;
        m->dtype = mem_grow(m->dtype, m->dtypes_cap * sizeof *m->dtype);
    }
    m->dtype[m->dtypes_count] = d;
    return val(DTYPE, m->dtypes_count++);
}

bool machine_call(struct pickle_machine *m, value callee, value args)
{
    if (kind_of(callee) != IMPORT) {
        bool is_guess = m->o->is_lenient && kind_of(callee) == OTHER;
        if (!m->out->calls_computed) m->out->calls_computed_at = m->op_at;
        if (!is_guess) m->out->calls = m->out->calls_computed = true;
        return machine_push(m, val(RESULT, 0));
    }
    size_t i = (size_t)payload(callee);
    m->out->calls = true;
    m->out->import[i].use |= PICKLE_CALLED;
    struct node *t = kind_of(args) == TUPLE ? machine_node_of(m, args) : NULL;
    if (m->role[i] == ROLE_MAKER && t && t->n && t->n <= ITEMS && kind_of(t->item[0]) == IMPORT) {
        i = (size_t)payload(t->item[0]);
        m->out->import[i].use |= PICKLE_CALLED;
    }
    if (m->role[i] == ROLE_WRAPPER) return machine_push(m, val(WRAPPER, 0));
    return machine_push(m, m->role[i] == ROLE_DTYPE ? dtype_from(m, args) : val(RESULT, 0));
}

bool machine_reduce(struct pickle_machine *m, size_t more)
{
    value args, callee, unused;
    for (size_t i = 0; i < more; i++)
        if (!machine_pop(m, &unused)) return false;
    return machine_pop(m, &args) && machine_pop(m, &callee) && machine_call(m, callee, args);
}

bool machine_inst(struct pickle_machine *m)
{
    size_t first, count;
    value callee;
    if (!machine_global(m) || !machine_pop(m, &callee) || !machine_pop_mark(m, &first, &count)) return false;
    return machine_call(m, callee, val(OTHER, 0));
}

bool machine_obj(struct pickle_machine *m)
{
    size_t first, count;
    if (!machine_pop_mark(m, &first, &count)) return false;
    if (!count) return m->o->is_lenient ? machine_push(m, val(OTHER, 0)) : machine_broke(m, "an object has no class");
    return machine_call(m, m->stack[first], val(OTHER, 0));
}
