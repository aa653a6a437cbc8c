/* web/repo/space/space.c - the frame that a Space is seen in, its stage, its logs, and the buttons of its owner.
 *
 * The frame shows the Space's own host, another origin, which this page's policy names and nothing else.  Who may see a private Space is let
 * in there by a pass in the address (api/space/visit.c). */
#include "api/space/space_api.h"
#include "base/clock.h"
#include "space/space.h"
#include "web/repo/space/space.h"

enum { FORM_BYTES_MAX = 4 << 10, LOG_BYTES_MAX = 256 << 10, PASS_STEP_S = 600 };

/* In the order of enum space_stage. */
static const struct { const char *words, *tone; bool is_framed; } stages[SPACE_STAGES] = {
    [SPACE_NO_APP_FILE] = { "nothing to run yet", "", false },
    [SPACE_CONFIG_ERROR] = { "card not understood", "bad", false },
    [SPACE_BUILDING] = { "building", "busy", true },
    [SPACE_BUILD_ERROR] = { "build failed", "bad", false },
    [SPACE_APP_STARTING] = { "starting", "busy", true },
    [SPACE_RUNNING] = { "running", "good", true },
    [SPACE_RUNNING_BUILDING] = { "running, new version building", "good", true },
    [SPACE_RUNNING_APP_STARTING] = { "running, new version starting", "good", true },
    [SPACE_RUNTIME_ERROR] = { "failed", "bad", false },
    [SPACE_SLEEPING] = { "sleeping", "", true },
    [SPACE_PAUSED] = { "paused", "", false },
    [SPACE_STOPPED] = { "not running", "", false },
};

