/* hub/view/notebook.c - Jupyter notebooks (nbformat 4, and 3 as far as it is alike): cells and what they printed.
 *
 * Markdown and HTML go through hub/text, pictures are given on only as base64 of types that run nothing.  The time that making
 * them safe takes is bounded for all cells together: what comes later is shown as text. */
#include "base/clock.h"
#include "hub/text/markdown.h"
#include "hub/view/view.h"

enum {
    CELLS_MAX = 400, OUTPUTS_MAX = 30, TEXT_BYTES_MAX = 64 << 10, SOURCE_BYTES_MAX = 256 << 10,
    SAFE_US_MAX = 1500 * 1000, PICTURES_BYTES_MAX = 6 << 20, ALL_BYTES_MAX = 6 << 20,
};

struct notebook {
    struct json_writer *w;
    const struct clean_base *base;
    struct arena *a;
    int64_t began_us;
    size_t pictures_bytes, all_bytes;
    bool is_cut;
};

static str cut_text(struct notebook *n, str s, size_t most)
{
    size_t left = ALL_BYTES_MAX - n->all_bytes;
    if (most > left) most = left;
    if (s.n > most) {
        n->is_cut = true;
        s.n = most;
        while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80) s.n--;
    }
    n->all_bytes += s.n;
    return s;
}

/* A string, or a list of strings to be put together. */
static str joined(struct notebook *n, const struct json *v, size_t most)
{
    struct buf b = BUF_INIT(0);
    str s;
    if (json_str(v, &s)) return cut_text(n, s, most);
    json_each (line, v) {
        if (line->type == JSON_STRING && b.n <= most) buf_add(&b, line->s);
    }
    s = arena_dup(n->a, buf_str(&b));
    buf_deinit(&b);
    return cut_text(n, s, most);
}

/* As HTML if that can be had, as text otherwise. */
static void write_safe(struct notebook *n, str text, bool is_markdown)
{
    struct buf html = BUF_INIT(4 << 20);
    struct err why;
    bool ok = clock_mono_us() - n->began_us < SAFE_US_MAX &&
              (is_markdown ? markdown_html(text, n->base, &html, &why) : clean_html(text, n->base, &html, &why));
    if (ok && n->all_bytes + html.n > 2 * (size_t)ALL_BYTES_MAX) ok = false;
    if (ok) jw_kstr(n->w, "html", buf_str(&html));
    else jw_kstr(n->w, "text", text);
    buf_deinit(&html);
}

/* ------------------------------------------------------------------ outputs */

static void write_plain(struct notebook *n, const char *kind, str text)
{
    jw_object(n->w);
    jw_kstr(n->w, "kind", str_c(kind));
    jw_kstr(n->w, "text", text);
    jw_object_end(n->w);
}

/* Without the colours of terminals: ESC [ … letter. */
static str without_colours(struct notebook *n, str s)
{
    if (str_chr(s, '\033') == STR_NONE) return s;
    char *p = arena_alloc(n->a, s.n + 1);
    size_t out = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '\033') {
            p[out++] = s.p[i];
            continue;
        }
        if (i + 1 < s.n && s.p[i + 1] == '[')
            for (i += 2; i < s.n && (unsigned char)s.p[i] < 0x40;) i++;
    }
    return str_n(p, out);
}

static bool is_base64(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool fine = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=' || c == '\n';
        if (!fine) return false;
    }
    return s.n > 0;
}

static bool write_picture(struct notebook *n, const struct json *data)
{
    static const char *const types[] = { "image/png", "image/jpeg", "image/gif", "image/webp" };
    for (size_t i = 0; i < COUNT(types); i++) {
        const struct json *v = json_get(data, str_c(types[i]));
        struct notebook pictures = { .a = n->a };
        if (!v) continue;
        str coded = joined(&pictures, v, PICTURES_BYTES_MAX - n->pictures_bytes);
        if (pictures.is_cut) {
            n->is_cut = true;
            return false;
        }
        if (!is_base64(coded)) continue;
        n->pictures_bytes += coded.n;
        jw_object(n->w);
        jw_kstr(n->w, "kind", STR("picture"));
        jw_kstr(n->w, "type", str_c(types[i]));
        jw_kstr(n->w, "data", coded);
        jw_object_end(n->w);
        return true;
    }
    return false;
}

