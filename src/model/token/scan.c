/* scan.c - GPT-2's splitting pattern and the family that followed it, by hand.
 *
 * A regular expression engine spends more on these than everything after it.  All of them are an ordered choice of
 * runs: contraction, letters, digits, other, white space.  A byte's class comes from a table; what is not ASCII is
 * decoded and looked up.  Backtracking is needed in three places only, each noted where it happens. */
#include "model/token/scan.h"

#include "base/unicode.h"
#include "model/token/utf8.h"

enum {
    LOWER = 1,  /* o200k's second half: Ll Lm Lo M */
    UPPER = 2,  /* o200k's first half: Lu Lt Lm Lo M */
    LETTER = 4, /* L */
    MARK = 8,   /* M */
    NUMBER = 16,
    SPACE = 32,
    NEWLINE = 64, /* CR, LF */
    WIDE = 128,   /* not ASCII: decode */
};

#define LO4 LOWER | LETTER, LOWER | LETTER, LOWER | LETTER, LOWER | LETTER
#define UP4 UPPER | LETTER, UPPER | LETTER, UPPER | LETTER, UPPER | LETTER
#define WIDE8 WIDE, WIDE, WIDE, WIDE, WIDE, WIDE, WIDE, WIDE
#define WIDE32 WIDE8, WIDE8, WIDE8, WIDE8
static const uint8_t ascii_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, SPACE, SPACE | NEWLINE, SPACE, SPACE, SPACE | NEWLINE, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    SPACE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, 0, 0, 0, 0, 0, 0,
    0, UP4, UP4, UP4, UP4, UP4, UP4, UPPER | LETTER, UPPER | LETTER, 0, 0, 0, 0, 0,
    0, LO4, LO4, LO4, LO4, LO4, LO4, LOWER | LETTER, LOWER | LETTER, 0, 0, 0, 0, 0,
    WIDE32, WIDE32, WIDE32, WIDE32,
};

static const uint8_t category_class[UC_CN + 1] = {
    [UC_LU] = UPPER | LETTER,         [UC_LL] = LOWER | LETTER,
    [UC_LT] = UPPER | LETTER,         [UC_LM] = UPPER | LOWER | LETTER,
    [UC_LO] = UPPER | LOWER | LETTER, [UC_MN] = UPPER | LOWER | MARK,
    [UC_MC] = UPPER | LOWER | MARK,   [UC_ME] = UPPER | LOWER | MARK,
    [UC_ND] = NUMBER,                 [UC_NL] = NUMBER,
    [UC_NO] = NUMBER,
};

static uint8_t wide_class(const uint8_t *p, size_t *n)
{
    unsigned v = unicode_of(utf8_get(p, n));
    return (uint8_t)(category_class[v & UF_CATEGORY] | (v & UF_SPACE ? SPACE : 0));
}
static inline uint8_t class_at(const uint8_t *p, size_t *n)
{
    uint8_t c = ascii_class[*p];
    *n = 1;
    return __builtin_expect(c & WIDE, 0) ? wide_class(p, n) : c;
}

/* Past the characters that have (or, for `not_any`, have none of) the wanted classes. */
static inline const uint8_t *run_any(const uint8_t *p, const uint8_t *end, uint8_t any)
{
    size_t n;
    while (p < end && (class_at(p, &n) & any)) p += n;
    return p;
}
static inline const uint8_t *run_none(const uint8_t *p, const uint8_t *end, uint8_t none)
{
    size_t n;
    while (p < end && !(class_at(p, &n) & none)) p += n;
    return p;
}

/* `\s+(?!\S)|\s+` : all of it at the end of the text; otherwise the last one is left to what follows. */
static size_t white_run(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = p, *last = p;
    size_t n;
    while (q < end && (class_at(q, &n) & SPACE)) {
        last = q;
        q += n;
    }
    return (size_t)((q < end && last > p ? last : q) - p);
}

/* `\s*[\r\n]+` before the above: up to the last line end of the white space, if there is one. */
static size_t white_or_lines(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = p, *last = p, *lines = NULL;
    size_t n;
    for (uint8_t c; q < end && ((c = class_at(q, &n)) & SPACE);) {
        last = q;
        q += n;
        if (c & NEWLINE) lines = q;
    }
    if (lines) return (size_t)(lines - p);
    return (size_t)((q < end && last > p ? last : q) - p);
}

static size_t contraction(const uint8_t *p, const uint8_t *end) /* p is at the apostrophe */
{
    if (end - p < 2) return 0;
    uint8_t a = p[1], b = end - p > 2 ? p[2] : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}
