/* fuzz_shard.c - the records of an uploaded shard: the reader comes to an end, whatever the counts say. */
#include "xet/shard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xet_shard_reader r;
    struct xet_shard_file file;
    struct xet_shard_xorb xorb;
    struct err e;
    bool found = true;
    size_t groups = 0;
    if (!xet_shard_open((bytes){ data, size }, &r, &e)) return 0;
    while (found) { /* xorbs stand behind all files */
        if (!xet_shard_next_file(&r, &file, &found, &e)) return 0;
        must(++groups <= size / 48);
    }
    for (found = true; found && xet_shard_next_xorb(&r, &xorb, &found, &e);) must(++groups <= size / 48);
    return 0;
}