/* A result in several forms: the richest that can be shown safely. */
static void write_data(struct notebook *n, const struct json *data)
{
    if (write_picture(n, data)) return;
    const struct json *html = json_get(data, STR("text/html")), *markdown = json_get(data, STR("text/markdown"));
    if (html || markdown) {
        jw_object(n->w);
        jw_kstr(n->w, "kind", STR("html"));
        write_safe(n, joined(n, html ? html : markdown, TEXT_BYTES_MAX * 4), !html);
        jw_object_end(n->w);
    } else if (json_get(data, STR("text/plain"))) {
        write_plain(n, "text", joined(n, json_get(data, STR("text/plain")), TEXT_BYTES_MAX));
    } else {
        const struct json *first = json_first(data);
        write_plain(n, "other", first ? str_to(first->key, 100) : STR("nothing"));
    }
}

static void write_output(struct notebook *n, const struct json *o)
{
    str type = json_str_or(o, STR("output_type"), STR(""));
    if (str_eq(type, STR("stream"))) {
        write_plain(n, "text", without_colours(n, joined(n, json_get(o, STR("text")), TEXT_BYTES_MAX)));
    } else if (str_eq(type, STR("error")) || str_eq(type, STR("pyerr"))) {
        struct buf b = BUF_INIT(2 * TEXT_BYTES_MAX);
        json_each (line, json_get(o, STR("traceback"))) {
            if (line->type != JSON_STRING || b.n > TEXT_BYTES_MAX) continue;
            buf_add(&b, str_to(line->s, TEXT_BYTES_MAX));
            buf_byte(&b, '\n');
        }
        if (!b.n) buf_addf(&b, "%.*s", STR_ARG(str_to(json_str_or(o, STR("evalue"), STR("An error")), 1000)));
        write_plain(n, "error", without_colours(n, cut_text(n, arena_dup(n->a, buf_str(&b)), TEXT_BYTES_MAX)));
        buf_deinit(&b);
    } else {
        write_data(n, json_get(o, STR("data")));
    }
}

/* ------------------------------------------------------------------ cells */

static void write_cell(struct notebook *n, const struct json *cell)
{
    str type = json_str_or(cell, STR("cell_type"), STR("raw"));
    const struct json *source = json_get(cell, STR("source")), *outputs = json_get(cell, STR("outputs"));
    size_t count = 0;
    if (!source) source = json_get(cell, STR("input")); /* nbformat 3 */
    bool is_code = str_eq(type, STR("code")), is_markdown = str_eq(type, STR("markdown"));
    jw_object(n->w);
    jw_kstr(n->w, "kind", is_code ? STR("code") : is_markdown ? STR("markdown") : STR("raw"));
    str text = joined(n, source, SOURCE_BYTES_MAX);
    if (is_markdown) write_safe(n, text, true);
    else jw_kstr(n->w, "text", text);
    int64_t number = json_int_or(cell, STR("execution_count"), json_int_or(cell, STR("prompt_number"), 0));
    if (number > 0) jw_kint(n->w, "number", number);
    jw_karray(n->w, "outputs");
    json_each (o, outputs) {
        if (!is_code || o->type != JSON_OBJECT) continue;
        n->is_cut |= count == OUTPUTS_MAX;
        if (count++ >= OUTPUTS_MAX) break;
        write_output(n, o);
    }
    jw_array_end(n->w);
    jw_object_end(n->w);
}

bool view_notebook_write(str text, const struct clean_base *base, struct json_writer *w, struct err *e)
{
    struct notebook n = { .w = w, .base = base, .a = arena_new(16 * (size_t)VIEW_NOTEBOOK_BYTES_MAX), .began_us = clock_mono_us() };
    struct json *doc;
    size_t count = 0;
    bool ok = text.n <= VIEW_NOTEBOOK_BYTES_MAX ? json_parse(text, n.a, &doc, e) : err_set(e, ERR_TOO_LARGE, "The notebook is larger than %d MiB", VIEW_NOTEBOOK_BYTES_MAX >> 20);
    const struct json *cells = ok ? json_get(doc, STR("cells")) : NULL;
    if (ok && !cells) cells = json_get(json_at(json_get(doc, STR("worksheets")), 0), STR("cells"));
    if (ok && !json_is(cells, JSON_ARRAY)) ok = err_set(e, ERR_INVALID, "The file holds no list of cells");
    if (ok) {
        str language = json_str_or(json_get(json_get(doc, STR("metadata")), STR("kernelspec")), STR("language"), STR(""));
        jw_kstr(w, "language", str_to(language, 40));
        jw_karray(w, "cells");
        json_each (cell, cells) {
            n.is_cut |= count == CELLS_MAX;
            if (count++ >= CELLS_MAX) break;
            if (cell->type == JSON_OBJECT) write_cell(&n, cell);
        }
        jw_array_end(w);
        jw_kbool(w, "cut", n.is_cut);
    }
    arena_free(n.a);
    return ok;
}
