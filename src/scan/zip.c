/* scan/zip.c - ZIP archives as PyTorch's reader takes them: found from their end wherever they begin, by the central directory, whatever flags,
 * checksums and names in front of the members say.  Where the two views of an archive differ, that is told. */
#include "scan/unpack.h"

enum {
    END_BYTES = 22, END64_BYTES = 56, LOCATOR_BYTES = 20, ENTRY_BYTES = 46, LOCAL_BYTES = 30,
    TAIL_BYTES = END_BYTES + 65535 + LOCATOR_BYTES + END64_BYTES,
    VIEWS_MAX = 8, MEMBERS_MAX = 100000, DIRECTORY_BYTES_MAX = 64 << 20, NAME_BYTES_MAX = 4096, GAP_BYTES_MAX = 16 << 20, PICKLE_MEMBER_BYTES_MAX = 512 << 20,
};

struct view { /* a central directory */
    uint64_t at, bytes, shift; /* shift: what stands before the archive, and is not counted by its offsets; less than nothing, modulo 2^64, if bytes are gone */
    uint64_t members;
};

struct member {
    uint64_t local_at, packed_bytes, bytes, data_at; /* data_at 0: its local header cannot be read */
    uint32_t crc;
    uint16_t flags, method;
};

struct zip {
    struct scan *s;
    const struct probe_input *in;
    uint64_t size;
    struct view view[VIEWS_MAX];
    size_t views_count;
    bool has_end; /* the record of an end that says that there are members */
    struct member *member;
    size_t members_count;
    uint64_t gaps_bytes;
    bool has_told_overlap;
};

static uint16_t u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t u32(const uint8_t *p) { return (uint32_t)u16(p) | (uint32_t)u16(p + 2) << 16; }
static uint64_t u64(const uint8_t *p) { return (uint64_t)u32(p) | (uint64_t)u32(p + 4) << 32; }

/* ------------------------------------------------------------------ directories */

static bool has_entry(struct zip *z, uint64_t at, bool *found, struct err *e)
{
    uint8_t b[4];
    *found = false;
    if (at > z->size || z->size - at < ENTRY_BYTES) return true;
    if (!scan_read(z->s, z->in, at, b, sizeof b, e)) return false;
    *found = memcmp(b, "PK\1\2", 4) == 0;
    return true;
}

static bool add_view(struct zip *z, uint64_t at, uint64_t n, uint64_t shift, uint64_t members, struct err *e)
{
    bool found;
    for (size_t i = 0; i < z->views_count; i++)
        if (z->view[i].at == at) return true;
    if (z->views_count == VIEWS_MAX || !members) return true;
    if (!has_entry(z, at, &found, e)) return false;
    if (found) z->view[z->views_count++] = (struct view){ at, n < z->size - at ? n : z->size - at, shift, members };
    return true;
}

/* The directory is before the record of its end, or where that says: readers differ. */
static bool add_views(struct zip *z, uint64_t end_at, uint64_t offset, uint64_t n, uint64_t members, struct err *e)
{
    if (n <= end_at && !add_view(z, end_at - n, n, end_at - n - offset, members, e)) return false;
    return offset >= z->size || add_view(z, offset, n, 0, members, e);
}

static bool take_end(struct zip *z, const uint8_t *tail, uint64_t tail_at, size_t i, struct err *e)
{
    const uint8_t *p = tail + i;
    uint64_t at = tail_at + i;
    z->has_end |= u16(p + 10) > 0;
    if (!add_views(z, at, u32(p + 16), u32(p + 12), u16(p + 10), e)) return false;
    if (i < LOCATOR_BYTES || memcmp(p - LOCATOR_BYTES, "PK\6\7", 4) != 0) return true;
    uint64_t said = u64(p - LOCATOR_BYTES + 8), before = at - LOCATOR_BYTES >= END64_BYTES ? at - LOCATOR_BYTES - END64_BYTES : 0;
    const uint64_t places[2] = { said, before };
    for (size_t k = 0; k < 2; k++) {
        uint8_t b[END64_BYTES];
        if (places[k] > z->size || z->size - places[k] < END64_BYTES) continue;
        if (!scan_read(z->s, z->in, places[k], b, END64_BYTES, e)) return false;
        if (memcmp(b, "PK\6\6", 4) == 0 && !add_views(z, places[k], u64(b + 48), u64(b + 40), u64(b + 32), e)) return false;
    }
    return true;
}

