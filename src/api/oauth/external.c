/* api/oauth/external.c - see api/oauth/external.h. */
#include "api/oauth/external.h"

#include <pthread.h>
#include <stdatomic.h>

#include "account/jwt.h"
#include "base/clock.h"
#include "base/hash.h"
#include "http/client.h"
#include "http/http.h"

enum { DOCUMENT_MAX = 1 << 20, QUIET_S = 10, TOTAL_S = 20, SKEW_S = 120, ASKING_MAX = 8 };
static const int64_t keep_ms = 3600 * 1000, keys_again_ms = 60 * 1000; /* an unknown key may be a new one: asked once a minute at most */

struct external {
    struct external_config config;
    struct arena *arena;
    pthread_mutex_t lock; /* of what follows: texts of the documents, and when they were fetched */
    char *about, *keys;
    int64_t about_ms, keys_ms;
    _Atomic int asking; /* requests that wait for the provider: each holds a thread, and anybody can begin to sign in */
};

static bool is_address(str s) { return str_starts(s, STR("https://")) || str_starts(s, STR("http://")); }

bool external_new(const struct external_config *config, struct external **out, struct err *e)
{
    if (!is_address(config->issuer) || str_chr(config->issuer, '?') != STR_NONE || str_chr(config->issuer, '#') != STR_NONE)
        return err_set(e, ERR_INVALID, "oidc-issuer: \"%.*s\" is no address of an OpenID provider", STR_ARG(config->issuer));
    if (!config->client_id.n) return err_set(e, ERR_INVALID, "oidc-issuer needs oidc-client-id");
    struct external *x = mem_one(struct external);
    struct arena *a = x->arena = arena_new(0);
    x->config = (struct external_config){ arena_dup(a, config->issuer), arena_dup(a, config->client_id), arena_dup(a, config->client_secret),
                                          arena_dup(a, config->domains), arena_dup(a, config->name_claim), arena_dup(a, config->scim_claim),
                                          arena_dup(a, config->label) };
    pthread_mutex_init(&x->lock, NULL);
    *out = x;
    return true;
}

void external_free(struct external *x)
{
    if (!x) return;
    pthread_mutex_destroy(&x->lock);
    mem_free(x->about);
    mem_free(x->keys);
    arena_free(x->arena);
    mem_free(x);
}

str external_label(const struct external *x) { return x->config.label; }
str external_issuer(const struct external *x) { return x->config.issuer; }

void external_secret(char out[EXTERNAL_SECRET + 1]) { random_alnum(out, EXTERNAL_SECRET); }

/* State, nonce and verifier: 64 hexadecimal digits each. */
static str derived(str secret, const char *what, struct arena *a)
{
    struct sha256 mac;
    char *text = arena_alloc(a, SHA256_HEX + 1);
    hmac_sha256(bytes_of(secret), bytes_of(str_c(what)), &mac);
    hex_encode((bytes){ mac.b, SHA256_BYTES }, text);
    return str_n(text, SHA256_HEX);
}

/* ------------------------------------------------------------------ the provider's documents */

static bool collect(void *ctx, int status, str piece)
{
    struct buf *b = ctx;
    (void)status;
    buf_add(b, piece);
    return !b->failed;
}

static bool fetch(struct external *x, struct http_client_request *q, int wanted, str *out, struct arena *a, struct err *e)
{
    struct buf b = BUF_INIT(DOCUMENT_MAX);
    int status;
    q->quiet_s = QUIET_S;
    q->total_s = TOTAL_S;
    q->take = collect;
    q->ctx = &b;
    bool ok = atomic_fetch_add(&x->asking, 1) < ASKING_MAX ||
              err_set(e, ERR_BUSY, "Many are signing in through the other provider just now, and it is slow. Try again in some seconds.");
    ok = ok && http_client_run(q, &status, e);
    atomic_fetch_sub(&x->asking, 1);
    if (ok && status != wanted)
        ok = err_set(e, ERR_IO, "the OpenID provider answered %d at %s: %.*s", status, q->url, STR_ARG(str_to(buf_str(&b), 300)));
    if (ok) *out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return ok;
}

