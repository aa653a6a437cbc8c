/* scan/secret.c - see scan/secret.h.
 *
 * Every pattern has an anchor, some bytes that must stand in it as they are.  One pass over the text looks each pair of bytes up in
 * a bitmap of the anchors' first two; only where that says yes the rows are compared.  What follows an anchor is a chain of classes of
 * characters with counts, taken greedily and never given back, so a row costs no more than what it matches: classes that stand
 * next to each other exclude each other, or their counts are fixed. */
#include "scan/secret.h"

#include <math.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"

enum { ENDLESS = 4096, NEAR = 200 };

struct search {
    str text;
    bool sure_only;
    secret_fn *fn;
    void *ctx;
    size_t line_at; /* `line` is that of this place */
    uint64_t line;
    size_t past; /* where the last one ended: no two overlap */
    bool stop;
};

static bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_word(char c) { return is_alnum(c) || c == '_'; }
static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
static bool is_base64(char c) { return is_alnum(c) || c == '+' || c == '/'; }
static bool is_url64(char c) { return is_word(c) || c == '-'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Does no word go on here?  In a text within JSON, a notebook's cell, "\n" ends a line. */
static bool starts_word(str t, size_t at)
{
    if (!at || !is_word(t.p[at - 1])) return true;
    return at > 1 && t.p[at - 2] == '\\' && strchr("nrt", t.p[at - 1]) && (at == 2 || t.p[at - 3] != '\\');
}

/* ------------------------------------------------------------------ what is no secret */

static double entropy(str s)
{
    size_t count[256] = { 0 };
    double bits = 0;
    for (size_t i = 0; i < s.n; i++) count[(uint8_t)s.p[i]]++;
    for (size_t c = 0; c < 256; c++)
        if (count[c]) bits -= (double)count[c] / (double)s.n * log2((double)count[c] / (double)s.n);
    return bits;
}

static bool is_placeholder(str s)
{
    static const char *const words[] = { "example", "xxxx", "your", "dummy", "placeholder", "changeme", "change_me", "redacted", "insert", "sample", "fake",
                                         "0123456789", "1234567890", "abcdefgh", "****", "....", "<", "${", "{{", "%(", "$(" };
    size_t run = 1, plain = 0;
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_find_nocase(s, str_c(words[i])) != STR_NONE) return true;
    for (size_t i = 0; i < s.n; i++) {
        run = i && s.p[i] == s.p[i - 1] ? run + 1 : 1;
        if (run == 6) return true;
        plain += (s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '_' || s.p[i] == '-' || s.p[i] == '.';
    }
    return plain == s.n; /* a name of a program's: hf_oauth_expiration_minutes */
}

static bool is_random(str s)
{
    size_t hex = 0;
    for (size_t i = 0; i < s.n; i++) hex += is_hex(s.p[i]);
    return entropy(s) > (hex == s.n ? 2.7 : 3.0);
}

bool secret_is_noise(str path)
{
    static const char *const ends[] = { ".lock", "-lock.json", "-lock.yaml", "lock.yml", "go.sum", "tokenizer.json", "merges.txt", "vocab.json", "vocab.txt",
                                        "vocab.bpe", "added_tokens.json", ".min.js", ".js.map", ".css.map", "vocabulary.json", "vocabulary.txt", ".svg" };
    for (size_t i = 0; i < COUNT(ends); i++)
        if (str_ends_nocase(path, str_c(ends[i]))) return true;
    return false;
}

/* ------------------------------------------------------------------ telling */

static void tell(struct search *s, const char *kind, bool is_sure, size_t at, size_t end)
{
    if (s->stop || (s->sure_only && !is_sure) || at < s->past) return;
    for (; s->line_at < at; s->line_at++) s->line += s->text.p[s->line_at] == '\n';
    s->past = end;
    s->stop = !s->fn(s->ctx, &(struct secret){ .kind = kind, .line = s->line, .is_sure = is_sure, .at = at, .n = end - at });
}

/* ------------------------------------------------------------------ chains of classes */

static bool in_class(const char *set, char c)
{
    for (; *set != ']'; set++) {
        if (set[1] == '-' && set[2] != ']') {
            if (c >= set[0] && c <= set[2]) return true;
            set += 2;
        } else if (*set == c) {
            return true;
        }
    }
    return false;
}

static size_t number(const char **p)
{
    size_t n = 0;
    while (is_digit(**p)) n = n * 10 + (size_t)(*(*p)++ - '0');
    return n;
}

/* "[A-Za-z0-9]{20,40}_[0-9a-f]{8}": classes with counts, other characters as they are.  Where it ends, or 0. */
static size_t chain_end(const char *chain, str t, size_t at)
{
    while (*chain) {
        if (*chain != '[') {
            if (at == t.n || t.p[at] != *chain++) return 0;
            at++;
            continue;
        }
        const char *set = ++chain;
        size_t least, most, got = 0;
        while (*chain != ']') chain++;
        chain += 2; /* "]{" */
        least = most = number(&chain);
        if (*chain == ',') {
            chain++;
            most = is_digit(*chain) ? number(&chain) : ENDLESS;
        }
        chain++; /* "}" */
        while (got < most && at < t.n && in_class(set, t.p[at])) at++, got++;
        if (got < least) return 0;
    }
    return at;
}

static const struct {
    const char *kind;
    bool is_sure;
    const char *anchor, *chain;
} rows[] = {
    { "hub token", true, "hf_", "[A-Za-z0-9]{30,40}" },
    { "hub organization token", true, "api_org_", "[A-Za-z0-9]{30,40}" },
    { "hub OAuth token", true, "hf_oauth_", "[A-Za-z0-9._-]{20,}" },
    { "hub JWT", true, "hf_jwt_", "[A-Za-z0-9._-]{20,}" },
    { "GitHub token", true, "ghp_", "[A-Za-z0-9]{36,255}" },
    { "GitHub token", true, "gho_", "[A-Za-z0-9]{36,255}" },
    { "GitHub token", true, "ghu_", "[A-Za-z0-9]{36,255}" },
    { "GitHub token", true, "ghs_", "[A-Za-z0-9]{36,255}" },
    { "GitHub token", true, "ghr_", "[A-Za-z0-9]{36,255}" },
    { "GitHub token", true, "github_pat_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}" },
    { "GitLab token", true, "glpat-", "[A-Za-z0-9_-]{20,}" },
    { "GitLab token", true, "gldt-", "[A-Za-z0-9_-]{20,}" },
    { "GitLab token", true, "glrt-", "[A-Za-z0-9_-]{20,}" },
    { "GitLab token", true, "glptt-", "[A-Za-z0-9_-]{20,}" },
    { "GitLab token", true, "gloas-", "[A-Za-z0-9_-]{20,}" },
    { "Google API key", true, "AIza", "[0-9A-Za-z_-]{35}" },
    { "Google OAuth token", true, "ya29.", "[0-9A-Za-z_-]{20,}" },
    { "Google client secret", true, "GOCSPX-", "[0-9A-Za-z_-]{28}" },
    { "Azure storage key", true, "AccountKey=", "[A-Za-z0-9+/]{86}==" },
    { "OpenAI key", true, "sk-proj-", "[A-Za-z0-9_-]{20,}" },
    { "OpenAI key", true, "sk-svcacct-", "[A-Za-z0-9_-]{20,}" },
    { "OpenAI key", true, "sk-admin-", "[A-Za-z0-9_-]{20,}" },
    { "OpenAI key", true, "sk-", "[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}" },
    { "Anthropic key", true, "sk-ant-", "[a-z0-9]{1,16}-[A-Za-z0-9_-]{80,}" },
    { "Groq key", true, "gsk_", "[A-Za-z0-9]{50,}" },
    { "Replicate token", true, "r8_", "[A-Za-z0-9]{37}" },
    { "Perplexity key", true, "pplx-", "[A-Za-z0-9]{40,}" },
    { "xAI key", true, "xai-", "[A-Za-z0-9]{70,}" },
    { "NVIDIA key", true, "nvapi-", "[A-Za-z0-9_-]{60,}" },
    { "Fireworks key", false, "fw_", "[A-Za-z0-9]{20,}" },
    { "Slack token", true, "xox", "[abeoprs]{1}-[A-Za-z0-9-]{10,}" },
    { "Slack webhook", true, "hooks.slack.com/services/", "T[A-Z0-9]{1,20}/B[A-Z0-9]{1,20}/[A-Za-z0-9]{20,}" },
    { "Stripe key", true, "sk_live_", "[A-Za-z0-9]{20,}" },
    { "Stripe key", true, "rk_live_", "[A-Za-z0-9]{20,}" },
    { "SendGrid key", true, "SG.", "[A-Za-z0-9_-]{22}.[A-Za-z0-9_-]{43}" },
    { "Twilio key", false, "SK", "[0-9a-f]{32}" },
    { "Mailgun key", false, "key-", "[0-9a-f]{32}" },
    { "npm token", true, "npm_", "[A-Za-z0-9]{36}" },
    { "PyPI token", true, "pypi-AgE", "[A-Za-z0-9_-]{50,}" },
    { "Docker token", true, "dckr_pat_", "[A-Za-z0-9_-]{27}" },
    { "DigitalOcean token", true, "dop_v1_", "[0-9a-f]{64}" },
    { "Vault token", true, "hvs.", "[A-Za-z0-9_-]{90,}" },
    { "Grafana token", true, "glsa_", "[A-Za-z0-9]{32}_[0-9a-f]{8}" },
    { "Databricks token", true, "dapi", "[0-9a-f]{32}" },
};

static void try_row(struct search *s, size_t row, size_t at)
{
    str t = s->text;
    size_t n = strlen(rows[row].anchor);
    if (t.n - at < n || memcmp(t.p + at, rows[row].anchor, n) != 0 || !starts_word(t, at)) return;
    size_t end = chain_end(rows[row].chain, t, at + n);
    if (!end || (end < t.n && is_word(t.p[end]))) return;
    str value = str_n(t.p + at + n, end - at - n);
    if (!is_placeholder(value) && is_random(value)) tell(s, rows[row].kind, rows[row].is_sure, at, end);
}

/* ------------------------------------------------------------------ those that need to look around */

static str around(str t, size_t at, size_t end, size_t reach)
{
    size_t from = at > reach ? at - reach : 0, to = t.n - end < reach ? t.n : end + reach;
    return str_n(t.p + from, to - from);
}

/* A run of exactly so many characters of a class. */
static bool has_run(str t, bool (*is)(char), size_t n, double bits)
{
    size_t run = 0;
    for (size_t i = 0; i <= t.n; i++) {
        if (i < t.n && is(t.p[i])) {
            run++;
            continue;
        }
        if (run == n && entropy(str_n(t.p + i - n, n)) > bits) return true;
        run = 0;
    }
    return false;
}

static void aws(struct search *s, size_t at)
{
    size_t end = chain_end("[A-Z2-7]{16}", s->text, at + 4);
    if (!starts_word(s->text, at) || !end || (end < s->text.n && is_word(s->text.p[end]))) return;
    str id = str_n(s->text.p + at, end - at);
    if (!is_placeholder(id) && is_random(id)) tell(s, "AWS key", has_run(around(s->text, at, end, NEAR), is_base64, 40, 4.0), at, end);
}

static void google_account(struct search *s, size_t at)
{
    str near = around(s->text, at, at, 4096);
    size_t type = str_find(near, STR("\"service_account\"")), key = str_find(near, STR("PRIVATE KEY-----"));
    if (type != STR_NONE && key != STR_NONE) tell(s, "Google service account", true, at, at + 1);
}

static void azure_signature(struct search *s, size_t at)
{
    size_t end = chain_end("[A-Za-z0-9%]{40,}", s->text, at + 4);
    if (!end || !starts_word(s->text, at) || str_find(around(s->text, at, end, NEAR), STR("sv=")) == STR_NONE) return;
    str value = str_n(s->text.p + at + 4, end - at - 4);
    if (!is_placeholder(value) && is_random(value)) tell(s, "Azure signature", true, at, end);
}

static bool is_azure(char c) { return is_word(c) || c == '~' || c == '.' || c == '-'; }

static void azure_secret(struct search *s, size_t at)
{
    size_t end = chain_end("[a-zA-Z0-9_~.-]{31,34}", s->text, at + 3);
    if (!end || at < 3 || (end < s->text.n && is_azure(s->text.p[end])) || (at > 3 && is_azure(s->text.p[at - 4]))) return;
    for (size_t i = at - 3; i < at; i++)
        if (!is_azure(s->text.p[i])) return;
    str value = str_n(s->text.p + at + 3, end - at - 3);
    if (!is_placeholder(value) && is_random(value)) tell(s, "Azure client secret", true, at - 3, end);
}

static void telegram(struct search *s, size_t at)
{
    size_t end = chain_end("[A-Za-z0-9_-]{33}", s->text, at + 3), from = at;
    while (from && at - from < 11 && is_digit(s->text.p[from - 1])) from--;
    if (!end || at - from < 8 || at - from > 10 || (end < s->text.n && is_url64(s->text.p[end])) || !starts_word(s->text, from)) return;
    str value = str_n(s->text.p + at + 1, end - at - 1);
    if (!is_placeholder(value) && is_random(value)) tell(s, "Telegram token", true, from, end);
}

/* Three parts around two full stops, seven bytes apart. */
static void discord(struct search *s, size_t at)
{
    size_t from = at, end = chain_end(".[A-Za-z0-9_-]{6}.[A-Za-z0-9_-]{27,38}", s->text, at);
    while (from && at - from < 29 && is_alnum(s->text.p[from - 1])) from--;
    if (!end || at - from < 24 || at - from > 28 || (from && is_url64(s->text.p[from - 1])) || (end < s->text.n && is_url64(s->text.p[end]))) return;
    str value = str_n(s->text.p + from, end - from);
    if (s->text.p[from] >= 'M' && s->text.p[from] <= 'O' && !is_placeholder(value) && is_random(value)) tell(s, "Discord token", false, from, end);
}

static void weights_and_biases(struct search *s, size_t at)
{
    size_t past = at + 5, to = s->text.n - past < 80 ? s->text.n : past + 80;
    for (size_t i = past, run = 0; i <= to; i++) {
        bool hex = i < to && is_hex(s->text.p[i]);
        if (hex) run++;
        else if (run == 40 && i - run - past <= 40 && (i == s->text.n || !is_word(s->text.p[i])) && !is_word(s->text.p[i - run - 1])) {
            str value = str_n(s->text.p + i - run, run);
            if (!is_placeholder(value) && is_random(value)) tell(s, "Weights and Biases key", false, i - run, i);
            return;
        } else run = 0;
    }
}

/* The words alone are in many a program: there must be a key behind them, and no password before it. */
static void private_key(struct search *s, size_t at)
{
    static const char *const kinds[] = { "", "RSA ", "EC ", "DSA ", "OPENSSH ", "PGP " };
    str rest = str_from(s->text, at + 11);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        str kind = str_c(kinds[i]), tail = str_from(rest, kind.n);
        if (!str_starts(rest, kind)) continue;
        size_t mark = str_starts(tail, STR("PRIVATE KEY-----")) ? 16 : str_starts(tail, STR("PRIVATE KEY BLOCK-----")) ? 22 : 0;
        if (!mark) continue;
        str body = str_to(str_from(tail, mark), 2048);
        if (str_find(str_to(body, NEAR), STR("ENCRYPTED")) != STR_NONE) return;
        size_t stop = str_find(body, STR("-----")), good = 0;
        body = str_to(body, stop);
        for (size_t k = 0; k < body.n; k++) good += is_base64(body.p[k]) || body.p[k] == '=';
        if (good < 64 || entropy(body) < 4.0) return;
        tell(s, "private key", true, at, (size_t)(body.p + body.n - s->text.p));
        return;
    }
}

