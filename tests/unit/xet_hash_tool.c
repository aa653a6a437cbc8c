/* xet_hash_tool.c - prints "FILEHASH SIZE PATH" for each file; the differential test compares it with the official
 * client, the benchmark times it.   xet_hash_tool [--old] [--buffer BYTES] [--repeat N] FILE... */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "xet/hash.h"
#include "xet/split.h"

static void hash_chunks(const bytes *chunk, size_t count, struct xet_merkle *tree)
{
    enum { BATCH = 8 };
    struct xet_hash hash[BATCH];
    for (size_t n; count > 0; chunk += n, count -= n) {
        n = count < BATCH ? count : BATCH;
        xet_chunk_hash_many(chunk, n, hash);
        for (size_t i = 0; i < n; i++) xet_merkle_add(tree, &hash[i], chunk[i].n);
    }
}

/* The buffer begins behind a margin, which is free. */
static bool hash_file(const char *path, enum xet_dialect dialect, uint8_t *buffer, size_t buffer_bytes, bytes *chunk,
                      struct xet_hash *out, uint64_t *size)
{
    struct xet_split split;
    static struct xet_merkle tree;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    if (fd < 0) return false;
    xet_split_init(&split, dialect);
    xet_merkle_init(&tree);
    while ((got = read(fd, buffer, buffer_bytes)) > 0) {
        size_t n = xet_split_add(&split, buffer, (size_t)got, chunk);
        hash_chunks(chunk, n, &tree);
    }
    close(fd);
    if (xet_split_end(&split, chunk)) hash_chunks(chunk, 1, &tree);
    xet_split_deinit(&split);
    *size = tree.size_bytes;
    xet_merkle_file(&tree, out);
    return got == 0;
}

int main(int argc, char **argv)
{
    enum xet_dialect dialect = XET_DIALECT_CURRENT;
    size_t buffer_bytes = 512 << 10;
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
    uint8_t *memory = mem_alloc(XET_SPLIT_MARGIN + buffer_bytes), *buffer = memory + XET_SPLIT_MARGIN;
    bytes *chunk = mem_alloc(xet_split_max(buffer_bytes) * sizeof *chunk);
    int failed = 0;
    for (; i < argc; i++) {
        struct xet_hash hash;
        uint64_t size = 0;
        char hex[XET_HASH_HEX + 1];
        bool ok = true;
        for (unsigned long r = 0; r < repeat && ok; r++)
            ok = hash_file(argv[i], dialect, buffer, buffer_bytes, chunk, &hash, &size);
        if (!ok) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            failed = 1;
            continue;
        }
        xet_hash_hex(&hash, hex);
        printf("%s %" PRIu64 " %s\n", hex, size, argv[i]);
    }
    mem_free(memory);
    mem_free(chunk);
    return failed;
}
