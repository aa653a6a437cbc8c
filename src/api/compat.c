/* api/compat.c - the operations of the public hub's OpenAPI document, held against our own table.
 *
 * operations.tsv lists method, path and summary of each of the 314.  An operation counts as built when a
 * row of ours serves its path: every literal segment of the operation must meet a literal (or listed)
 * segment of the row, so that a general pattern like "/:ns/:repo" never counts for "/api/docs". */
#include "api/api_priv.h"
#include "base/embedded.h"

extern const struct embedded api_files[];

static bool is_template(str segment) { return str_chr(segment, '{') != STR_NONE; }

/* A stand-in value, so that the operation's path becomes a request. */
static str sample_of(str segment, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    while (segment.n) {
        size_t open = str_chr(segment, '{'), close = str_chr(segment, '}');
        if (open == STR_NONE || close == STR_NONE || close < open) break;
        str name = str_n(segment.p + open + 1, close - open - 1);
        buf_add(&b, str_to(segment, open));
        if (str_eq(name, STR("repoType")))
            buf_lit(&b, "models");
        else if (str_eq(name, STR("status")))
            buf_lit(&b, "pending");
        else if (str_eq(name, STR("logType")))
            buf_lit(&b, "run");
        else if (str_eq(name, STR("action")))
            buf_lit(&b, "enable");
        else if (str_eq(name, STR("id")) && open > 0) /* "{slug}-{id}" */
            buf_lit(&b, "0123456789abcdef01234567");
        else
            buf_lit(&b, "x1");
        segment = str_from(segment, close + 1);
    }
    buf_add(&b, segment);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static bool is_served(const struct http_route *row, str path)
{
    if (!row) return false;
    str pattern = str_c(row->pattern), want, have;
    for (;;) {
        bool more_want = str_cut(&path, '/', &want), more_have = str_cut(&pattern, '/', &have);
        if (!more_have || !more_want) return true; /* the matcher has checked the lengths */
        if (have.n && have.p[0] == '*') return true;
        bool is_parameter = have.n && have.p[0] == ':' && str_chr(have, '(') == STR_NONE;
        if (is_parameter && !is_template(want)) return false;
    }
}

static bool parse_method(str s, enum http_method *out)
{
    for (int m = 0; m < HTTP_METHODS; m++) {
        if (!str_eq(s, http_method_name((enum http_method)m))) continue;
        *out = (enum http_method)m;
        return true;
    }
    return false;
}

bool api_operations(struct api *a, struct arena *arena, struct api_operation **out, size_t *n)
{
    str rest = str_n((const char *)api_files[0].data, api_files[0].size), line;
    size_t lines = 0;
    for (size_t i = 0; i < rest.n; i++) lines += rest.p[i] == '\n';
    struct api_operation *list = arena_alloc(arena, lines * sizeof *list);
    *n = 0;
    while (str_cut(&rest, '\n', &line) && line.n) {
        struct api_operation *op = &list[*n];
        str method, path, segment;
        must(str_cut(&line, '\t', &method) && str_cut(&line, '\t', &op->path) && parse_method(method, &op->method));
        op->summary = line;
        struct buf sample = BUF_INIT(0);
        path = str_from(op->path, 1);
        while (str_cut(&path, '/', &segment)) {
            buf_byte(&sample, '/');
            buf_add(&sample, sample_of(segment, arena));
        }
        op->is_built = a->server && is_served(http_route_match(a->server, op->method, buf_str(&sample)), op->path);
        buf_deinit(&sample);
        (*n)++;
    }
    *out = list;
    return true;
}

static bool segment_fits(str have, str want)
{
    if (!is_template(want)) return str_eq(have, want);
    size_t open = str_chr(want, '{');
    if (open == 0 && str_eq(want, STR("{repoType}"))) {
        enum repo_kind k;
        return repo_kind_parse(have, &k);
    }
    return have.n > open;
}

const struct api_operation *api_operation_of(const struct api_operation *list, size_t n, enum http_method m, str path)
{
    const struct api_operation *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (list[i].method != m && !(m == HTTP_HEAD && list[i].method == HTTP_GET)) continue;
        str have = path, want = list[i].path, h, w;
        bool fits = true;
        for (;;) {
            bool more_h = str_cut(&have, '/', &h), more_w = str_cut(&want, '/', &w);
            if (!more_h && !more_w) break;
            if (more_h && more_w && str_eq(w, STR("{path}")) && !want.p) break; /* takes the rest */
            if (more_h != more_w || !segment_fits(h, w)) {
                fits = false;
                break;
            }
        }
        /* "/api/jobs/hardware" beats "/api/jobs/{namespace}": fewer templates in the text. */
        if (fits && (!best || !is_template(list[i].path))) best = &list[i];
    }
    return best;
}
