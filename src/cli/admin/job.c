/* cli/admin/job.c - hearth job list | retry | remove */
#include "cli/admin/home.h"
#include "job/job.h"

static bool id_of(struct cli *c, int64_t *id, struct err *e)
{
    return str_i64(c->argument[0], id) || cli_usage(e, "ID is a number, as hearth job list shows it");
}

static bool retry(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)c;
    int64_t id = *(int64_t *)ctx;
    bool found;
    if (!job_retry(tx, id, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "there is no failed job %lld", (long long)id);
    buf_addf(say, "job %lld waits again; a running server takes it within a second\n", (long long)id);
    return true;
}

bool cli_job_retry(struct cli *c, struct err *e)
{
    int64_t id;
    return id_of(c, &id, e) && cli_in_tx(c, false, retry, &id, e);
}

static bool remove_it(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)c;
    int64_t id = *(int64_t *)ctx;
    bool found;
    if (!job_remove(tx, id, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "there is no job %lld that waits or has failed", (long long)id);
    buf_addf(say, "job %lld is removed\n", (long long)id);
    return true;
}

bool cli_job_remove(struct cli *c, struct err *e)
{
    int64_t id;
    return id_of(c, &id, e) && cli_in_tx(c, false, remove_it, &id, e);
}

static bool list(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { PAGE = 500, COLUMNS = 6 };
    int64_t after = 0;
    str *cell = arena_alloc(c->arena, PAGE * COLUMNS * sizeof *cell);
    struct job_row *row;
    size_t rows;
    do {
        size_t n = 0;
        if (!job_list(reader, after, PAGE, c->arena, &row, &rows, e)) return false;
        for (size_t i = 0; i < rows; i++) {
            cell[n++] = arena_fmt(c->arena, "%lld", (long long)row[i].id);
            cell[n++] = row[i].state;
            cell[n++] = row[i].kind;
            cell[n++] = str_c(cli_count(c, (uint64_t)row[i].attempts, "attempt", "attempts"));
            cell[n++] = str_eq(row[i].state, STR("waiting")) ? cli_date(row[i].run_after_ms, c->arena) : STR("-");
            cell[n++] = row[i].last_error;
            after = row[i].id;
        }
        cli_columns(c->out, cell, n, COLUMNS);
    } while (rows == PAGE);
    return true;
}

bool cli_job_list(struct cli *c, struct err *e) { return cli_in_reader(c, list, e); }