/* A copy of what is kept, or what is fetched now; `not_older`: it must have been fetched since. */
static bool document(struct external *x, char **kept, int64_t *kept_ms, str url, int64_t not_older, struct json **out, struct arena *a, struct err *e)
{
    str text = { 0 };
    pthread_mutex_lock(&x->lock);
    if (*kept && *kept_ms >= not_older) text = arena_dup(a, str_c(*kept));
    pthread_mutex_unlock(&x->lock);
    if (text.p) return json_parse(text, a, out, e);
    struct http_client_request q = { .url = arena_cstr(a, url) };
    if (!fetch(x, &q, 200, &text, a, e) || !json_parse(text, a, out, e)) return e->code != ERR_BUSY && err_context(e, "%.*s", STR_ARG(url));
    pthread_mutex_lock(&x->lock);
    mem_free(*kept);
    *kept = mem_dup(text);
    *kept_ms = clock_now_ms();
    pthread_mutex_unlock(&x->lock);
    return true;
}

static bool about(struct external *x, struct json **out, struct arena *a, struct err *e)
{
    str issuer = x->config.issuer;
    str base = str_ends(issuer, STR("/")) ? str_to(issuer, issuer.n - 1) : issuer;
    str url = arena_fmt(a, "%.*s/.well-known/openid-configuration", STR_ARG(base));
    if (!document(x, &x->about, &x->about_ms, url, clock_now_ms() - keep_ms, out, a, e)) return false;
    return str_eq(json_str_or(*out, STR("issuer"), STR("")), issuer) ||
           err_set(e, ERR_IO, "%.*s names another issuer than the configured %.*s", STR_ARG(url), STR_ARG(issuer));
}

/* An address of the document, of the issuer's scheme: a secure provider leads nowhere insecure. */
static bool endpoint(struct external *x, const struct json *doc, const char *name, str *out, struct err *e)
{
    *out = json_str_or(doc, str_c(name), STR(""));
    bool ok = str_starts(*out, STR("https://")) || (str_starts(*out, STR("http://")) && str_starts(x->config.issuer, STR("http://")));
    return ok || err_set(e, ERR_IO, "the OpenID provider's %s is no address that can be used", name);
}

/* ------------------------------------------------------------------ there */

static void add_pair(struct buf *b, const char *name, str value)
{
    if (b->n && b->p[b->n - 1] != '?') buf_byte(b, '&');
    buf_addf(b, "%s=", name);
    http_encode(b, value, "");
}

bool external_begin(struct external *x, str secret, str redirect_uri, str *url, struct arena *a, struct err *e)
{
    struct json *doc;
    struct buf b = BUF_INIT(0), challenge = BUF_INIT(0);
    str to, verifier = derived(secret, "verifier", a);
    if (!about(x, &doc, a, e) || !endpoint(x, doc, "authorization_endpoint", &to, e)) return false;
    struct sha256 digest = sha256_of(bytes_of(verifier));
    buf_base64url(&challenge, (bytes){ digest.b, SHA256_BYTES });
    buf_add(&b, to);
    buf_byte(&b, str_chr(to, '?') == STR_NONE ? '?' : '&');
    add_pair(&b, "response_type", STR("code"));
    add_pair(&b, "client_id", x->config.client_id);
    add_pair(&b, "redirect_uri", redirect_uri);
    add_pair(&b, "scope", STR("openid profile email"));
    add_pair(&b, "state", derived(secret, "state", a));
    add_pair(&b, "nonce", derived(secret, "nonce", a));
    add_pair(&b, "code_challenge", buf_str(&challenge));
    add_pair(&b, "code_challenge_method", STR("S256"));
    *url = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    buf_deinit(&challenge);
    return true;
}

/* ------------------------------------------------------------------ and back */

