/* Fuzz target of vcs/path.h: an accepted path keeps every promise of the header. */
#include "vcs/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e;
    str path = str_n((const char *)data, size), rest = path, name;
    if (!vcs_path_check(path, &e)) {
        must(e.code == ERR_UNPROCESSABLE && e.msg[0]);
        return 0;
    }
    must(size > 0 && size <= VCS_PATH_BYTES_MAX && str_is_utf8(path) && !memchr(data, 0, size));
    while (str_cut(&rest, '/', &name)) {
        must(name.n > 0 && name.n <= 255 && !str_eq(name, STR(".")) && !str_eq(name, STR("..")));
        must(!str_eq_nocase(name, STR(".git")) && !str_eq_nocase(name, STR("git~1")));
    }
    return 0;
}
