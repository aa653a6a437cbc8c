/* http/client.c - see http/client.h: libcurl, driven by its multi interface, which a signal's flag can end between two waits. */
#include "http/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "http/guard.h"

enum { WAIT_MS = 100, QUIET_S = 60, CONNECT_S = 20, REDIRECTS_MAX = 5 };

struct exchange {
    const struct http_client_request *q;
    CURL *easy;
    bool was_guarded, was_let; /* an address was refused; one was not */
    struct curl_slist *headers;
    bool was_refused; /* by take() */
    char why[CURL_ERROR_SIZE];
};

static int status_of(const struct exchange *x)
{
    long status = 0;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static size_t on_body(char *p, size_t one, size_t n, void *ctx)
{
    struct exchange *x = ctx;
    if (x->q->take(x->q->ctx, status_of(x), str_n(p, one * n))) return one * n;
    x->was_refused = true;
    return 0;
}

static void add_header(struct exchange *x, const char *line) { x->headers = curl_slist_append(x->headers, line); }

static curl_socket_t open_guarded(void *ctx, curlsocktype purpose, struct curl_sockaddr *at)
{
    struct exchange *x = ctx;
    (void)purpose;
    if (!(x->q->is_guarded ? http_guard_allows(&at->addr) : http_guard_is_public(&at->addr))) {
        x->was_guarded = true;
        return CURL_SOCKET_BAD;
    }
    x->was_let = true;
    return socket(at->family, at->socktype, at->protocol);
}

/* By curl's own rules, of which the lower-case name of http is one. */
bool http_client_has_proxy(void) { return getenv("http_proxy") || getenv("https_proxy") || getenv("HTTPS_PROXY") || getenv("all_proxy") || getenv("ALL_PROXY"); }

static void set_up(struct exchange *x, struct arena *a)
{
    const struct http_client_request *q = x->q;
    CURL *c = x->easy;
    curl_easy_setopt(c, CURLOPT_URL, q->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "hearth/" HEARTH_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    if (q->total_s) curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)q->total_s);
    if (q->is_guarded) curl_easy_setopt(c, CURLOPT_PROXY, "");
    if (q->is_guarded || (q->is_kept_out && !http_client_has_proxy())) {
        curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_guarded);
        curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, x);
    }
    bool has_type = false;
    for (size_t i = 0; q->header && q->header[i]; i++) {
        add_header(x, q->header[i]);
        has_type = has_type || str_starts_nocase(str_c(q->header[i]), STR("Content-Type:"));
    }
    if (q->follows) {
        curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
        curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    }
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)(q->quiet_s ? q->quiet_s : QUIET_S));
    if (q->token.p) add_header(x, arena_fmt(a, "Authorization: Bearer %.*s", STR_ARG(q->token)).p);
    if (q->json.p || q->form.p) {
        str body = q->json.p ? q->json : q->form;
        if (!has_type) add_header(x, q->json.p ? "Content-Type: application/json" : "Content-Type: application/x-www-form-urlencoded");
        add_header(x, "Expect:"); /* no round trip for a body that is short anyway */
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.p);
    }
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers);
}

static bool is_stopped(const struct exchange *x) { return x->q->stop && __atomic_load_n(x->q->stop, __ATOMIC_RELAXED); } /* of a signal, or of another thread */

/* CURLE_OK, or why not. */
static CURLcode drive(struct exchange *x, CURLM *multi)
{
    int running = 1, left;
    while (running && !is_stopped(x)) {
        if (curl_multi_perform(multi, &running) != CURLM_OK || (running && curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL) != CURLM_OK)) return CURLE_FAILED_INIT;
    }
    if (running) return CURLE_ABORTED_BY_CALLBACK;
    const CURLMsg *m = curl_multi_info_read(multi, &left);
    return m ? m->data.result : CURLE_FAILED_INIT;
}

static bool refuse(const struct exchange *x, CURLcode code, struct err *e)
{
    if (x->was_guarded && !x->was_let)
        return err_set(e, ERR_DENIED, "%s: leads to an address or a port that may not be asked", x->q->url);
    const char *why = x->why[0] ? x->why : curl_easy_strerror(code);
    str url = str_c(x->q->url);
    if (str_chr(url, '?') != STR_NONE) url = str_to(url, str_chr(url, '?')); /* the rest may be a signature */
    if (code == CURLE_ABORTED_BY_CALLBACK || x->was_refused) return err_set(e, ERR_CLOSED, "the request to %.*s was given up", STR_ARG(url));
    return err_set(e, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_IO, "%.*s: %s", STR_ARG(url), why);
}

static void initialise(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

bool http_client_run(const struct http_client_request *q, int *status, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, initialise);
    struct arena *a = arena_new(0);
    struct exchange x = { .q = q, .easy = curl_easy_init() };
    CURLM *multi = curl_multi_init();
    must(x.easy && multi); /* no memory */
    set_up(&x, a);
    curl_multi_add_handle(multi, x.easy);
    CURLcode code = drive(&x, multi);
    *status = status_of(&x);
    bool ok = code == CURLE_OK || refuse(&x, code, e);
    curl_multi_remove_handle(multi, x.easy);
    curl_multi_cleanup(multi);
    curl_easy_cleanup(x.easy);
    curl_slist_free_all(x.headers);
    arena_free(a);
    return ok;
}
