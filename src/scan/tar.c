/* scan/tar.c - tar archives: members are looked at where they stand.  PyTorch's oldest files are such, and .nemo. */
#include "base/tar_block.h"
#include "scan/probe.h"

enum { BLOCK = TAR_BLOCK, MEMBERS_MAX = 100000, NAME_MAX = 4096 };

struct member {
    uint64_t at, size;
    uint8_t type;
    str name;
};

/* A longer name, or a size, that stands before the header. */
struct before {
    char name[NAME_MAX];
    size_t name_n;
    uint64_t size;
    bool has_size, has_sparse;
};

static void take_pax(struct before *b, str text)
{
    uint64_t n;
    for (size_t blank; (blank = str_chr(text, ' ')) != STR_NONE && str_u64(str_to(text, blank), &n) && n > blank + 1 && n <= text.n; text = str_from(text, (size_t)n)) {
        str record = str_n(text.p + blank + 1, (size_t)n - blank - 2);
        size_t is = str_chr(record, '=');
        str key = str_to(record, is == STR_NONE ? record.n : is), value = is == STR_NONE ? STR("") : str_from(record, is + 1);
        b->has_sparse |= str_starts(key, STR("GNU.sparse."));
        if (str_eq(key, STR("size"))) b->has_size = str_u64(value, &b->size);
        if (!str_eq(key, STR("path"))) continue;
        b->name_n = value.n < NAME_MAX ? value.n : NAME_MAX;
        memcpy(b->name, value.p, b->name_n);
    }
}

static bool take_before(struct scan *s, const struct probe_input *in, const struct member *m, struct before *b, struct err *e)
{
    char text[2 * NAME_MAX];
    size_t n = m->size < sizeof text ? (size_t)m->size : sizeof text;
    if (!scan_read(s, in, m->at, text, n, e)) return false;
    if (m->type == 'x' || m->type == 'g') take_pax(b, str_n(text, n));
    if (m->type != 'L') return true;
    b->name_n = tar_text((const uint8_t *)text, n < NAME_MAX ? n : NAME_MAX).n;
    memcpy(b->name, text, b->name_n);
    return true;
}

static bool look_at_member(struct scan *s, const struct probe_input *in, const struct member *m, const struct before *b, struct err *e)
{
    str name = b->name_n ? str_n(b->name, b->name_n) : m->name;
    bool is_sparse = m->type == 'S' || b->has_sparse;
    if (is_sparse) scan_add(s, in, "tar", SCAN_CAUTION, "holds \"%.*s\" as a sparse file, which is looked at as it stands alone", STR_ARG(str_to(name, 200)));
    bool is_file = m->type == '0' || m->type == 0 || m->type == '7' || is_sparse;
    return !is_file || !m->size || scan_nested_range(s, in, m->at, m->size, name, e);
}

static bool walk(struct scan *s, const struct probe_input *in, struct before *before, struct err *e)
{
    uint64_t size = in->source->size_bytes, at = 0;
    for (size_t n = 0; size - at >= BLOCK; n++) {
        uint8_t b[BLOCK];
        if (!scan_read(s, in, at, b, BLOCK, e)) return false;
        if (tar_is_blank(b)) return true; /* the end; what stands behind it no reader sees */
        struct member m = { .at = at + BLOCK, .type = b[156], .name = tar_text(b, 100) };
        if (!tar_has_checksum(b) || !tar_number(b + 124, 12, &m.size)) {
            scan_add(s, in, "tar", SCAN_CAUTION, "is a tar archive that is broken at byte %llu; what follows was not looked at", (unsigned long long)at);
            return true;
        }
        bool is_extra = m.type == 'x' || m.type == 'g' || m.type == 'L' || m.type == 'K';
        if (!is_extra && before->has_size) m.size = before->size;
        if (m.type >= '1' && m.type <= '6') m.size = 0;
        bool is_cut = m.size > size - m.at;
        if (is_cut) m.size = size - m.at;
        if (is_cut || n >= MEMBERS_MAX)
            scan_add(s, in, "tar", SCAN_CAUTION, is_cut ? "is a tar archive that ends within a member" : "has more members than are looked at");
        if (n >= MEMBERS_MAX) return true;
        if (is_extra ? !take_before(s, in, &m, before, e) : !look_at_member(s, in, &m, before, e)) return false;
        if (!is_extra) {
            before->name_n = 0;
            before->has_size = before->has_sparse = false;
        }
        uint64_t padded = (m.size + BLOCK - 1) / BLOCK * BLOCK;
        if (padded > size - m.at) return true;
        at = m.at + padded;
    }
    return true;
}

bool probe_tar(struct scan *s, const struct probe_input *in, struct err *e)
{
    if (in->head.n < BLOCK || !tar_has_checksum(in->head.p)) return true;
    struct before *before = mem_one(struct before);
    bool ok = walk(s, in, before, e);
    mem_free(before);
    return ok;
}
