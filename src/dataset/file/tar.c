/* dataset/file/tar.c - see dataset/file/tar.h. */
#include "dataset/file/tar.h"

#include "base/tar_block.h"

enum { BLOCK = TAR_BLOCK };

void tar_init(struct tar *t, const struct parquet_source *source, uint64_t at, struct arena *a, struct arena *names)
{
    *t = (struct tar){ .source = source, .at = at, .window = arena_alloc(a, TAR_WINDOW_BYTES), .names = names };
}

bool tar_read(struct tar *t, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    if (at > t->source->size_bytes || n > t->source->size_bytes - at) return err_set(e, ERR_INVALID, "the archive ends within a member");
    if (at >= t->window_at && at - t->window_at <= t->window_n && n <= t->window_n - (size_t)(at - t->window_at)) {
        if (n) memcpy(out, t->window + (at - t->window_at), n);
        return true;
    }
    t->bytes_read += n;
    return t->source->read(t->source->ctx, at, out, n, e);
}

/* Small members lie side by side: their headers are read together. */
static bool read_block(struct tar *t, uint64_t at, uint8_t out[BLOCK], struct err *e)
{
    uint64_t there = at < t->source->size_bytes ? t->source->size_bytes - at : 0;
    bool is_there = at >= t->window_at && at - t->window_at <= t->window_n && BLOCK <= t->window_n - (size_t)(at - t->window_at);
    if (!is_there && there >= BLOCK) {
        size_t n = there < TAR_WINDOW_BYTES ? (size_t)there : TAR_WINDOW_BYTES;
        t->window_n = 0;
        if (!t->source->read(t->source->ctx, at, t->window, n, e)) return false;
        t->bytes_read += n;
        t->window_at = at;
        t->window_n = n;
    }
    return tar_read(t, at, out, BLOCK, e);
}

/* ------------------------------------------------------------------ what stands before a header */

struct before {
    str name;        /* .p NULL: the header's own */
    uint64_t size_bytes;
    bool has_size;
};

/* Records of a pax header: "LENGTH key=value\n". */
static bool read_pax(str text, bool is_for_all, struct before *out, struct err *e)
{
    while (text.n) {
        uint64_t n;
        size_t blank = str_chr(text, ' '), is;
        if (blank == STR_NONE || !str_u64(str_to(text, blank), &n) || n <= blank + 1 || n > text.n || text.p[n - 1] != '\n')
            return err_set(e, ERR_INVALID, "a pax header is malformed");
        str record = str_n(text.p + blank + 1, (size_t)n - blank - 2);
        text = str_from(text, (size_t)n);
        if ((is = str_chr(record, '=')) == STR_NONE) return err_set(e, ERR_INVALID, "a pax header is malformed");
        str key = str_to(record, is), value = str_from(record, is + 1);
        if (str_starts(key, STR("GNU.sparse."))) return err_set(e, ERR_NOT_BUILT, "the archive has sparse files, which this version of Hearth does not read");
        bool is_path = str_eq(key, STR("path")), is_size = str_eq(key, STR("size"));
        if (is_for_all && (is_path || is_size)) return err_set(e, ERR_NOT_BUILT, "a pax header changes the path or size of all members, which this version of Hearth does not read");
        if (is_path) out->name = value;
        if (is_size && !(out->has_size = str_u64(value, &out->size_bytes))) return err_set(e, ERR_INVALID, "a pax header has a size that is no number");
    }
    return true;
}

static bool read_extra(struct tar *t, uint8_t type, uint64_t at, uint64_t n, struct before *out, struct err *e)
{
    if (type == 'K') return true; /* where a link leads does not matter */
    if (n > TAR_EXTRA_BYTES_MAX) return err_set(e, ERR_INVALID, "what stands before a header has more than %d bytes", TAR_EXTRA_BYTES_MAX);
    char *p = arena_try(t->names, (size_t)n + 1);
    if (!p) return err_set(e, ERR_TOO_LARGE, "the names of the archive take too much memory");
    if (!tar_read(t, at, (uint8_t *)p, (size_t)n, e)) return false;
    if (type != 'L') return read_pax(str_n(p, (size_t)n), type == 'g', out, e);
    out->name = tar_text((const uint8_t *)p, (size_t)n);
    return true;
}

/* ------------------------------------------------------------------ members */

static bool name_of(struct tar *t, const uint8_t *b, const struct before *before, str *out, struct err *e)
{
    str own = tar_text(b, 100), prefix = tar_text(b + 345, 155);
    if (before->name.p) *out = before->name;
    else *out = prefix.n ? arena_fmt(t->names, "%.*s/%.*s", STR_ARG(prefix), STR_ARG(own)) : arena_dup(t->names, own);
    if (out->n > TAR_NAME_BYTES_MAX) return err_set(e, ERR_INVALID, "a name has more than %d bytes", TAR_NAME_BYTES_MAX);
    return (str_is_utf8(*out) && str_chr(*out, '\0') == STR_NONE) || err_set(e, ERR_INVALID, "a name is no UTF-8");
}

static bool read_member(struct tar *t, struct tar_member *out, bool *found, struct err *e)
{
    uint8_t b[BLOCK];
    struct before before = { 0 };
    *found = false;
    for (size_t extras = 0; t->at < t->source->size_bytes; extras++) {
        uint64_t size;
        if (!read_block(t, t->at, b, e)) return false;
        if (tar_is_blank(b)) {
            if (extras) return err_set(e, ERR_INVALID, "the archive ends before a member that was announced");
            return true;
        }
        if (!tar_has_checksum(b) || !tar_number(b + 124, 12, &size)) return err_set(e, ERR_INVALID, "what stands here is no header of a tar archive");
        uint8_t type = b[156];
        bool is_extra = type == 'x' || type == 'g' || type == 'L' || type == 'K';
        if (!is_extra && before.has_size) size = before.size_bytes;
        bool is_folder = type == 0 && str_ends(tar_text(b, 100), STR("/"));
        if (is_folder || (type >= '1' && type <= '6')) size = 0; /* links, devices and folders have no content, whatever they say */
        uint64_t content = t->at + BLOCK;
        if (size > t->source->size_bytes - content) return err_set(e, ERR_INVALID, "the archive ends within a member");
        uint64_t padded = (size + BLOCK - 1) / BLOCK * BLOCK; /* the last one's padding may be missing */
        if (is_extra && extras == TAR_EXTRAS_MAX) return err_set(e, ERR_INVALID, "more than %d headers stand before a member", TAR_EXTRAS_MAX);
        if (is_extra && !read_extra(t, type, content, size, &before, e)) return false;
        if (type == 'S') return err_set(e, ERR_NOT_BUILT, "the archive has sparse files, which this version of Hearth does not read");
        t->at = content + padded;
        if (is_extra) continue;
        *out = (struct tar_member){ .at = content, .size_bytes = size };
        if (!name_of(t, b, &before, &out->name, e)) return false;
        out->is_file = type == '0' || type == '7' || (type == 0 && !is_folder);
        *found = true;
        return true;
    }
    return true;
}

bool tar_next(struct tar *t, struct tar_member *out, bool *found, struct err *e)
{
    uint64_t before = t->at;
    return read_member(t, out, found, e) || err_context(e, "at byte %llu of the archive", (unsigned long long)before);
}
