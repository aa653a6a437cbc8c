/* Fuzz target of model/nn/packed.h: a file that anybody may have written gives bytes inside of it, or nothing.  What a header
 * must have in any case is put there first, or nothing would get past it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "kernel/kernel.h"
#include "model/nn/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/fuzz_packed.XXXXXX";

static void remove_dir(void)
{
    struct err ignored;
    (void)os_remove_tree(dir, &ignored);
}

static void write_file(const char *path, const uint8_t *p, size_t n)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HEADER_BYTES = 128, IDENTITY_AT = 16, TABLE_AT = 48, ENTRY_BYTES = 48, SIZE_MAX_HERE = 1 << 16 };
    static char path[64];
    static uint8_t file[SIZE_MAX_HERE];
    uint64_t entries = 0;
    struct sha256 identity = { { 7 } }, key;
    volatile uint8_t sum = 0;
    if (!path[0]) {
        must(mkdtemp(dir));
        atexit(remove_dir);
        snprintf(path, sizeof path, "%s/x.packed", dir);
    }
    if (size > SIZE_MAX_HERE) return 0;
    memcpy(file, data, size);
    if (size >= HEADER_BYTES) {
        static const char magic[8] = "HEARTHPK";
        const uint32_t version[2] = { 1, KERNEL_LAYOUT };
        const uint64_t file_bytes = size;
        memcpy(file, magic, sizeof magic);
        memcpy(file + 8, version, sizeof version);
        memcpy(file + 88, &file_bytes, sizeof file_bytes);
        memcpy(&entries, file + 80, sizeof entries);
        memcpy(file + IDENTITY_AT, identity.b, SHA256_BYTES);
        if (entries <= (size - HEADER_BYTES) / ENTRY_BYTES) {
            struct sha256 table = sha256_of((bytes){ file + HEADER_BYTES, (size_t)entries * ENTRY_BYTES });
            memcpy(file + TABLE_AT, table.b, SHA256_BYTES);
        }
    }
    write_file(path, file, size);
    struct packed *p = packed_open(dir, STR("x"), &identity);
    for (uint64_t i = 0; i < entries && i < 64 && HEADER_BYTES + (i + 1) * ENTRY_BYTES <= size; i++) {
        uint64_t n;
        memcpy(key.b, file + HEADER_BYTES + i * ENTRY_BYTES, SHA256_BYTES);
        memcpy(&n, file + HEADER_BYTES + i * ENTRY_BYTES + 40, sizeof n);
        const struct packed_slot *slot = packed_find(p, &key, n);
        const uint8_t *at = slot ? packed_data(slot) : NULL;
        for (uint64_t j = 0; at && j < n; j++) sum = (uint8_t)(sum + at[j]); /* the sanitizer looks on */
    }
    packed_close(p);
    unlink(path);
    return 0;
}
