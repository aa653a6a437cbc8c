/* fuzz_picture.c - the first bytes of pictures.  What is read has a type and a size; nothing is read behind the end. */
#include "account/picture.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct picture p;
    if (picture_read((bytes){ data, size }, &p)) must(p.type.n && p.width && p.height && p.width <= 1u << 24 && p.height <= 1u << 24);
    return 0;
}
