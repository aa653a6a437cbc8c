/* xet_hash_tool.c - prints "FILEHASH SIZE PATH" for each file; the differential test compares it with the official
 * client, the benchmark times it.   xet_hash_tool [--old] [--buffer BYTES] [--repeat N] FILE... */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "xet/hash.h"
#include "xet/weave.h"

enum { LARGE_PAGE = 2 << 20 }; /* the kernel copies into one of these for less than into small ones */

static void add_chunks(struct xet_merkle *tree, const bytes *chunk, const struct xet_hash *hash, size_t count)
{
    for (size_t i = 0; i < count; i++) xet_merkle_add(tree, &hash[i], chunk[i].n);
}

/* The current dialect has a pass that cuts and hashes at once; the old one goes the slower way. */
struct hashing {
    struct xet_weave *weave; /* NULL: the old dialect */
    struct xet_split split;
    bytes *chunk;
    struct xet_hash *hash;
};

static void hashing_begin(struct hashing *h, enum xet_dialect dialect)
{
    h->weave = dialect == XET_DIALECT_CURRENT ? xet_weave_new(false) : NULL;
    xet_split_init(&h->split, dialect);
}

static size_t hashing_add(struct hashing *h, uint8_t *at, size_t n)
{
    size_t count = 0;
    while (h->weave && n > 0) { /* what is put before the second block already lies there */
        size_t block = n < XET_WEAVE_BLOCK_MAX ? n : XET_WEAVE_BLOCK_MAX;
        count += xet_weave_add(h->weave, at, block, h->chunk + count, h->hash + count);
        at += block;
        n -= block;
    }
    if (h->weave) return count;
    count = xet_split_add(&h->split, at, n, h->chunk);
    xet_chunk_hash_many(h->chunk, count, h->hash);
    return count;
}

static void hashing_end(struct hashing *h, struct xet_merkle *tree)
{
    bool last = h->weave ? xet_weave_end(h->weave, h->chunk, h->hash, NULL) : xet_split_end(&h->split, h->chunk);
    if (last && !h->weave) xet_chunk_hash(h->chunk[0], h->hash);
    if (last) add_chunks(tree, h->chunk, h->hash, 1);
    xet_weave_free(h->weave);
    xet_split_deinit(&h->split);
}

/* The buffer begins behind a margin, which is free. */
static bool hash_file(const char *path, enum xet_dialect dialect, uint8_t *buffer, size_t buffer_bytes, struct hashing *h,
                      struct xet_hash *out, uint64_t *size)
{
    static struct xet_merkle tree;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    if (fd < 0) return false;
    hashing_begin(h, dialect);
    xet_merkle_init(&tree);
    while ((got = read(fd, buffer, buffer_bytes)) > 0) add_chunks(&tree, h->chunk, h->hash, hashing_add(h, buffer, (size_t)got));
    close(fd);
    hashing_end(h, &tree);
    *size = tree.size_bytes;
    xet_merkle_file(&tree, out);
    return got == 0;
}

int main(int argc, char **argv)
{
    enum xet_dialect dialect = XET_DIALECT_CURRENT;
    size_t buffer_bytes = 1 << 20; /* as a packer has it */
    unsigned long repeat = 1;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        str option = str_c(argv[i]);
        if (str_eq(option, STR("--old"))) dialect = XET_DIALECT_OLD;
        else if (str_eq(option, STR("--buffer")) && i + 1 < argc) buffer_bytes = strtoul(argv[++i], NULL, 10);
        else if (str_eq(option, STR("--repeat")) && i + 1 < argc) repeat = strtoul(argv[++i], NULL, 10);
        else return 2;
    }
    if (buffer_bytes == 0) return 2;
    size_t memory_bytes = XET_SPLIT_MARGIN + buffer_bytes;
    if (memory_bytes < LARGE_PAGE) memory_bytes = LARGE_PAGE;
    uint8_t *memory = pages_new(memory_bytes), *buffer = memory + XET_SPLIT_MARGIN;
    struct hashing h = { .chunk = mem_alloc((xet_split_max(buffer_bytes) + buffer_bytes / XET_WEAVE_BLOCK_MAX) * sizeof *h.chunk),
                         .hash = mem_alloc((xet_split_max(buffer_bytes) + buffer_bytes / XET_WEAVE_BLOCK_MAX) * sizeof *h.hash) };
    int failed = 0;
    for (; i < argc; i++) {
        struct xet_hash hash;
        uint64_t size = 0;
        char hex[XET_HASH_HEX + 1];
        bool ok = true;
        for (unsigned long r = 0; r < repeat && ok; r++)
            ok = hash_file(argv[i], dialect, buffer, buffer_bytes, &h, &hash, &size);
        if (!ok) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            failed = 1;
            continue;
        }
        xet_hash_hex(&hash, hex);
        printf("%s %" PRIu64 " %s\n", hex, size, argv[i]);
    }
    pages_free(memory, memory_bytes);
    mem_free(h.chunk);
    mem_free(h.hash);
    return failed;
}