static size_t url64_run(str t, size_t at)
{
    size_t n = 0;
    while (at + n < t.n && n < ENDLESS && is_url64(t.p[at + n])) n++;
    return n;
}

/* One that has run out opens nothing.  What cannot be read is none. */
static bool jwt_is_live(str payload)
{
    char text[ENDLESS + 4];
    uint8_t json[ENDLESS + 8];
    size_t n = payload.n, decoded;
    struct arena *a;
    struct json *v;
    struct err e;
    int64_t expires;
    if (n > ENDLESS) return false;
    for (size_t i = 0; i < n; i++) text[i] = payload.p[i] == '-' ? '+' : payload.p[i] == '_' ? '/' : payload.p[i];
    while (n % 4) text[n++] = '=';
    if (!base64_decode(str_n(text, n), json, &decoded)) return false;
    str words = str_n((const char *)json, decoded);
    if (str_find_nocase(words, STR("john doe")) != STR_NONE || str_find_nocase(words, STR("example")) != STR_NONE) return false;
    a = arena_new_small(1 << 20);
    bool live = json_parse(words, a, &v, &e) && (!json_int(json_get(v, STR("exp")), &expires) || expires > clock_now_ms() / 1000);
    arena_free(a);
    return live;
}

static void jwt(struct search *s, size_t at)
{
    str t = s->text;
    if (at && (is_url64(t.p[at - 1]) || t.p[at - 1] == '.')) return;
    size_t head = url64_run(t, at), body_at = at + head + 1;
    if (head < 13 || body_at >= t.n || t.p[at + head] != '.' || !str_starts(str_from(t, body_at), STR("eyJ"))) return;
    size_t body = url64_run(t, body_at), sign_at = body_at + body + 1;
    if (body < 13 || sign_at >= t.n || t.p[body_at + body] != '.') return;
    size_t sign = url64_run(t, sign_at);
    if (sign >= 10 && jwt_is_live(str_n(t.p + body_at, body))) tell(s, "JWT", false, at, sign_at + sign);
}