static bool find_views(struct zip *z, struct err *e)
{
    size_t n = z->size < TAIL_BYTES ? (size_t)z->size : TAIL_BYTES;
    if (n < END_BYTES) return true;
    uint8_t *tail = mem_alloc(n);
    bool ok = scan_read(z->s, z->in, z->size - n, tail, n, e);
    bool is_last = true; /* which most readers take; others want its comment to end with the file */
    for (size_t i = n - END_BYTES + 1; ok && i-- > 0 && z->views_count < VIEWS_MAX;) {
        if (tail[i] != 'P' || memcmp(tail + i, "PK\5\6", 4) != 0) continue;
        if (is_last || i + END_BYTES + u16(tail + i + 20) == n) ok = take_end(z, tail, z->size - n, i, e);
        is_last = false;
    }
    mem_free(tail);
    return ok;
}

/* ------------------------------------------------------------------ members */

static void take_zip64(struct member *m, const uint8_t *extra, size_t n)
{
    for (size_t size; n >= 4; extra += 4 + size, n -= 4 + size) {
        size = u16(extra + 2);
        if (size > n - 4) return;
        if (u16(extra) != 1) continue;
        const uint8_t *p = extra + 4, *end = p + size;
        uint64_t *wide[3] = { &m->bytes, &m->packed_bytes, &m->local_at };
        for (size_t i = 0; i < 3; i++)
            if (*wide[i] == UINT32_MAX && end - p >= 8) {
                *wide[i] = u64(p);
                p += 8;
            }
    }
}

static bool is_unpacked(const struct member *m) { return m->method == 0 || m->method == 8 || m->method == 93; }

static bool look_at_data(struct zip *z, const struct member *m, str name, struct err *e)
{
    uint64_t n = m->packed_bytes, left = z->size - m->data_at;
    bool is_marked = m->flags & (0x1 | 0x20 | 0x40);
    int shown = name.n < 200 ? (int)name.n : 200;
    if (m->method == 0 && m->bytes > n) n = m->bytes;
    if (n > left) {
        scan_add(z->s, z->in, "zip", SCAN_CAUTION, "holds \"%.*s\", which is said to be longer than what is left of the file", shown, name.p);
        n = left;
    }
    if (!n) return true;
    if (m->method == 0) {
        if (is_marked)
            scan_add(z->s, z->in, "zip", SCAN_CAUTION, "holds \"%.*s\", which is marked as encrypted or patched; it was looked at as it stands", shown, name.p);
        return scan_nested_range(z->s, z->in, m->data_at, n, name, e);
    }
    if (!is_unpacked(m)) {
        scan_add(z->s, z->in, "zip", SCAN_CAUTION, "holds \"%.*s\", which is packed by method %u or encrypted, and was not looked into", shown, name.p, m->method);
        return true;
    }
    struct unpack_result r;
    if (!unpack_nested(z->s, z->in, m->method == 8 ? UNPACK_DEFLATE : UNPACK_ZSTD, m->data_at, n, 0, name, &r, e)) return false;
    if (r.why)
        scan_add(z->s, z->in, "zip", SCAN_CAUTION, "holds \"%.*s\", which could not be unpacked to its end%s: %s", shown, name.p, is_marked ? " and is marked as encrypted" : "", r.why);
    else if (is_marked)
        scan_add(z->s, z->in, "zip", SCAN_SUSPICIOUS, "holds \"%.*s\", which is marked as encrypted and is not: some readers refuse what others load", shown, name.p);
    else if (r.bytes != m->bytes)
        scan_add(z->s, z->in, "zip", SCAN_SUSPICIOUS, "holds \"%.*s\", which has %llu bytes where the directory says %llu", shown, name.p, (unsigned long long)r.bytes,
                 (unsigned long long)m->bytes);
    return true;
}