static size_t contraction_any_case(const uint8_t *p, const uint8_t *end)
{
    if (end - p < 2) return 0;
    uint8_t a = p[1] | 32, b = end - p > 2 ? p[2] | 32 : 0;
    if (p[1] == 0xC5 && end - p > 2 && p[2] == 0xBF) return 3; /* long s folds to s */
    if (p[1] >= 0x80) return 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if (b >= 0x80) return 0;
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
size_t scan_gpt2(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = p;
    size_t n;
    uint8_t c = class_at(p, &n);
    if (*p == '\'' && (n = contraction(p, end))) return n;
    if (*p == ' ') {
        if (end - p == 1) return 1;
        c = class_at(++q, &n);
    }
    if (c & LETTER) return (size_t)(run_any(q + n, end, LETTER) - p);
    if (c & NUMBER) return (size_t)(run_any(q + n, end, NUMBER) - p);
    if (!(c & SPACE)) return (size_t)(run_none(q + n, end, LETTER | NUMBER | SPACE) - p);
    return white_run(p, end);
}

struct rule {
    bool contractions; /* as an alternative of their own */
    uint8_t letter;    /* what a word is made of */
    uint8_t digits;    /* at most so many in a piece */
};

/* (?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static inline size_t scan_words(const uint8_t *p, const uint8_t *end, const struct rule r)
{
    size_t n, m;
    uint8_t c = class_at(p, &n);
    if (c & LETTER) return (size_t)(run_any(p + n, end, r.letter) - p);
    if (*p == '\'' && r.contractions && (m = contraction_any_case(p, end))) return m;
    if (c & NUMBER) {
        const uint8_t *q = p + n;
        for (int i = 1; i < r.digits && q < end && (class_at(q, &m) & NUMBER); i++) q += m;
        return (size_t)(q - p);
    }
    uint8_t next = p + n < end ? class_at(p + n, &m) : 0;
    if (!(c & NEWLINE) && (next & r.letter)) return (size_t)(run_any(p + n + m, end, r.letter) - p);
    if (c & r.letter) return (size_t)(run_any(p + n, end, r.letter) - p); /* a mark, taken back from the prefix */
    const uint8_t none = (uint8_t)(r.letter | LETTER | NUMBER | SPACE);
    if (!(c & SPACE) || (*p == ' ' && p + n < end && !(next & none))) {
        const uint8_t *q = run_none(p + n, end, none);
        while (q < end && (*q == '\r' || *q == '\n')) q++;
        return (size_t)(q - p);
    }
    return white_or_lines(p, end);
}
static size_t scan_llama3(const uint8_t *p, const uint8_t *end)
{
    return scan_words(p, end, (struct rule){ true, LETTER, 3 });
}
static size_t scan_qwen2(const uint8_t *p, const uint8_t *end)
{
    return scan_words(p, end, (struct rule){ true, LETTER, 1 });
}
static size_t scan_qwen35(const uint8_t *p, const uint8_t *end)
{
    return scan_words(p, end, (struct rule){ true, LETTER | MARK, 1 });
}

/* [UPPER]*[LOWER]+ : when no plain lower case follows the run, the last character that is both gives way. */
static const uint8_t *cased_lower(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = p, *both_end = NULL;
    size_t n;
    for (uint8_t c; q < end && ((c = class_at(q, &n)) & UPPER);) {
        q += n;
        if (c & LOWER) both_end = q;
    }
    if (q < end && (class_at(q, &n) & LOWER)) return run_any(q + n, end, LOWER);
    return both_end;
}
/* [UPPER]+[LOWER]*, reached only when the above finds nothing: then no lower case follows. */
static const uint8_t *cased_upper(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = run_any(p, end, UPPER);
    return q > p ? run_any(q, end, LOWER) : NULL;
}
static inline size_t scan_cased(const uint8_t *p, const uint8_t *end, bool contractions, int digits)
{
    size_t n, m;
    uint8_t c = class_at(p, &n);
    bool prefix = !(c & (NEWLINE | LETTER | NUMBER)) && p + n < end;
    const uint8_t *q = prefix ? cased_lower(p + n, end) : NULL;
    if (!q && (c & (UPPER | LOWER))) q = cased_lower(p, end);
    if (!q && prefix) q = cased_upper(p + n, end);
    if (!q && (c & UPPER)) q = cased_upper(p, end);
    if (q) {
        if (contractions && q < end && *q == '\'') q += contraction_any_case(q, end);
        return (size_t)(q - p);
    }
    if (c & NUMBER) {
        q = p + n;
        for (int i = 1; i < digits && q < end && (class_at(q, &m) & NUMBER); i++) q += m;
        return (size_t)(q - p);
    }
    const uint8_t none = LETTER | NUMBER | SPACE;
    if (!(c & SPACE) || (*p == ' ' && p + n < end && !(class_at(p + n, &m) & none))) {
        q = run_none(p + n, end, none);
        while (q < end && (*q == '\r' || *q == '\n' || *q == '/')) q++;
        return (size_t)(q - p);
    }
    return white_or_lines(p, end);
}
static size_t scan_o200k(const uint8_t *p, const uint8_t *end) { return scan_cased(p, end, true, 3); }
static size_t scan_tekken(const uint8_t *p, const uint8_t *end) { return scan_cased(p, end, false, 1); }

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define WHITE "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define HEAD "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define TAIL "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
static const struct {
    str name, pattern;
    scan_fn scan;
} known[] = {
    { STR_INIT("gpt2"), STR_INIT("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"),
      scan_gpt2 },
    { STR_INIT("llama3"),
      STR_INIT(CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" WHITE),
      scan_llama3 },
    { STR_INIT("qwen2"),
      STR_INIT(CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" WHITE), scan_qwen2 },
    { STR_INIT("qwen35"),
      STR_INIT(CONTRACTIONS
               "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" WHITE),
      scan_qwen35 },
    { STR_INIT("o200k"),
      STR_INIT("[^\\r\\n\\p{L}\\p{N}]?" HEAD "*" TAIL "+" CONTRACTIONS "?|[^\\r\\n\\p{L}\\p{N}]?" HEAD "+" TAIL
               "*" CONTRACTIONS "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" WHITE),
      scan_o200k },
    { STR_INIT("tekken"),
      STR_INIT("[^\\r\\n\\p{L}\\p{N}]?" HEAD "*" TAIL "+|[^\\r\\n\\p{L}\\p{N}]?" HEAD "+" TAIL
               "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" WHITE),
      scan_tekken },
};

scan_fn scan_find(str pattern)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(known[i].pattern, pattern)) return known[i].scan;
    return NULL;
}

scan_fn scan_named(str name, str *pattern)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(known[i].name, name)) return *pattern = known[i].pattern, known[i].scan;
    return NULL;
}