/* scheme://user:password@host */
static void url_password(struct search *s, size_t at)
{
    str t = s->text;
    size_t from = at, user = at + 3, colon, sign;
    while (from && at - from < 16 && (is_alnum(t.p[from - 1]) || t.p[from - 1] == '+' || t.p[from - 1] == '.' || t.p[from - 1] == '-')) from--;
    while (from < at && !(t.p[from] >= 'a' && t.p[from] <= 'z')) from++;
    if (at - from < 3) return;
    for (colon = user; colon < t.n && colon - user <= 64 && !strchr("/:@?#\"'`<>()[]{}|\\,;", t.p[colon]) && !is_blank(t.p[colon]) && t.p[colon]; colon++) continue;
    if (colon >= t.n || t.p[colon] != ':' || colon == user) return;
    for (sign = colon + 1; sign < t.n && sign - colon <= 129 && !strchr("/:@\"'`<>()[]{}|\\,;", t.p[sign]) && !is_blank(t.p[sign]) && t.p[sign]; sign++) continue;
    if (sign >= t.n || t.p[sign] != '@' || sign - colon < 4) return;
    str value = str_n(t.p + colon + 1, sign - colon - 1);
    bool host = sign + 1 < t.n && is_alnum(t.p[sign + 1]), has_digit = false;
    for (size_t i = 0; i < value.n; i++) has_digit |= !((value.p[i] >= 'a' && value.p[i] <= 'z') || (value.p[i] >= 'A' && value.p[i] <= 'Z') || value.p[i] == '_');
    if (host && has_digit && value.p[0] != '$' && value.p[0] != '%' && !is_placeholder(value)) tell(s, "password in a URL", false, from, sign);
}

