/* scan/globals.c - see scan/globals.h. */
#include "scan/globals.h"

static bool has_word(const char *words, str w)
{
    str rest = str_c(words), piece;
    while (str_cut(&rest, ' ', &piece))
        if (str_eq(piece, w)) return true;
    return false;
}

static bool is_below(str module, str top) { return str_starts(module, top) && (module.n == top.n || module.p[top.n] == '.'); }

static bool is_listed(const struct globals_row *row, str module, str name)
{
    for (; row->module; row++) {
        str own = str_c(row->module);
        bool is_all = strcmp(row->names, "*") == 0;
        if (str_ends(own, STR(".*"))) own = str_to(own, own.n - 2);
        else if (!is_all && module.n != own.n) continue;
        if (is_below(module, own) && (is_all || has_word(row->names, name))) return true;
    }
    return false;
}

static bool python3(str module, str name, str *to_module, str *to_name)
{
    for (const struct globals_move *m = globals_moves; m->module; m++) {
        if (!str_eq(module, str_c(m->module)) || (m->name && !str_eq(name, str_c(m->name)))) continue;
        *to_module = str_c(m->to_module);
        *to_name = m->to_name ? str_c(m->to_name) : name;
        return true;
    }
    return false;
}

/* What imports a module as if it were a name in another one, or gets at what lies beneath objects. */
static bool is_dangerous_name(str name)
{
    static const char modules[] = "os sys nt posix subprocess builtins importlib shutil socket ctypes pickle runpy";
    if (str_chr(name, '.') != STR_NONE || has_word(modules, name)) return true;
    return str_starts(name, STR("__")) && str_ends(name, STR("__"));
}

static bool is_unknown(str s) { return !s.n || str_find(s, STR("unknown")) != STR_NONE; }

enum scan_safety globals_judge(str module, str name)
{
    str module3 = module, name3 = name;
    bool is_moved = python3(module, name, &module3, &name3);
    if (is_listed(globals_dangerous, module, name) || (is_moved && is_listed(globals_dangerous, module3, name3))) return SCAN_DANGEROUS;
    if (is_listed(globals_innocuous, module, name) || (is_moved && is_listed(globals_innocuous, module3, name3))) return SCAN_INNOCUOUS;
    return is_dangerous_name(name) || is_unknown(module) || is_unknown(name) ? SCAN_DANGEROUS : SCAN_SUSPECT;
}

bool globals_names_danger(str module)
{
    for (const struct globals_row *row = globals_dangerous; row->module; row++) {
        str own = str_c(row->module);
        if (str_ends(own, STR(".*"))) own = str_to(own, own.n - 2);
        if (str_eq(own, module) || (strcmp(row->names, "*") == 0 && is_below(module, own))) return true;
    }
    for (const struct globals_move *m = globals_moves; m->module; m++)
        if (str_eq(module, str_c(m->module)) && globals_names_danger(str_c(m->to_module))) return true;
    return false;
}

bool globals_is_module(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
        if (!is_letter && !(i && c >= '0' && c <= '9') && !(i && c == '.') && !(i && c == '-')) return false;
    }
    return s.n > 0;
}

uint32_t globals_hash(str module, str name)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < module.n; i++) h = (h ^ (uint8_t)module.p[i]) * 16777619u;
    h = (h ^ 0xff) * 16777619u;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 16777619u;
    return h;
}