/* The Space's address, as this visitor opens it: with a pass, what the card says is first, and what was asked of this page. */
static str frame_url(struct call *c, str url, str base_path)
{
    struct buf b = BUF_INIT(0);
    str query = http_query_raw(c->http);
    buf_add(&b, url);
    buf_add(&b, base_path.n && base_path.p[0] == '/' ? base_path : STR("/"));
    char sep = str_chr(base_path, '?') == STR_NONE ? '?' : '&';
    if (c->repo.is_private) {
        int64_t now_s = clock_now_ms() / 1000, ends_s = (now_s / PASS_STEP_S + 1) * PASS_STEP_S + SPACE_PASS_S; /* the page stays the same for a while */
        str pass = space_pass(c, &c->repo, ends_s);
        buf_addf(&b, "%c__sign=%.*s", sep, STR_ARG(pass));
        sep = '&';
    }
    if (query.n) buf_addf(&b, "%c%.*s", sep, STR_ARG(query));
    str out = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static str known_colour(str asked)
{
    static const str colours[] = { STR_INIT("red"), STR_INIT("yellow"), STR_INIT("green"), STR_INIT("blue"), STR_INIT("indigo"), STR_INIT("purple"), STR_INIT("pink"), STR_INIT("gray") };
    for (size_t i = 0; i < COUNT(colours); i++)
        if (str_eq(asked, colours[i])) return asked;
    return STR("gray");
}

static void write_sign(struct json_writer *w, const struct json *card, str name)
{
    jw_kstr(w, "title", json_str_or(card, STR("title"), name));
    jw_kstr(w, "emoji", json_str_or(card, STR("emoji"), STR("")));
    jw_kstr(w, "from", known_colour(json_str_or(card, STR("colorFrom"), STR(""))));
    jw_kstr(w, "to", known_colour(json_str_or(card, STR("colorTo"), STR(""))));
}

static void write_stage(struct json_writer *w, const struct space_runtime *rt)
{
    jw_kstr(w, "stage", space_stage_name(rt->stage));
    jw_kstr(w, "words", str_c(stages[rt->stage].words));
    jw_kstr(w, "tone", str_c(stages[rt->stage].tone));
    if (rt->error.n) jw_kstr(w, "error", rt->error);
}

bool write_space(struct page *p, const struct json *card, bool may_read, struct err *e)
{
    struct call *c = p->c;
    struct space_runtime rt;
    struct err ignored;
    str url = call_space_url(c, &c->repo);
    bool is_static = str_eq(c->repo.sdk, STR("static")), may_write = c->who.user_id && call_allow(c, &c->repo, REPO_WRITE, &ignored);
    if (!space_runtime(call_config(c)->spaces, call_db(c), &c->repo, &rt, c->a, e)) return false;
    jw_kobject(&p->w, "space");
    write_stage(&p->w, &rt);
    jw_kbool(&p->w, "is_static", is_static);
    jw_kbool(&p->w, "may_write", may_write);
    write_sign(&p->w, card, c->repo.name);
    jw_kbool(&p->w, "has_host", url.n > 0);
    if (url.n && may_read && stages[rt.stage].is_framed) {
        jw_kstr(&p->w, "origin", url);
        jw_kstr(&p->w, "frame", frame_url(c, url, is_static ? STR("") : rt.base_path));
        p->frames_of = url;
    }
    jw_object_end(&p->w);
    return true;
}

void page_write_space(struct page *p, const struct repo_summary *s)
{
    struct json *card = NULL;
    struct space_runtime rt;
    struct err ignored;
    if (s->card.p && !json_parse(s->card, p->c->a, &card, &ignored)) card = NULL;
    write_sign(&p->w, card, s->repo.name);
    if (!space_runtime(call_config(p->c)->spaces, call_db(p->c), &s->repo, &rt, p->c->a, &ignored)) return;
    jw_kstr(&p->w, "stage", str_c(stages[rt.stage].words));
    jw_kstr(&p->w, "tone", str_c(stages[rt.stage].tone));
}

/* ------------------------------------------------------------------ logs */

static void write_lines(struct json_writer *w, str text, struct arena *a)
{
    str line;
    jw_karray(w, "lines");
    while (text.n && str_cut(&text, '\n', &line)) {
        struct json *v;
        struct err ignored;
        if (!json_parse(line, a, &v, &ignored)) continue;
        jw_object(w);
        jw_kstr(w, "text", json_str_or(v, STR("data"), STR("")));
        jw_kstr(w, "at", json_str_or(v, STR("timestamp"), STR("")));
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* The end of the log: what came before is in the stream that the page's script reads. */
static bool read_end(struct call *c, enum space_log_kind kind, struct buf *out, struct err *e)
{
    uint64_t generation = 0, at = 0;
    bool ended;
    for (uint64_t before = 1; before != at;) {
        struct buf more = BUF_INIT(0);
        before = at;
        if (!space_log_read(call_config(c)->spaces, &c->repo, kind, &generation, &at, LOG_BYTES_MAX, &more, &ended, e)) {
            buf_deinit(&more);
            return false;
        }
        if (more.n) {
            buf_reset(out);
            buf_add(out, buf_str(&more));
        }
        buf_deinit(&more);
    }
    return true;
}

static bool get_logs(struct call *c, struct err *e)
{
    struct space_runtime rt;
    struct buf text = BUF_INIT(0);
    enum space_log_kind kind = str_eq(call_query(c, "of"), STR("build")) ? SPACE_LOG_BUILD : SPACE_LOG_RUN;
    struct spaces *spaces = call_config(c)->spaces;
    if (!space_runtime(spaces, call_db(c), &c->repo, &rt, c->a, e)) return false;
    if (!call_query(c, "of").p && (rt.stage == SPACE_BUILDING || rt.stage == SPACE_BUILD_ERROR)) kind = SPACE_LOG_BUILD;
    if (spaces && !read_end(c, kind, &text, e)) {
        buf_deinit(&text);
        return false;
    }
    struct page *p = page_new(c, STR("Logs"));
    page_write_repo_frame(p, "card");
    jw_kobject(&p->w, "space");
    write_stage(&p->w, &rt);
    jw_object_end(&p->w);
    jw_kstr(&p->w, "log", kind == SPACE_LOG_BUILD ? STR("build") : STR("run"));
    write_lines(&p->w, buf_str(&text), c->a);
    buf_deinit(&text);
    return page_reply(p, 200, "repo/space/logs.html", e);
}

/* ------------------------------------------------------------------ buttons */

static bool post_app(struct call *c, struct err *e)
{
    str what = page_text(c, "do"), path = arena_fmt(c->a, "/spaces/%.*s", STR_ARG(c->repo.full_name));
    struct spaces *s = call_config(c)->spaces;
    bool ok = str_eq(what, STR("pause"))     ? space_pause(s, &c->repo, e)
              : str_eq(what, STR("restart")) ? space_restart(s, &c->repo, false, e)
              : str_eq(what, STR("rebuild")) ? space_restart(s, &c->repo, true, e)
                                             : err_set(e, ERR_INVALID, "An app is restarted, rebuilt or paused");
    return ok && page_redirect(c, path);
}

#define SPACE "/:kind(spaces)/:ns/:repo"
static const struct api_route rows[] = {
    { HTTP_GET, SPACE "/logs", PERM_REPO_WRITE, HTTP_BODY_NONE, 0, 0, get_logs, "page.space.logs", SHAPE_PAGE },
    { HTTP_POST, SPACE "/app", PERM_REPO_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_app, "page.space.app", SHAPE_PAGE },
};
const struct api_table web_space = API_TABLE(rows);