static const struct {
    const char *anchor;
    void (*look)(struct search *s, size_t at);
} looks[] = {
    { "AKIA", aws },
    { "ASIA", aws },
    { "ABIA", aws },
    { "ACCA", aws },
    { "\"private_key_id\"", google_account },
    { "sig=", azure_signature },
    { "8Q~", azure_secret },
    { ":AA", telegram },
    { "wandb", weights_and_biases },
    { "WANDB", weights_and_biases },
    { "-----BEGIN ", private_key },
    { "eyJ", jwt },
    { "://", url_password },
};

/* What a row of either table will tell by its right name. */
static bool starts_known(str t, size_t at)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_starts(str_from(t, at), str_c(rows[i].anchor))) return true;
    for (size_t i = 0; i < COUNT(looks); i++)
        if (str_starts(str_from(t, at), str_c(looks[i].anchor))) return true;
    return false;
}

/* api_key = "..": a word for a secret, : or =, and a quoted value that is as random as a secret is. */
static void assigned(struct search *s, size_t at)
{
    static const char *const words[] = { "api_key", "api-key", "apikey", "secret", "token", "passwd", "password" };
    str t = s->text;
    size_t end = at, from, stop;
    bool named = false;
    while (end && at - end < 8 && (t.p[end - 1] == ' ' || t.p[end - 1] == '\t')) end--;
    if (end && (t.p[end - 1] == '"' || t.p[end - 1] == '\'')) end--;
    if (end && t.p[end - 1] == '\\') end--;
    for (size_t i = 0; !named && i < COUNT(words); i++) named = str_ends_nocase(str_n(t.p, end), str_c(words[i]));
    if (!named) return;
    for (from = at + 1; from < t.n && from - at < 16 && (t.p[from] == ' ' || t.p[from] == '\t' || t.p[from] == '\\'); from++) continue;
    if (from >= t.n || (t.p[from] != '"' && t.p[from] != '\'')) return;
    for (stop = ++from; stop < t.n && stop - from <= 512 && t.p[stop] != '"' && t.p[stop] != '\'' && t.p[stop] != '\\' && !is_blank(t.p[stop]); stop++) continue;
    if (stop >= t.n || stop - from > 512 || stop - from < 16 || (t.p[stop] != '"' && t.p[stop] != '\'' && t.p[stop] != '\\')) return;
    str value = str_n(t.p + from, stop - from);
    size_t hex = 0, digits = 0;
    for (size_t i = 0; i < value.n; i++) hex += is_hex(value.p[i]), digits += is_digit(value.p[i]);
    /* Paths, addresses and special tokens are quoted as secrets are. */
    if (!digits || str_find(value, STR("://")) != STR_NONE || str_chr(value, '(') != STR_NONE || str_chr(value, '|') != STR_NONE || str_chr(value, '/') == 0) return;
    if (!starts_known(t, from) && !is_placeholder(value) && entropy(value) > (hex == value.n ? 3.0 : 3.5)) tell(s, "secret in quotes", false, from, stop);
}

