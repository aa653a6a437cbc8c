/* scripts.c - UnicodeScripts: a word ends where the script changes.
 *
 * As the reference has it: kana and the long-vowel mark count as Han, a space or a character without script belongs to
 * what stands before it, and such characters at the very start belong to nothing and are dropped. */
#include "model/token/scripts_table.h"
#include "model/token/token_priv.h"

static uint32_t script_of(uint32_t c)
{
    size_t low = 0, high = COUNT(script_range);
    if (c == ' ') return 0;
    if (c == 0x30FC) return SCRIPT_HAN;
    while (high - low > 1) { /* script_range[low].from <= c < script_range[high].from */
        size_t mid = low + (high - low) / 2;
        if (script_range[mid].from <= c) low = mid;
        else high = mid;
    }
    uint32_t script = script_range[low].script;
    return script == SCRIPT_HIRAGANA || script == SCRIPT_KATAKANA ? SCRIPT_HAN : script;
}

void cut_scripts(const struct view *v, struct split w, struct splits *out)
{
    uint32_t last = 0;
    size_t size;
    bool open = false;
    for (uint32_t i = w.from; i < w.to; i += (uint32_t)size) {
        uint32_t script = script_of(utf8_get(v->p + i, &size));
        if (script == 0 || script == last) continue;
        last = script;
        need_room(out, 1);
        if (open) out->item[out->n - 1].to = i;
        out->item[out->n++] = (struct split){ i, w.to };
        open = true;
    }
}
