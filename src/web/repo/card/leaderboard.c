/* web/repo/card/leaderboard.c - a benchmark's leaderboard, by task: a tab of a data set that has an eval.yaml. */
#include "api/hub/leaderboard.h"
#include "web/repo/card/card.h"

static void write_row(struct json_writer *w, const struct leaderboard_row *r)
{
    const struct json *source = json_get(r->entry, STR("source"));
    str url = json_str_or(source, STR("url"), STR("")), notes = json_str_or(r->entry, STR("notes"), STR("")), date = json_str_or(r->entry, STR("date"), STR(""));
    jw_object(w);
    jw_kstr(w, "model", r->repo.full_name);
    jw_key(w, STR("value"));
    jw_real(w, r->value);
    jw_kstr(w, "filename", r->filename);
    if (r->parameters) jw_kint(w, "parameters", r->parameters);
    if (url.n) jw_kstr(w, "source_url", url);
    if (url.n) jw_kstr(w, "source_name", json_str_or(source, STR("name"), STR("")));
    if (notes.n) jw_kstr(w, "notes", notes);
    if (date.n) jw_kstr(w, "date", str_to(date, 10));
    jw_object_end(w);
}

static bool get_leaderboard(struct call *c, struct err *e)
{
    struct leaderboard board;
    if (!leaderboard_ask(c, &board, e)) return false;
    struct page *p = page_new(c, STR("Leaderboard"));
    page_write_repo_frame(p, "leaderboard");
    jw_kbool(&p->w, "is_benchmark", board.benchmark != NULL);
    jw_kstr(&p->w, "benchmark", json_str_or(board.benchmark, STR("name"), STR("")));
    jw_kstr(&p->w, "about", json_str_or(board.benchmark, STR("description"), STR("")));
    jw_kstr(&p->w, "task", board.task);
    jw_kstr(&p->w, "max_params", call_query(c, "max_params"));
    jw_kbool(&p->w, "lower_is_better", board.lower_is_better);
    jw_kbool(&p->w, "roots_alone", board.roots_alone);
    jw_kint(&p->w, "most", LEADERBOARD_ROWS_MAX);
    jw_karray(&p->w, "tasks");
    json_each (t, json_get(board.benchmark, STR("tasks"))) jw_str(&p->w, json_str_or(t, STR("id"), STR("")));
    jw_array_end(&p->w);
    jw_karray(&p->w, "entries");
    for (size_t i = 0; i < board.n; i++) write_row(&p->w, &board.row[i]);
    jw_array_end(&p->w);
    return page_reply(p, 200, "repo/card/leaderboard.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/:kind(datasets)/:ns/:repo/leaderboard", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_leaderboard, "page.leaderboard", SHAPE_PAGE },
};
const struct api_table web_leaderboard = API_TABLE(rows);