static bool redeem(struct external *x, const struct json *doc, str secret, str redirect_uri, str code, str *id_token, struct arena *a, struct err *e)
{
    struct buf form = BUF_INIT(0), basic = BUF_INIT(0);
    str url, answer;
    struct json *got;
    const struct external_config *c = &x->config;
    if (!endpoint(x, doc, "token_endpoint", &url, e)) return false;
    add_pair(&form, "grant_type", STR("authorization_code"));
    add_pair(&form, "code", code);
    add_pair(&form, "redirect_uri", redirect_uri);
    add_pair(&form, "code_verifier", derived(secret, "verifier", a));
    if (!c->client_secret.n) add_pair(&form, "client_id", c->client_id);
    http_encode(&basic, c->client_id, ""); /* RFC 6749 2.3.1: coded as a form, then joined */
    buf_byte(&basic, ':');
    http_encode(&basic, c->client_secret, "");
    struct buf coded = BUF_INIT(0);
    buf_base64(&coded, bytes_of(buf_str(&basic)));
    const char *header[] = { arena_fmt(a, "Authorization: Basic %.*s", STR_ARG(buf_str(&coded))).p, NULL };
    struct http_client_request q = { .url = arena_cstr(a, url), .form = arena_dup(a, buf_str(&form)), .header = c->client_secret.n ? header : NULL };
    buf_deinit(&form);
    buf_deinit(&basic);
    buf_deinit(&coded);
    if (!fetch(x, &q, 200, &answer, a, e) || !json_parse(answer, a, &got, e)) return e->code != ERR_BUSY && err_context(e, "the provider's token");
    return json_str(json_get(got, STR("id_token")), id_token) || err_set(e, ERR_IO, "the OpenID provider sent no id_token");
}

static bool open_token(struct external *x, const struct json *doc, str token, const struct json **claims, struct arena *a, struct err *e)
{
    struct json *keys;
    struct err why;
    str url;
    int64_t now = clock_now_ms();
    if (!endpoint(x, doc, "jwks_uri", &url, e) || !document(x, &x->keys, &x->keys_ms, url, now - keep_ms, &keys, a, e)) return false;
    if (jwt_open(token, keys, a, claims, &why)) return true;
    return document(x, &x->keys, &x->keys_ms, url, now - keys_again_ms, &keys, a, e) && jwt_open(token, keys, a, claims, e);
}

static bool is_of_domains(str domains, str email)
{
    size_t at = str_rchr(email, '@');
    str rest = domains, domain;
    if (!domains.n) return true;
    if (at == STR_NONE) return false;
    while (str_cut(&rest, ',', &domain))
        if (str_eq_nocase(str_trim(domain), str_from(email, at + 1))) return true;
    return false;
}

bool external_answers(str secret, const struct external_answer *answer, struct arena *a, struct err *e)
{
    return bytes_eq_secret(bytes_of(answer->state), bytes_of(derived(secret, "state", a))) ||
           err_set(e, ERR_DENIED, "This answer belongs to another attempt to sign in. Begin anew.");
}

bool external_finish(struct external *x, str secret, str redirect_uri, const struct external_answer *answer, struct external_person *out,
                     struct arena *a, struct err *e)
{
    struct json *doc;
    const struct json *claims;
    str token, issuer = x->config.issuer;
    if (answer->issuer.p && !str_eq(answer->issuer, issuer)) return err_set(e, ERR_DENIED, "This answer is of another provider. Begin anew.");
    if (!answer->code.n) return err_set(e, ERR_DENIED, "The provider did not sign you in.");
    if (!about(x, &doc, a, e) || !redeem(x, doc, secret, redirect_uri, answer->code, &token, a, e) || !open_token(x, doc, token, &claims, a, e)) return false;
    struct jwt_expected want = { issuer, x->config.client_id, derived(secret, "nonce", a), clock_now_ms() / 1000, SKEW_S };
    if (!jwt_check(claims, &want, e)) return false;
    str email = json_bool_or(claims, STR("email_verified"), false) ? json_str_or(claims, STR("email"), STR("")) : STR("");
    if (!is_of_domains(x->config.domains, email)) {
        return err_set(e, ERR_DENIED, "Only people with a verified mail address of this house may sign in here.");
    }
    str name = json_str_or(claims, x->config.name_claim, json_str_or(claims, STR("preferred_username"), email));
    *out = (struct external_person){ issuer, json_str_or(claims, STR("sub"), STR("")), name, json_str_or(claims, STR("name"), STR("")), email,
                                     json_str_or(claims, x->config.scim_claim, STR("")) };
    return true;
}
