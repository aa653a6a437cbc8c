/* cli/admin/bucket.c - hearth bucket list | create | move | settings | delete */
#include "cli/admin/home.h"
#include "hub/bucket/bucket.h"

static bool find(struct cli *c, struct hub *h, str full, struct bucket *out, struct err *e)
{
    str owner, name;
    bool found, moved, ok;
    if (!cli_owned_name("bucket", full, &owner, &name, e)) return false;
    struct db_conn *reader = db_reader(hub_db(h));
    ok = bucket_find(reader, owner, name, out, &found, &moved, c->arena, e);
    db_give(hub_db(h), reader);
    return ok && (found || err_set(e, ERR_NOT_FOUND, "there is no bucket \"%.*s\"", STR_ARG(full)));
}

/* ------------------------------------------------------------------ commands */

static bool create(struct cli *c, struct hub *h, struct err *e)
{
    struct bucket_create q = { .has_private = cli_given(c, "private"), .is_private = cli_flag(c, "private") };
    struct account owner;
    struct bucket made;
    str owner_name;
    if (!cli_owned_name("bucket", c->argument[0], &owner_name, &q.name, e) || !cli_owner(c, h, owner_name, &owner, e)) return false;
    q.owner = &owner;
    if (!bucket_create(h, &q, &made, c->arena, e))
        return e->code == ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "there is already a bucket %.*s", STR_ARG(c->argument[0])) : false;
    fprintf(c->out, "bucket %.*s created%s\n", STR_ARG(made.full_name), made.is_private ? ", private" : "");
    return true;
}

static bool move(struct cli *c, struct hub *h, struct err *e)
{
    struct bucket b;
    struct account owner;
    str owner_name, name;
    if (!find(c, h, c->argument[0], &b, e) || !cli_owned_name("bucket", c->argument[1], &owner_name, &name, e)) return false;
    if (!cli_owner(c, h, owner_name, &owner, e) || !bucket_move(h, &b, &owner, name, NULL, e)) return false;
    fprintf(c->out, "%.*s is now %.*s/%.*s\n", STR_ARG(b.full_name), STR_ARG(owner.name), STR_ARG(name));
    return true;
}

static bool delete(struct cli *c, struct hub *h, struct err *e)
{
    struct bucket b;
    if (!find(c, h, c->argument[0], &b, e)) return false;
    if (!str_eq_nocase(b.full_name, c->argument[0])) /* nobody means that by naming the old place */
        return err_set(e, ERR_NOT_FOUND, "%.*s was renamed to %.*s; name it so", STR_ARG(c->argument[0]), STR_ARG(b.full_name));
    if (!bucket_delete(h, &b, NULL, e)) return false;
    fprintf(c->out, "bucket %.*s is deleted\n", STR_ARG(b.full_name));
    return true;
}

static bool settings(struct cli *c, struct hub *h, struct err *e)
{
    struct bucket b;
    if (!find(c, h, c->argument[0], &b, e)) return false;
    if (cli_given(c, "private") && (!bucket_set_private(h, &b, cli_flag(c, "private"), NULL, e) || !find(c, h, b.full_name, &b, e))) return false;
    const str cell[] = {
        STR("name"), b.full_name,
        STR("private"), b.is_private ? STR("true") : STR("false"),
        STR("files"), arena_fmt(c->arena, "%lld", (long long)b.files_count),
        STR("bytes"), arena_fmt(c->arena, "%llu", (unsigned long long)b.size_bytes),
        STR("created"), cli_date(b.created_ms, c->arena),
        STR("updated"), cli_date(b.updated_ms, c->arena),
        STR("id"), b.hex_id,
    };
    cli_columns(c->out, cell, COUNT(cell), 2);
    return true;
}

static bool list(struct cli *c, struct hub *h, struct err *e)
{
    enum { PAGE = 500, COLUMNS = 5 };
    const struct identity operator = { .user_id = -1, .is_admin = true }; /* sees all; is nobody in particular */
    struct bucket_list_query q = { .search = STR(""), .sort = BUCKETS_BY_CREATED, .cursor = STR(""), .limit = PAGE };
    struct account owner;
    str *cell = arena_alloc(c->arena, PAGE * COLUMNS * sizeof *cell), next;
    if (cli_given(c, "owner")) {
        if (!cli_owner(c, h, cli_str(c, "owner"), &owner, e)) return false;
        q.owner_id = owner.id;
    }
    struct db_conn *reader = db_reader(hub_db(h));
    bool ok;
    do {
        struct bucket *b;
        size_t n = 0, cells = 0;
        ok = bucket_list(reader, &operator, &q, c->arena, &b, &n, &next, e);
        for (size_t i = 0; ok && i < n; i++) {
            cell[cells++] = b[i].full_name;
            cell[cells++] = b[i].is_private ? STR("private") : STR("public");
            cell[cells++] = str_c(cli_count(c, (uint64_t)b[i].files_count, "file", "files"));
            cell[cells++] = str_c(cli_count(c, b[i].size_bytes, "byte", "bytes"));
            cell[cells++] = cli_date(b[i].updated_ms, c->arena);
        }
        cli_columns(c->out, cell, cells, COLUMNS);
        q.cursor = next;
    } while (ok && next.n);
    db_give(hub_db(h), reader);
    return ok;
}

bool cli_bucket_create(struct cli *c, struct err *e) { return cli_in_hub(c, create, e); }
bool cli_bucket_move(struct cli *c, struct err *e) { return cli_in_hub(c, move, e); }
bool cli_bucket_delete(struct cli *c, struct err *e) { return cli_in_hub(c, delete, e); }
bool cli_bucket_settings(struct cli *c, struct err *e) { return cli_in_hub(c, settings, e); }
bool cli_bucket_list(struct cli *c, struct err *e) { return cli_in_hub(c, list, e); }
