/* cli/admin/repo.c - hearth repo list | create | move | settings | scan | delete */
#include "cli/admin/home.h"
#include "hub/index/list.h"
#include "hub/mirror_list.h"
#include "hub/repo.h"
#include "scan/watch.h"

static bool split(str full, str *owner, str *name, struct err *e) { return cli_owned_name("repository", full, owner, name, e); }

static enum repo_kind kind_of(const struct cli *c)
{
    enum repo_kind k;
    must(repo_kind_parse(cli_str(c, "type"), &k)); /* the table lets nothing else through */
    return k;
}

static bool find(struct cli *c, struct hub *h, str full, struct repo *out, struct err *e)
{
    str owner, name;
    bool found, moved, ok;
    if (!split(full, &owner, &name, e)) return false;
    struct db_conn *reader = db_reader(hub_db(h));
    ok = repo_find(reader, kind_of(c), owner, name, out, &found, &moved, c->arena, e);
    db_give(hub_db(h), reader);
    if (!ok || found) return ok;
    return err_set(e, ERR_NOT_FOUND, "there is no %s \"%.*s\"", cli_cstr(c, "type"), STR_ARG(full));
}

/* ------------------------------------------------------------------ commands */

static bool create(struct cli *c, struct hub *h, struct err *e)
{
    struct repo_create q = { .kind = kind_of(c), .has_private = cli_given(c, "private"), .is_private = cli_flag(c, "private") };
    struct account owner;
    struct repo made;
    str owner_name;
    if (!split(c->argument[0], &owner_name, &q.name, e) || !cli_owner(c, h, owner_name, &owner, e)) return false;
    q.owner = &owner;
    if ((q.kind == REPO_SPACE) != cli_given(c, "sdk"))
        return cli_usage(e, q.kind == REPO_SPACE ? "a space needs --sdk gradio, docker, static or streamlit" : "--sdk is for --type space");
    if (cli_given(c, "sdk")) q.sdk = cli_str(c, "sdk");
    if (!repo_create(h, &q, &made, c->arena, e))
        return e->code == ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "there is already a %s %.*s", cli_cstr(c, "type"), STR_ARG(c->argument[0])) : false;
    fprintf(c->out, "%s %.*s created%s\n", cli_cstr(c, "type"), STR_ARG(made.full_name), made.is_private ? ", private" : "");
    return true;
}

static bool move(struct cli *c, struct hub *h, struct err *e)
{
    struct repo r;
    struct account owner;
    str owner_name, name;
    if (!find(c, h, c->argument[0], &r, e) || !split(c->argument[1], &owner_name, &name, e)) return false;
    if (!cli_owner(c, h, owner_name, &owner, e) || !repo_move(h, &r, &owner, name, NULL, e)) return false;
    fprintf(c->out, "%.*s is now %.*s/%.*s\n", STR_ARG(r.full_name), STR_ARG(owner.name), STR_ARG(name));
    return true;
}

static bool delete(struct cli *c, struct hub *h, struct err *e)
{
    struct repo r;
    if (!find(c, h, c->argument[0], &r, e)) return false;
    if (!str_eq_nocase(r.full_name, c->argument[0])) /* nobody means that by naming the old place */
        return err_set(e, ERR_NOT_FOUND, "%.*s was renamed to %.*s; name it so", STR_ARG(c->argument[0]), STR_ARG(r.full_name));
    if (!repo_delete(h, &r, NULL, e)) return false;
    fprintf(c->out, "%s %.*s is deleted\n", cli_cstr(c, "type"), STR_ARG(r.full_name));
    return true;
}

static void show_settings(struct cli *c, const struct repo *r)
{
    const str cell[] = {
        STR("name"), r->full_name,
        STR("type"), cli_str(c, "type"),
        STR("private"), r->is_private ? STR("true") : STR("false"),
        STR("gated"), r->gated.n ? r->gated : STR("no"),
        STR("discussions"), r->discussions_disabled ? STR("false") : STR("true"),
        STR("created"), cli_date(r->created_ms, c->arena),
        STR("id"), r->hex_id,
        STR("mirror of"), r->upstream.n ? mirror_url(r, c->arena) : STR(""),
    };
    cli_columns(c->out, cell, r->upstream.n ? COUNT(cell) : COUNT(cell) - 2, 2);
}

