/* cli/options.c - from words to checked values.
 *
 * A row of a table (struct cli_option) says what a value must look like; the same check serves the command
 * line, the environment and the configuration file, so a value means the same wherever it stands. */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/ckd.h"
#include "infer/meter/meter.h"
#include "infer/meter/price.h"

/* ------------------------------------------------------------------ values */

struct unit {
    const char *name;
    int64_t times;
};
static const struct unit size_units[] = {
    { "", 1 },           { "B", 1 },
    { "K", 1 << 10 },    { "KiB", 1 << 10 },  { "kB", 1000 },        { "KB", 1000 },
    { "M", 1 << 20 },    { "MiB", 1 << 20 },  { "MB", 1000000 },
    { "G", 1 << 30 },    { "GiB", 1 << 30 },  { "GB", 1000000000 },
    { "T", INT64_C(1) << 40 }, { "TiB", INT64_C(1) << 40 }, { "TB", INT64_C(1000000000000) },
};
static const struct unit duration_units[] = {
    { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
};

static bool parse_units(str s, const struct unit *unit, size_t units, int64_t *out)
{
    size_t digits = 0;
    int64_t n;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9') digits++;
    if (!str_i64(str_to(s, digits), &n)) return false;
    if (n == 0 && digits == s.n) return *out = 0, true; /* nothing needs no unit */
    for (size_t i = 0; i < units; i++)
        if (str_eq(str_from(s, digits), str_c(unit[i].name))) return !ckd_mul(out, n, unit[i].times);
    return false;
}

static bool parse_bool(str s, int64_t *out)
{
    bool yes = str_eq(s, STR("true")) || str_eq(s, STR("yes")) || str_eq(s, STR("1")) || str_eq(s, STR("on"));
    bool no = str_eq(s, STR("false")) || str_eq(s, STR("no")) || str_eq(s, STR("0")) || str_eq(s, STR("off"));
    *out = yes;
    return yes || no;
}

static bool is_word_of(const char *words, str s)
{
    str rest = str_c(words), word;
    while (str_cut(&rest, '|', &word))
        if (str_eq(word, s)) return true;
    return false;
}

static bool check_url(str *s, struct err *e)
{
    size_t scheme = str_starts(*s, STR("https://")) ? 8 : str_starts(*s, STR("http://")) ? 7 : 0;
    while (s->n > scheme && s->p[s->n - 1] == '/') s->n--;
    if (!scheme || s->n == scheme) return err_set(e, ERR_INVALID, "wants a URL such as https://hub.example.org");
    for (size_t i = 0; i < s->n; i++)
        if ((unsigned char)s->p[i] <= ' ' || s->p[i] == '"' || s->p[i] == 0x7f)
            return err_set(e, ERR_INVALID, "wants a URL without blanks and quotes");
    return true;
}

bool cli_address_parse(str s, str *host, uint16_t *port, struct err *e)
{
    uint64_t n;
    size_t colon = str_rchr(s, ':');
    if (colon == STR_NONE || !str_u64(str_from(s, colon + 1), &n) || n > 65535)
        return err_set(e, ERR_INVALID, "wants ADDRESS:PORT, such as 127.0.0.1:8080");
    *host = str_to(s, colon);
    if (host->n > 2 && host->p[0] == '[' && host->p[host->n - 1] == ']') *host = str_n(host->p + 1, host->n - 2);
    else if (str_chr(*host, ':') != STR_NONE) return err_set(e, ERR_INVALID, "wants brackets around the address: [%.*s]", STR_ARG(*host));
    if (!host->n) return err_set(e, ERR_INVALID, "wants an address before the colon, such as 127.0.0.1");
    *port = (uint16_t)n;
    return true;
}

/* "64KiB", "90d": as it may be typed, in the largest unit that gives a whole number; of sizes, one that is a power of two. */
static void bound_text(const struct cli_option *o, int64_t n, char out[32])
{
    static const char *const sizes[] = { "", "KiB", "MiB", "GiB", "TiB" };
    size_t i = 0;
    if (o->type == CLI_DURATION) {
        for (i = COUNT(duration_units) - 1; i && n % duration_units[i].times; i--) continue;
        snprintf(out, 32, "%lld%s", (long long)(n / duration_units[i].times), n ? duration_units[i].name : "");
        return;
    }
    for (; o->type == CLI_SIZE && n && n % 1024 == 0 && i + 1 < COUNT(sizes); i++) n /= 1024;
    snprintf(out, 32, "%lld%s", (long long)n, sizes[i]);
}

static bool check_bounds(const struct cli_option *o, int64_t n, struct err *e)
{
    char min[32], max[32];
    if ((n >= o->min && (!o->max || n <= o->max)) || (n == 0 && o->flags & CLI_OR_ZERO)) return true;
    const char *or_zero = o->flags & CLI_OR_ZERO ? "0, or " : "";
    bound_text(o, o->min, min);
    bound_text(o, o->max, max);
    if (!o->max) return err_set(e, ERR_INVALID, "wants %sat least %s", or_zero, min);
    return err_set(e, ERR_INVALID, "wants %s%s to %s", or_zero, min, max);
}

static bool check_dollars(const struct cli_option *o, str text, int64_t *n, struct err *e)
{
    if (!(o->flags & CLI_OR_UNBOUNDED)) return price_parse(text, n, e);
    *n = METER_UNBOUNDED;
    return str_eq(text, STR("unbounded")) || price_parse(text, n, e);
}

bool cli_option_parse(const struct cli_option *o, str text, struct cli_value *out, struct arena *a, struct err *e)
{
    str host;
    uint16_t port;
    int64_t n = 0;
    if (o->flags & CLI_NOT_BUILT) return err_set(e, ERR_NOT_BUILT, "is known, but not built yet");
    switch (o->type) {
    case CLI_TEXT: break;
    case CLI_FILE:
        if (!text.n) return err_set(e, ERR_INVALID, "wants a path");
        break;
    case CLI_FLAG:
        if (!parse_bool(text, &n)) return err_set(e, ERR_INVALID, "wants true or false");
        break;
    case CLI_INT:
        if (!str_i64(text, &n)) return err_set(e, ERR_INVALID, "wants a whole number");
        if (!check_bounds(o, n, e)) return false;
        break;
    case CLI_SIZE:
        if (!parse_units(text, size_units, COUNT(size_units), &n))
            return err_set(e, ERR_INVALID, "wants a size, such as 512, 64KiB or 5GB");
        if (!check_bounds(o, n, e)) return false;
        break;
    case CLI_DURATION:
        if (!parse_units(text, duration_units, COUNT(duration_units), &n))
            return err_set(e, ERR_INVALID, "wants a duration, such as 500ms, 30s, 5m, 24h or 90d");
        if (!check_bounds(o, n, e)) return false;
        break;
    case CLI_DOLLARS:
        if (!check_dollars(o, text, &n, e)) return false;
        break;
    case CLI_CHOICE:
        if (!is_word_of(o->value, text)) return err_set(e, ERR_INVALID, "wants one of %s", o->value);
        break;
    case CLI_URL:
        if (!check_url(&text, e)) return false;
        break;
    case CLI_ADDRESS:
        if (!cli_address_parse(text, &host, &port, e)) return false;
        break;
    }
    out->text = arena_dup(a, text);
    out->n = n;
    return true;
}

/* ------------------------------------------------------------------ looking up */

const struct cli_value *cli_get(const struct cli *c, const char *name)
{
    for (size_t i = 0; c->command->options && c->command->options[i].name; i++)
        if (strcmp(c->command->options[i].name, name) == 0) return &c->option[i];
    for (size_t i = 0; cli_settings[i].name; i++)
        if (strcmp(cli_settings[i].name, name) == 0) return &c->setting[i];
    must(!"an option that no table has");
    return NULL;
}

const char *cli_cstr(const struct cli *c, const char *name)
{
    return cli_get(c, name)->text.p; /* arena_dup ends it with a NUL */
}

bool cli_usage(struct err *e, const char *fmt, ...)
{
    char msg[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return err_kind(e, ERR_INVALID, "usage", "%s", msg);
}

bool cli_option_refuse(struct err *e, const char *name)
{
    e->kind = e->code == ERR_NOT_BUILT ? NULL : "usage";
    return err_context(e, "--%s", name);
}

/* The number of single-letter changes between two short words (Levenshtein). */
static size_t distance(str a, str b)
{
    size_t row[64];
    if (a.n >= COUNT(row) || b.n >= COUNT(row)) return COUNT(row);
    for (size_t j = 0; j <= b.n; j++) row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.n];
}

void cli_nearest_offer(struct cli_nearest *n, str name)
{
    size_t d = distance(n->wanted, name), tolerated = n->wanted.n < 4 ? 1 : 2;
    if (str_starts(name, n->wanted) && n->wanted.n >= 2) d = 1; /* cut short rather than mistyped */
    if (d > tolerated || (n->best.p && d >= n->distance)) return;
    n->best = name;
    n->distance = d;
}

/* ------------------------------------------------------------------ the command line */

struct found {
    const struct cli_option *row;
    struct cli_value *value;
};

/* How many rows of cli_settings the command takes. */
static size_t settings_taken(const struct cli *c)
{
    switch (c->command->takes) {
    case CLI_TAKES_NONE: return 0;
    case CLI_TAKES_HOME: return cli_settings_home();
    case CLI_TAKES_ALL: break;
    }
    return SIZE_MAX;
}

/* *near collects what the name may have meant. */
static struct found find(struct cli *c, str name, struct cli_nearest *near)
{
    const struct cli_option *own = c->command->options;
    size_t taken = settings_taken(c);
    for (size_t i = 0; own && own[i].name; i++) {
        if (str_eq(str_c(own[i].name), name)) return (struct found){ &own[i], &c->option[i] };
        cli_nearest_offer(near, str_c(own[i].name));
    }
    for (size_t i = 0; i < taken && cli_settings[i].name; i++) {
        if (str_eq(str_c(cli_settings[i].name), name)) return (struct found){ &cli_settings[i], &c->setting[i] };
        cli_nearest_offer(near, str_c(cli_settings[i].name));
    }
    return (struct found){ 0 };
}

static bool parse_option(struct cli *c, int argc, const char *const *argv, int *at, struct err *e)
{
    str word = str_from(str_c(argv[*at]), 2);
    size_t equals = str_chr(word, '=');
    str name = str_to(word, equals), text = STR("true");
    struct cli_nearest near = { .wanted = name };
    struct found f = find(c, name, &near);
    if (!f.row && near.best.p)
        return cli_usage(e, "unknown option --%.*s; did you mean --%.*s?", STR_ARG(name), STR_ARG(near.best));
    if (!f.row) return cli_usage(e, "unknown option --%.*s", STR_ARG(name));
    if (equals != STR_NONE) {
        text = str_from(word, equals + 1);
    } else if (f.row->type != CLI_FLAG) {
        if (*at + 1 >= argc) return cli_usage(e, "--%s wants a value: %s", f.row->name, f.row->value);
        text = str_c(argv[++*at]);
    }
    f.value->source = CLI_FROM_ARGUMENT;
    if (cli_option_parse(f.row, text, f.value, c->arena, e)) return true;
    return cli_option_refuse(e, f.row->name);
}

static bool check_complete(struct cli *c, struct err *e)
{
    const struct cli_command *k = c->command;
    if (c->arguments_count < k->arguments_min) return cli_usage(e, "missing argument; usage: hearth %s %s", k->name, k->arguments);
    for (size_t i = 0; k->options && k->options[i].name; i++) {
        struct cli_value *v = &c->option[i];
        if (v->source != CLI_ABSENT) continue;
        if (k->options[i].flags & CLI_REQUIRED)
            return cli_usage(e, "--%s %s is required", k->options[i].name, k->options[i].value);
        if (!k->options[i].otherwise) continue;
        must(cli_option_parse(&k->options[i], str_c(k->options[i].otherwise), v, c->arena, e));
        v->source = CLI_DEFAULT;
    }
    return true;
}

bool cli_arguments_parse(struct cli *c, int argc, const char *const *argv, struct err *e)
{
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        str word = str_c(argv[i]);
        if (!only_arguments && str_eq(word, STR("--"))) {
            only_arguments = true;
        } else if (!only_arguments && (str_eq(word, STR("--help")) || str_eq(word, STR("-h")))) {
            c->wants_help = true;
            return true;
        } else if (!only_arguments && str_starts(word, STR("--"))) {
            if (!parse_option(c, argc, argv, &i, e)) return false;
        } else if (!only_arguments && word.n > 1 && word.p[0] == '-') {
            return cli_usage(e, "unknown option %s; options begin with two hyphens", argv[i]);
        } else if (c->arguments_count >= c->command->arguments_max) {
            return cli_usage(e, "unexpected argument \"%s\"", argv[i]);
        } else {
            c->argument[c->arguments_count++] = word;
        }
    }
    return check_complete(c, e);
}
