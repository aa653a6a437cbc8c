/* space/environment.c - what an app finds in its environment, and what a build does: nothing of ours, and in a build nothing secret. */
#include "base/log.h"
#include "hub/index/list.h"
#include "hub/space_setting.h"
#include "space/space_priv.h"

static const char certificates[] = "/etc/ssl/certs/ca-certificates.crt";

static void put(struct environment *v, str name, str value)
{
    if (v->n < APP_ENV_MAX && str_chr(value, 0) == STR_NONE) v->at[v->n++] = arena_fmt(v->a, "%.*s=%.*s", STR_ARG(name), STR_ARG(value)).p;
    v->at[v->n] = NULL;
}

static void put_c(struct environment *v, const char *name, const char *value) { put(v, str_c(name), str_c(value)); }

static void put_more(void *to, str name, str value, bool is_secret)
{
    struct environment *v = to;
    put(v, name, value);
    if (is_secret && v->secrets < APP_ENV_MAX) v->secret[v->secrets++] = arena_dup(v->a, value);
}

/* What every program needs, and how it reaches the world. */
static void put_common(struct app *a, struct environment *v, const char *path)
{
    static const char *const proxy[] = { "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy" };
    static const char *const bundle[] = { "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT" };
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", JAIL_PROXY_PORT);
    put_c(v, "PATH", path);
    put_c(v, "HOME", "/home/user");
    put_c(v, "USER", "user");
    put_c(v, "LANG", "C.UTF-8");
    put_c(v, "TMPDIR", "/tmp");
    put_c(v, "PYTHONUNBUFFERED", "1");
    for (size_t i = 0; i < COUNT(proxy); i++) put_c(v, proxy[i], url);
    put_c(v, "NO_PROXY", "127.0.0.1,localhost,::1,0.0.0.0");
    put_c(v, "no_proxy", "127.0.0.1,localhost,::1,0.0.0.0");
    for (size_t i = 0; i < COUNT(bundle); i++) put_c(v, bundle[i], certificates);
    if (a->s->house.port) put_c(v, "HF_ENDPOINT", "http://" EGRESS_HUB);
}

static bool put_settings(struct app *a, struct environment *v, struct err *e)
{
    struct space_setting *list;
    size_t n;
    struct db_conn *c = db_reader(hub_db(a->s->hub));
    bool ok = space_setting_open(a->s->hub, c, &a->repo, v->a, &list, &n, e);
    db_give(hub_db(a->s->hub), c);
    for (size_t i = 0; ok && i < n; i++) put_more(v, list[i].name, list[i].value, list[i].is_secret);
    return ok;
}

static bool put_identity(struct app *a, struct environment *v, struct err *e)
{
    struct account creator;
    struct space_house *house = &a->s->house;
    put(v, STR("SPACE_ID"), a->repo.full_name);
    put(v, STR("SPACE_AUTHOR_NAME"), a->repo.owner);
    put(v, STR("SPACE_REPO_NAME"), a->repo.name);
    put(v, STR("SPACE_TITLE"), a->plan.title);
    if (house->host_of) put(v, STR("SPACE_HOST"), house->host_of(house->ctx, &a->repo, v->a));
    struct err ignored;
    struct db_conn *c = db_reader(hub_db(a->s->hub));
    bool known = a->repo.creator_id && account_get(c, a->repo.creator_id, &creator, v->a, &ignored);
    if (known) put(v, STR("SPACE_CREATOR_USER_ID"), creator.hex_id);
    db_give(hub_db(a->s->hub), c);
    return !house->environment || house->environment(house->ctx, &a->repo, put_more, v, e);
}

bool environment_of_app(struct app *a, const char *venv, struct environment *v, struct err *e)
{
    char number[32];
    *v = (struct environment){ .a = v->a };
    put_common(a, v, venv ? "/venv/bin:/usr/local/bin:/usr/bin:/bin" : "/usr/local/bin:/usr/bin:/bin");
    if (venv) put_c(v, "VIRTUAL_ENV", "/venv");
    put_c(v, "HF_HOME", "/home/user/.cache/huggingface");
    put_c(v, "ACCELERATOR", "none");
    put_c(v, "CPU_CORES", "2");
    snprintf(number, sizeof number, "%lluMi", (unsigned long long)(a->s->config.memory_bytes >> 20));
    put_c(v, "MEMORY", number);
    if (a->plan.sdk == SPACE_GRADIO) {
        put_c(v, "SYSTEM", "spaces");
        put_c(v, "GRADIO_SERVER_NAME", "0.0.0.0");
        put_c(v, "GRADIO_SERVER_PORT", "7860");
        put_c(v, "GRADIO_NUM_PORTS", "1");
        put_c(v, "GRADIO_ALLOW_FLAGGING", "never");
        put_c(v, "GRADIO_THEME", "huggingface");
        put_c(v, "GRADIO_ANALYTICS_ENABLED", "False");
    }
    return put_identity(a, v, e) && put_settings(a, v, e);
}

void environment_of_build(struct app *a, struct environment *v)
{
    *v = (struct environment){ .a = v->a };
    put_common(a, v, "/usr/local/bin:/usr/bin:/bin");
    put_c(v, "PIP_NO_INPUT", "1");
    put_c(v, "PIP_NO_CACHE_DIR", "1");
    put_c(v, "PIP_DISABLE_PIP_VERSION_CHECK", "1");
    str index = a->s->config.python_index;
    if (index.n && index.p[0] == '/') {
        put_c(v, "PIP_NO_INDEX", "1");
        put(v, STR("PIP_FIND_LINKS"), index);
    } else if (index.n) {
        put(v, STR("PIP_INDEX_URL"), index);
    }
}