static bool settings(struct cli *c, struct hub *h, struct err *e)
{
    struct repo r;
    struct repo_settings s = {
        .has_private = cli_given(c, "private"), .is_private = cli_flag(c, "private"), .has_gated = cli_given(c, "gated"),
        .has_discussions_disabled = cli_given(c, "discussions"), .discussions_disabled = !cli_flag(c, "discussions"),
    };
    if (s.has_gated) s.gated = str_eq(cli_str(c, "gated"), STR("no")) ? STR("") : cli_str(c, "gated");
    if (!find(c, h, c->argument[0], &r, e)) return false;
    if (s.has_private || s.has_gated || s.has_discussions_disabled) {
        if (!repo_set(h, &r, &s, NULL, e) || !find(c, h, r.full_name, &r, e)) return false;
    }
    show_settings(c, &r);
    return true;
}

static bool show_issues(struct cli *c, struct hub *h, const struct repo *r, struct err *e)
{
    enum { SHOWN = 10000 };
    struct scan_status s;
    struct db_conn *reader = db_reader(hub_db(h));
    bool ok = scan_status_get(reader, r, SHOWN, c->arena, &s, e);
    db_give(hub_db(h), reader);
    if (!ok || !s.n) return ok;
    str *cell = arena_alloc(c->arena, s.n * 2 * sizeof *cell);
    for (size_t i = 0; i < s.n; i++) {
        cell[2 * i] = scan_level_name(s.issue[i].level);
        cell[2 * i + 1] = s.issue[i].path;
    }
    cli_columns(c->out, cell, s.n * 2, 2);
    if (s.has_more) fprintf(c->out, "and more\n");
    return true;
}

static bool scan(struct cli *c, struct hub *h, struct err *e)
{
    struct repo r;
    struct scan_watch w;
    struct scan_result did;
    if (!find(c, h, c->argument[0], &r, e)) return false;
    scan_watch_init(&w, h, cli_str(c, "clamd"));
    bool ok = scan_watch_repo(&w, &r, true, NULL, NULL, &did, e) && show_issues(c, h, &r, e);
    scan_watch_deinit(&w);
    if (!ok) return false;
    fprintf(c->out, "%s of %s looked at", cli_count(c, did.files, "file", "files"), cli_count(c, did.bytes, "byte", "bytes"));
    if (did.absent) fprintf(c->out, "; %s at the upstream", cli_count(c, did.absent, "large file is", "large files are"));
    fprintf(c->out, "\n");
    return true;
}

static bool list(struct cli *c, struct hub *h, struct err *e)
{
    enum { PAGE = 500, COLUMNS = 5 };
    const struct identity operator = { .is_admin = true }; /* sees all */
    struct list_query q = { .kind = kind_of(c), .who = &operator, .gated = -1, .sort = SORT_NAME, .ascending = true, .limit = PAGE };
    str *cell = arena_alloc(c->arena, PAGE * COLUMNS * sizeof *cell);
    struct list_page page;
    struct account owner;
    if (cli_given(c, "owner") && !cli_owner(c, h, cli_str(c, "owner"), &owner, e)) return false;
    if (cli_given(c, "owner")) q.author = owner.name;
    struct db_conn *reader = db_reader(hub_db(h));
    bool ok;
    do {
        size_t n = 0;
        ok = list_repos(reader, &q, c->arena, &page, e);
        for (size_t i = 0; ok && i < page.n; i++) {
            const struct repo_summary *r = &page.row[i];
            cell[n++] = r->repo.full_name;
            str seen = r->repo.is_disabled ? STR("disabled") : r->repo.is_private ? STR("private") : r->repo.gated.n ? STR("gated") : STR("public");
            cell[n++] = r->repo.upstream.n ? arena_fmt(c->arena, "%.*s, mirror", STR_ARG(seen)) : seen;
            cell[n++] = str_c(cli_count(c, (uint64_t)r->files_count, "file", "files"));
            cell[n++] = str_c(cli_count(c, (uint64_t)r->used_bytes, "byte", "bytes"));
            cell[n++] = cli_date(r->modified_ms, c->arena);
        }
        cli_columns(c->out, cell, n, COLUMNS);
        q.cursor = page.next;
    } while (ok && page.next.p);
    db_give(hub_db(h), reader);
    return ok;
}

bool cli_repo_create(struct cli *c, struct err *e) { return cli_in_hub(c, create, e); }
bool cli_repo_move(struct cli *c, struct err *e) { return cli_in_hub(c, move, e); }
bool cli_repo_delete(struct cli *c, struct err *e) { return cli_in_hub(c, delete, e); }
bool cli_repo_settings(struct cli *c, struct err *e) { return cli_in_hub(c, settings, e); }
bool cli_repo_scan(struct cli *c, struct err *e) { return cli_in_hub(c, scan, e); }
bool cli_repo_list(struct cli *c, struct err *e) { return cli_in_hub(c, list, e); }
