/* api/hub/leaderboard.c - GET /api/datasets/{id}/leaderboard: which models are how good at a benchmark, by what they say themselves. */
#include "api/hub/leaderboard.h"

static bool find_task(struct call *c, struct leaderboard *out, struct err *e)
{
    const struct json *tasks = json_get(out->benchmark, STR("tasks"));
    str wanted = call_query(c, "task_id");
    json_each (t, tasks) {
        str id = json_str_or(t, STR("id"), STR(""));
        if (wanted.n && !str_eq(wanted, id)) continue;
        out->task = id;
        out->lower_is_better = json_bool_or(t, STR("lower_is_better"), false);
        return true;
    }
    return err_set(e, ERR_NOT_FOUND, "the benchmark has no task \"%.*s\"; its eval.yaml lists those that it has", STR_ARG(str_to(wanted, 100)));
}

bool leaderboard_ask(struct call *c, struct leaderboard *out, struct err *e)
{
    struct repo_summary row;
    struct json *extra;
    struct err ignored;
    uint64_t parameters_max = 0;
    str most = call_query(c, "max_params");
    *out = (struct leaderboard){ .roots_alone = http_query_bool(c->http, "base_model", true) };
    if (most.n && (!list_count_parse(most, &parameters_max) || !parameters_max))
        return err_set(e, ERR_INVALID, "max_params must be a number of parameters, like 7B");
    if (!repo_summary_get(call_db(c), c->repo.id, &row, c->a, e)) return false;
    if (json_parse(row.extra, c->a, &extra, &ignored)) out->benchmark = json_get(extra, STR("benchmark"));
    if (!out->benchmark) return true;
    if (!find_task(c, out, e)) return false;
    struct leaderboard_query q = { .who = &c->who, .dataset = c->repo.full_name, .task = out->task, .lower_is_better = out->lower_is_better,
                                   .roots_alone = out->roots_alone, .parameters_max = parameters_max };
    return eval_leaderboard(call_db(c), &q, c->a, &out->row, &out->n, e);
}

/* ------------------------------------------------------------------ JSON */

static void write_author(struct call *c, struct json_writer *w, const struct leaderboard_row *r)
{
    struct account who;
    struct err ignored;
    bool found = false;
    jw_kobject(w, "author");
    if (account_find(call_db(c), r->repo.owner, &who, &found, c->a, &ignored) && found) jw_kstr(w, "_id", who.hex_id);
    jw_kstr(w, "avatarUrl", call_avatar_url(c, r->repo.owner));
    jw_kstr(w, "fullname", r->owner_fullname.n ? r->owner_fullname : r->repo.owner);
    jw_kstr(w, "name", r->repo.owner);
    jw_kstr(w, "type", r->repo.owner_is_org ? STR("org") : STR("user"));
    jw_kbool(w, "isHf", false);
    jw_kbool(w, "isHfAdmin", false);
    jw_kbool(w, "isMod", false);
    if (!r->repo.owner_is_org) jw_kbool(w, "isPro", false);
    jw_object_end(w);
}

static bool is_here(struct call *c, str url)
{
    str base = call_base_url(c);
    return str_starts(url, base) && (url.n == base.n || url.p[base.n] == '/');
}

static void write_row(struct call *c, struct json_writer *w, const struct leaderboard *board, size_t i)
{
    const struct leaderboard_row *r = &board->row[i];
    const struct json *source = json_get(r->entry, STR("source"));
    str url = json_str_or(source, STR("url"), STR("")), name = json_str_or(source, STR("name"), STR("")), notes = json_str_or(r->entry, STR("notes"), STR(""));
    jw_object(w);
    jw_kint(w, "rank", (int64_t)i + 1);
    jw_kstr(w, "modelId", r->repo.full_name);
    write_author(c, w, r);
    jw_key(w, STR("value"));
    jw_real(w, r->value);
    jw_kbool(w, "verified", false); /* nobody here has run it again */
    if (url.n) {
        jw_kobject(w, "source");
        jw_kstr(w, "url", url);
        if (name.n) jw_kstr(w, "name", name);
        jw_kbool(w, "isExternal", !is_here(c, url));
        jw_object_end(w);
    }
    jw_kstr(w, "filename", r->filename);
    if (notes.n) jw_kstr(w, "notes", notes);
    if (board->lower_is_better) jw_kbool(w, "lower_is_better", true);
    if (r->parameters) jw_kint(w, "num_parameters", r->parameters);
    jw_object_end(w);
}

static bool get_leaderboard(struct call *c, struct err *e)
{
    struct leaderboard board;
    struct buf b = BUF_INIT(8 << 20);
    struct json_writer w = json_writer(&b);
    if (!leaderboard_ask(c, &board, e)) return false;
    if (!board.benchmark) return err_set(e, ERR_NOT_FOUND, "the data set has no leaderboard: an eval.yaml with tasks makes it a benchmark");
    jw_array(&w);
    for (size_t i = 0; i < board.n; i++) write_row(c, &w, &board, i);
    jw_array_end(&w);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/:kind(datasets)/:ns/:repo/leaderboard", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_leaderboard, "repo.leaderboard", SHAPE_HUB },
};
const struct api_table hub_leaderboard_table = API_TABLE(rows);
