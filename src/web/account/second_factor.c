/* web/account/second_factor.c - /settings/second-factor: turning the second factor on and off, and other recovery codes.
 *
 * The page brings a fresh secret each time that it is asked for, and its form brings that back with a code of it: so nothing is kept of who
 * only looked.  Whoever sends it must know the password, too, and so a borrowed browser locks nobody out. */
#include "hub/second_factor.h"
#include "web/account/account.h"
#include "web/account/qr.h"

struct shown { /* above and in the form */
    struct account_refusal refusal;
    str done, secret;    /* the secret of a form that was refused */
    const str *recovery; /* fresh ones, or NULL */
};

static str in_groups(str s, char between, struct arena *a)
{
    char *out = arena_alloc(a, 2 * s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (i && i % 4 == 0) out[n++] = between;
        out[n++] = s.p[i];
    }
    return str_n(out, n);
}

/* What authenticator apps read.  The issuer has the host's name, so that accounts of several Hearths can be told apart; digest, digits and
 * period are those that are meant where nothing is said. */
static str uri_of(struct call *c, str secret)
{
    str base = call_base_url(c), host = str_from(base, str_find(base, STR("://")) + 3);
    struct buf b = BUF_INIT(0);
    str issuer = arena_fmt(c->a, "Hearth %.*s", STR_ARG(str_to(host, host.n && host.p[0] == '[' ? 0 : str_chr(host, ':'))));
    issuer = str_trim(issuer); /* an IPv6 address would bring colons, which stand between issuer and name */
    buf_lit(&b, "otpauth://totp/");
    http_encode(&b, issuer, "");
    buf_byte(&b, ':');
    http_encode(&b, c->who.name, "");
    buf_addf(&b, "?secret=%.*s&issuer=", STR_ARG(secret));
    http_encode(&b, issuer, "");
    str out = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static bool write_enrolment(struct page *p, str secret, struct err *e)
{
    struct call *c = p->c;
    struct buf svg = BUF_INIT(0);
    str uri = uri_of(c, secret);
    if (!qr_svg(uri, STR("QR code with the secret, for an authenticator app"), &svg, e)) return false;
    page_give_html(p, "qr", &svg);
    jw_kstr(&p->w, "uri", uri);
    jw_kstr(&p->w, "secret", secret);
    jw_kstr(&p->w, "secret_in_groups", in_groups(secret, ' ', c->a));
    return true;
}

static bool factor_page(struct call *c, const struct shown *s, struct err *e)
{
    struct second_factor factor = { 0 };
    bool has_password, is_on;
    if (!account_has_password(call_db(c), c->who.user_id, &has_password, e) ||
        !second_factor_find(call_db(c), c->who.user_id, &factor, &is_on, c->a, e)) return false;
    struct page *p = page_new(c, STR("Second factor"));
    jw_kbool(&p->w, "has_password", has_password);
    jw_kbool(&p->w, "is_on", is_on);
    jw_kint(&p->w, "since_ms", factor.created_ms);
    jw_kint(&p->w, "codes_left", factor.codes_left);
    jw_kstr(&p->w, "done", s->done.p ? s->done : STR(""));
    jw_kstr(&p->w, "problem_text", s->refusal.text.p ? s->refusal.text : STR(""));
    jw_karray(&p->w, "recovery");
    for (size_t i = 0; s->recovery && i < RECOVERY_CODES; i++) jw_str(&p->w, in_groups(s->recovery[i], '-', c->a));
    jw_array_end(&p->w);
    if (has_password && !is_on && !write_enrolment(p, s->secret.n ? s->secret : second_factor_secret(c->a), e)) return false;
    http_add_header(c->http, "Cache-Control", STR("no-store")); /* secrets stand in it */
    return page_reply(p, s->refusal.text.n ? s->refusal.status : 200, "account/second_factor.html", e);
}

static bool get_factor(struct call *c, struct err *e) { return account_need_session(c, e) && factor_page(c, &(struct shown){ 0 }, e); }

static bool post_on(struct call *c, struct err *e)
{
    static const struct account_refusal wrong = { 403, STR_INIT("This is not the code that the app shows now. If it goes on like this, "
                                                                "compare the clocks of both machines.") };
    str recovery[RECOVERY_CODES], code = page_text(c, "code");
    struct shown s = { .secret = page_text(c, "secret") };
    struct db_conn *tx;
    bool right;
    if (!account_need_session(c, e) || !account_own_password(c, "password", &s.refusal, e)) return false;
    if (s.refusal.text.n) return factor_page(c, &s, e);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = second_factor_turn_on(c->hub, tx, &c->who, s.secret, code, call_peer(c), &right, recovery, c->a, e) &&
              (!right || session_end_others(tx, c->who.user_id, c->session, e)); /* they had begun without a code */
    if (!page_commit(c, ok, tx, e)) return false;
    if (!right) s.refusal = wrong;
    else s.recovery = recovery, s.done = STR("The second factor is on. All other browsers have been signed out.");
    return factor_page(c, &s, e);
}

/* ------------------------------------------------------------------ what asks for the password and a code */

bool account_check_code(struct call *c, struct db_conn *tx, const struct identity *who, struct account_refusal *out, struct err *e)
{
    struct err why;
    bool right;
    *out = (struct account_refusal){ 0 };
    if (!second_factor_check(c->hub, tx, who, page_text(c, "code"), call_peer(c), &right, c->a, &why)) {
        if (why.code != ERR_BUSY && why.code != ERR_CONFLICT) {
            *e = why;
            return false;
        }
        *out = (struct account_refusal){ api_status_of(&why), arena_dup(c->a, str_c(why.msg)) };
    } else if (!right) {
        *out = (struct account_refusal){ 403, STR("This code is not right, or was used before. The app shows another one every half minute.") };
    }
    return true;
}

static bool change(struct call *c, bool (*act)(struct call *c, struct db_conn *tx, struct shown *s, struct err *e), struct err *e)
{
    struct shown s = { 0 };
    struct db_conn *tx;
    if (!account_need_session(c, e) || !account_own_password(c, "password", &s.refusal, e)) return false;
    if (s.refusal.text.n) return factor_page(c, &s, e);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = account_check_code(c, tx, &c->who, &s.refusal, e) && (s.refusal.text.n || act(c, tx, &s, e));
    return page_commit(c, ok, tx, e) && factor_page(c, &s, e);
}

static bool turn_off(struct call *c, struct db_conn *tx, struct shown *s, struct err *e)
{
    bool was_on;
    s->done = STR("The second factor is off: the password alone signs you in.");
    return second_factor_turn_off(tx, &c->who, c->who.user_id, call_peer(c), &was_on, e);
}

static bool renew_codes(struct call *c, struct db_conn *tx, struct shown *s, struct err *e)
{
    str *recovery = arena_alloc(c->a, RECOVERY_CODES * sizeof *recovery);
    s->recovery = recovery;
    s->done = STR("These are your recovery codes. Those that you had before work no more.");
    return second_factor_renew_codes(tx, &c->who, call_peer(c), recovery, c->a, e);
}

static bool post_off(struct call *c, struct err *e) { return change(c, turn_off, e); }
static bool post_codes(struct call *c, struct err *e) { return change(c, renew_codes, e); }

static const struct api_route rows[] = {
    { HTTP_GET, "/settings/second-factor", PERM_USER, HTTP_BODY_NONE, 0, 0, get_factor, "page.factor", SHAPE_PAGE },
    { HTTP_POST, "/settings/second-factor", PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_on, "page.factor.on", SHAPE_PAGE },
    { HTTP_POST, "/settings/second-factor/off", PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_off, "page.factor.off", SHAPE_PAGE },
    { HTTP_POST, "/settings/second-factor/codes", PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_codes, "page.factor.codes", SHAPE_PAGE },
};
const struct api_table web_second_factor = API_TABLE(rows);