/* The local header beside what the directory says of it. */
static bool compare(struct zip *z, struct member *m, str name, struct err *e)
{
    uint8_t b[LOCAL_BYTES], own[NAME_BYTES_MAX];
    int shown = name.n < 200 ? (int)name.n : 200;
    bool is_there = m->local_at <= z->size && z->size - m->local_at >= LOCAL_BYTES;
    if (is_there && !scan_read(z->s, z->in, m->local_at, b, LOCAL_BYTES, e)) return false;
    if (!is_there || memcmp(b, "PK\3\4", 4) != 0) {
        scan_add(z->s, z->in, "zip", SCAN_CAUTION, "names \"%.*s\" in its directory, and has no header of it", shown, name.p);
        return true;
    }
    size_t n = u16(b + 26);
    uint64_t skip = LOCAL_BYTES + (uint64_t)n + u16(b + 28), left = z->size - m->local_at;
    if (skip > left) {
        scan_add(z->s, z->in, "zip", SCAN_CAUTION, "ends within the header of \"%.*s\"", shown, name.p);
        return true;
    }
    m->data_at = m->local_at + skip;
    bool is_equal = n == name.n;
    if (is_equal && n && !scan_read(z->s, z->in, m->local_at + LOCAL_BYTES, own, n, e)) return false;
    is_equal = is_equal && (!n || memcmp(own, name.p, n) == 0);
    if (!is_equal) scan_add(z->s, z->in, "zip", SCAN_SUSPICIOUS, "calls a member \"%.*s\" in its directory and otherwise in front of it: readers differ in what they see", shown, name.p);
    bool is_later = u16(b + 6) & 8; /* sizes follow the data */
    uint32_t packed = u32(b + 18), bytes_there = u32(b + 22);
    bool sizes_differ = (packed != UINT32_MAX && packed != m->packed_bytes && !(is_later && !packed)) ||
                        (bytes_there != UINT32_MAX && bytes_there != m->bytes && !(is_later && !bytes_there));
    if (u16(b + 8) != m->method || sizes_differ)
        scan_add(z->s, z->in, "zip", SCAN_SUSPICIOUS, "says two things of the %s of \"%.*s\"", sizes_differ ? "size" : "method", shown, name.p);
    return true;
}

static bool take_entry(struct zip *z, const struct view *v, const uint8_t *p, size_t left, size_t *used, struct err *e)
{
    size_t name_n = u16(p + 28), extra_n = u16(p + 30), comment_n = u16(p + 32);
    *used = ENTRY_BYTES + name_n + extra_n + comment_n;
    if (*used > left) { /* readers take what is there, and find no further one */
        *used = 0;
        name_n = name_n < left - ENTRY_BYTES ? name_n : left - ENTRY_BYTES;
        extra_n = extra_n < left - ENTRY_BYTES - name_n ? extra_n : left - ENTRY_BYTES - name_n;
    }
    struct member m = { .flags = u16(p + 8), .method = u16(p + 10), .crc = u32(p + 16), .packed_bytes = u32(p + 20), .bytes = u32(p + 24), .local_at = u32(p + 42) };
    take_zip64(&m, p + ENTRY_BYTES + name_n, extra_n);
    m.local_at += v->shift;
    str name = str_to(str_n((const char *)p + ENTRY_BYTES, name_n), NAME_BYTES_MAX);
    if (!compare(z, &m, name, e)) return false;
    z->member[z->members_count++] = m;
    bool is_folder = str_ends(name, STR("/")) && !m.packed_bytes && !m.bytes;
    if (is_folder || !m.data_at) return true;
    bool is_huge = m.bytes > PICKLE_MEMBER_BYTES_MAX && str_ends_nocase(name, STR("/data.pkl"));
    if (is_huge) scan_add(z->s, z->in, "zip", SCAN_CAUTION, "holds \"%.*s\" of more than 512 MiB, which no honest checkpoint does", STR_ARG(str_to(name, 200)));
    return look_at_data(z, &m, name, e);
}

/* ------------------------------------------------------------------ what the directory does not name */

static int by_place(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    return x->local_at < y->local_at ? -1 : x->local_at > y->local_at;
}

static bool search_gap(struct zip *z, uint64_t from, uint64_t to, struct err *e)
{
    enum { PIECE = 64 << 10 };
    if (to <= from || to - from < LOCAL_BYTES) return true;
    uint8_t *p = mem_alloc(PIECE);
    bool ok = true;
    for (uint64_t at = from; ok && to - at >= LOCAL_BYTES && z->gaps_bytes < GAP_BYTES_MAX;) {
        size_t n = to - at < PIECE ? (size_t)(to - at) : PIECE;
        ok = scan_read(z->s, z->in, at, p, n, e);
        z->gaps_bytes += n;
        for (size_t i = 0; ok && i + LOCAL_BYTES <= n; i++) {
            if (p[i] != 'P' || memcmp(p + i, "PK\3\4", 4) != 0) continue;
            uint64_t skip = LOCAL_BYTES + (uint64_t)u16(p + i + 26) + u16(p + i + 28);
            struct member m = { .flags = u16(p + i + 6), .method = u16(p + i + 8), .packed_bytes = u32(p + i + 18), .bytes = u32(p + i + 22) };
            if (!is_unpacked(&m) || skip >= to - at - i) continue;
            m.data_at = at + i + skip;
            if (!m.packed_bytes || m.packed_bytes > to - m.data_at) m.packed_bytes = m.bytes = to - m.data_at;
            scan_add(z->s, z->in, "zip", SCAN_SUSPICIOUS, "holds a member that its directory does not name (byte %llu): readers differ in what they see",
                     (unsigned long long)(at + i));
            ok = m.method == 0 ? scan_nested_range(z->s, z->in, m.data_at, m.packed_bytes, STR("unnamed"), e) : look_at_data(z, &m, STR("unnamed"), e);
        }
        at += n == PIECE ? n - LOCAL_BYTES : n;
    }
    mem_free(p);
    return ok;
}

