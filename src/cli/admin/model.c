/* cli/admin/model.c - hearth model pin | unpin | list: models that a server keeps running. */
#include "cli/admin/home.h"
#include "infer/pin.h"

struct change {
    bool is_pinned;
};

static bool set_pin(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    const struct change *change = ctx;
    struct repo repo;
    bool changed;
    if (!cli_model(c, tx, c->argument[0], &repo, e) || !pin_set(tx, repo.id, change->is_pinned, &changed, e)) return false;
    buf_addf(say, "%.*s %s%s\n", STR_ARG(repo.full_name), changed ? "is " : "was ", change->is_pinned ? "kept running" : "not kept running");
    return audit_add(tx, NULL, change->is_pinned ? "model.pin" : "model.unpin", 0, repo.full_name, str_n(NULL, 0), e);
}

bool cli_model_pin(struct cli *c, struct err *e) { return cli_in_tx(c, false, set_pin, &(struct change){ true }, e); }
bool cli_model_unpin(struct cli *c, struct err *e) { return cli_in_tx(c, false, set_pin, &(struct change){ false }, e); }

static bool list(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { COLUMNS = 2 };
    struct pin *pin;
    size_t n;
    if (!pin_list(reader, c->arena, &pin, &n, e)) return false;
    str *cell = arena_alloc(c->arena, (n + 1) * COLUMNS * sizeof *cell);
    cell[0] = STR("MODEL");
    cell[1] = STR("SINCE");
    for (size_t i = 0; i < n; i++) {
        cell[COLUMNS * (i + 1)] = pin[i].full_name;
        cell[COLUMNS * (i + 1) + 1] = cli_date(pin[i].created_ms, c->arena);
    }
    cli_columns(c->out, cell, (n + 1) * COLUMNS, COLUMNS);
    return true;
}

bool cli_model_list(struct cli *c, struct err *e) { return cli_in_reader(c, list, e); }