/* ------------------------------------------------------------------ the pass */

struct pairs {
    uint64_t bit[65536 / 64];
};
static unsigned pair_of(const char *p) { return (unsigned)(uint8_t)p[0] << 8 | (uint8_t)p[1]; }
static void pair_add(struct pairs *p, const char *anchor) { p->bit[pair_of(anchor) / 64] |= UINT64_C(1) << pair_of(anchor) % 64; }

void secret_search(str text, bool sure_only, secret_fn *fn, void *ctx)
{
    struct search s = { .text = text, .sure_only = sure_only, .fn = fn, .ctx = ctx, .line = 1 };
    struct pairs pairs = { { 0 } };
    for (size_t i = 0; i < COUNT(rows); i++) pair_add(&pairs, rows[i].anchor);
    for (size_t i = 0; i < COUNT(looks); i++) pair_add(&pairs, looks[i].anchor);
    for (size_t at = 0; at + 1 < text.n && !s.stop; at++) {
        char c = text.p[at];
        unsigned pair = pair_of(text.p + at);
        if (pairs.bit[pair / 64] >> pair % 64 & 1) {
            for (size_t i = 0; i < COUNT(rows); i++)
                if (rows[i].anchor[0] == c) try_row(&s, i, at);
            for (size_t i = 0; i < COUNT(looks); i++)
                if (str_starts(str_from(text, at), str_c(looks[i].anchor))) looks[i].look(&s, at);
        }
        if (sure_only) continue;
        if (c == ':' || c == '=') assigned(&s, at);
        if (c == '.' && text.n - at > 7 && text.p[at + 7] == '.') discord(&s, at);
    }
}