static bool look_between(struct zip *z, const struct view *v, struct err *e)
{
    uint64_t end = 0;
    if (!z->members_count) return true;
    qsort(z->member, z->members_count, sizeof *z->member, by_place);
    for (size_t i = 0; i < z->members_count; i++) {
        const struct member *m = &z->member[i];
        if (!m->data_at) continue;
        if (m->local_at < end && !z->has_told_overlap) {
            z->has_told_overlap = true;
            scan_add(z->s, z->in, "zip", SCAN_SUSPICIOUS, "has members that lie over each other (byte %llu)", (unsigned long long)m->local_at);
        }
        if (m->local_at > end && !search_gap(z, end, m->local_at, e)) return false;
        uint64_t left = z->size - m->data_at, m_end = m->data_at + (m->packed_bytes < left ? m->packed_bytes : left);
        if (m_end > end) end = m_end;
    }
    return end >= v->at || search_gap(z, end, v->at, e);
}

/* ------------------------------------------------------------------ an archive */

static bool look_at_view(struct zip *z, const struct view *v, struct err *e)
{
    if (v->bytes > DIRECTORY_BYTES_MAX) {
        scan_add(z->s, z->in, "zip", SCAN_CAUTION, "has a directory of %llu bytes, which is more than is looked at", (unsigned long long)v->bytes);
        return true;
    }
    /* The record of the end is no entry, so the directory is read as far as entries go. */
    uint8_t *p = mem_try((size_t)v->bytes + 1);
    z->member = p ? mem_try((v->bytes / ENTRY_BYTES + 1) * sizeof *z->member) : NULL;
    bool ok = (p && z->member) || err_set(e, ERR_BUSY, "there is no memory for the directory of an archive; try again later");
    ok = ok && scan_read(z->s, z->in, v->at, p, (size_t)v->bytes, e);
    size_t at = 0, used = 1;
    z->members_count = 0;
    while (ok && used && v->bytes - at >= ENTRY_BYTES && memcmp(p + at, "PK\1\2", 4) == 0 && z->members_count < MEMBERS_MAX) {
        ok = take_entry(z, v, p + at, (size_t)v->bytes - at, &used, e);
        at += used;
    }
    if (ok && z->members_count == MEMBERS_MAX && v->members > MEMBERS_MAX)
        scan_add(z->s, z->in, "zip", SCAN_CAUTION, "has more than %d members; the others were not looked at", MEMBERS_MAX);
    else if (ok && (v->members & 0xffff) != (z->members_count & 0xffff))
        scan_add(z->s, z->in, "zip", SCAN_SUSPICIOUS, "says that it has %llu members, and names %zu", (unsigned long long)v->members, z->members_count);
    ok = ok && look_between(z, v, e);
    mem_free(z->member);
    mem_free(p);
    return ok;
}

static bool is_likely(const struct probe_input *in)
{
    str path = str_from(in->path, str_rchr(in->path, '/') == STR_NONE ? 0 : str_rchr(in->path, '/'));
    return in->depth == 0 || str_starts(str_of(in->head), STR("PK")) || str_chr(path, '.') != STR_NONE; /* tensors have names without endings */
}

bool probe_zip(struct scan *s, const struct probe_input *in, struct err *e)
{
    struct zip z = { .s = s, .in = in, .size = in->source->size_bytes };
    if (!is_likely(in)) return true;
    if (!find_views(&z, e)) return false;
    if (!z.views_count && z.has_end) scan_add(s, in, "zip", SCAN_CAUTION, "ends as a ZIP archive, and its directory is not where that says");
    if (z.views_count > 1)
        scan_add(s, in, "zip", SCAN_SUSPICIOUS, "can be read as %zu different archives: readers differ in what they see", z.views_count);
    for (size_t i = 0; i < z.views_count; i++)
        if (!look_at_view(&z, &z.view[i], e)) return false;
    bool is_headless = !z.views_count && str_starts(str_of(in->head), STR("PK\3\4"));
    if (!is_headless) return true;
    scan_add(s, in, "zip", SCAN_CAUTION, "begins as a ZIP archive and has no directory");
    return search_gap(&z, 0, z.size, e);
}
