/* scan/pickle_array.c - what numpy.dtype is called with: '<f8', 'O8', 'U5', 'M8[ns]', 'V16'. */
#include "scan/pickle.h"

bool pickle_dtype_parse(str text, struct pickle_dtype *out)
{
    uint64_t n = 0;
    if (text.n && strchr("<>=|", text.p[0])) text = str_from(text, 1);
    if (!text.n) return false;
    char kind = text.p[0];
    size_t bracket = str_chr(text, '[');
    str digits = str_from(bracket == STR_NONE ? text : str_to(text, bracket), 1);
    bool has_size = str_u64(digits, &n) && n < (1 << 30);
    *out = (struct pickle_dtype){ .item_bytes = n };
    switch (kind) {
    case 'O':
        out->is_known = out->has_objects = true;
        return true;
    case 'b': case 'i': case 'u': case 'f': case 'c': case 'M': case 'm': case 'S': case 'a':
        out->is_known = has_size;
        return has_size;
    case 'U':
        out->item_bytes = 4 * n;
        out->is_known = has_size;
        return has_size;
    case 'V':
        out->has_state_only_size = true; /* fields may hold objects: the state says so */
        return has_size;
    default: return false;
    }
}
