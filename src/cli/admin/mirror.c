/* cli/admin/mirror.c - hearth mirror list | fetch: repositories of another hub that are kept here, and the setting that says which hub.
 *
 * A fetch does what the first reader would have done, in this process: a server that runs has the files as soon as they are here. */
#include <inttypes.h>
#include <unistd.h>

#include "base/log.h"
#include "base/os.h"
#include "cli/admin/home.h"
#include "gateway/gateway.h"
#include "hub/mirror_list.h"
#include "vcs/vcs.h"

bool cli_secret(struct cli *c, const char *setting, str *out, struct err *e)
{
    enum { SECRET_BYTES_MAX = 4096 };
    const char *path = cli_cstr(c, setting);
    char *text = NULL;
    size_t n = 0;
    if (path && !os_read_file(path, SECRET_BYTES_MAX, &text, &n, e)) return err_context(e, "%s", setting);
    *out = arena_dup(c->arena, str_trim(str_n(text, n)));
    mem_free(text);
    return true;
}

bool cli_gateway(struct cli *c, struct hub *h, str from, struct gateway **out, struct err *e)
{
    struct gateway_config config = { .upstream = cli_str(c, "upstream"), .fresh_ms = cli_int(c, "upstream-fresh"),
                                     .for_users = str_eq(cli_str(c, "upstream-for"), STR("users")),
                                     .git_bytes_max = (uint64_t)cli_int(c, "upstream-git-max"),
                                     .waiting_max = (size_t)(cli_int(c, "worker-threads-max") + 1) / 2 };
    bool is_other = from.n && !str_eq(from, config.upstream);
    *out = NULL;
    if (from.n) config.upstream = from;
    if (!config.upstream.n) return true;
    return (is_other || cli_secret(c, "upstream-token-file", &config.token, e)) && gateway_new(h, &config, out, e); /* a token is for one hub */
}

/* ------------------------------------------------------------------ list */

static str number(struct cli *c, uint64_t n) { return arena_fmt(c->arena, "%" PRIu64, n); }

static bool list(struct cli *c, struct db_conn *reader, struct err *e)
{
    static const str head[] = { STR_INIT("MIRROR OF"), STR_INIT("BYTES HERE"), STR_INIT("OF"), STR_INIT("LARGE FILES TO COME"), STR_INIT("LAST READ") };
    struct mirror_row *row;
    size_t rows, n = COUNT(head);
    if (!mirror_list(reader, &row, &rows, c->arena, e)) return false;
    str *cell = arena_alloc(c->arena, (rows + 1) * COUNT(head) * sizeof *cell);
    memcpy(cell, head, sizeof head);
    for (size_t i = 0; i < rows; i++) {
        const struct mirror_kept *k = &row[i].kept;
        cell[n++] = mirror_url(&row[i].repo, c->arena);
        cell[n++] = number(c, k->bytes - k->bytes_missing);
        cell[n++] = number(c, k->bytes);
        cell[n++] = number(c, k->files_missing);
        cell[n++] = cli_date(row[i].read_ms, c->arena);
    }
    cli_columns(c->out, cell, n, COUNT(head));
    return true;
}

bool cli_mirror_list(struct cli *c, struct err *e) { return cli_in_reader(c, list, e); }

/* ------------------------------------------------------------------ fetch */

struct wanted {
    str path;
    struct sha256 sha256;
    uint64_t size_bytes;
};

struct fetching {
    struct cli *c;
    struct gateway *g;
    struct repo repo;
    struct wanted *file;
    size_t files, at, failed;
    uint64_t bytes;
    bool shows_progress; /* on a terminal */
};

static bool find(struct fetching *f, struct hub *h, bool *found, bool *due, struct err *e)
{
    const struct identity operator = { .user_id = 1, .is_admin = true };
    struct cli *c = f->c;
    enum repo_kind kind;
    str owner, name;
    bool moved;
    must(repo_kind_parse(cli_str(c, "type"), &kind)); /* the table lets nothing else through */
    if (!cli_owned_name("repository", c->argument[0], &owner, &name, e)) return false;
    struct db_conn *reader = db_reader(hub_db(h));
    bool ok = repo_find(reader, kind, owner, name, &f->repo, found, &moved, c->arena, e) &&
              gateway_is_due(f->g, reader, &operator, kind, owner, name, *found ? &f->repo : NULL, due, c->arena, e);
    db_give(hub_db(h), reader);
    if (!ok || !*due) return ok;
    return gateway_ask(f->g, kind, owner, name, &(struct mirror_waiter){ 0 }, e);
}

/* As its upstream has it now. */
static bool find_newest(struct fetching *f, struct hub *h, struct err *e)
{
    struct cli *c = f->c;
    bool found, due;
    if (!find(f, h, &found, &due, e) || (due && !find(f, h, &found, &due, e))) return false;
    str upstream = gateway_config_of(f->g)->upstream;
    if (!found) return err_set(e, ERR_NOT_FOUND, "there is no %s \"%.*s\" at %.*s, or it does not show it", cli_cstr(c, "type"), STR_ARG(c->argument[0]), STR_ARG(upstream));
    return f->repo.upstream.n || err_set(e, ERR_CONFLICT, "%.*s is no mirror: it is at home here", STR_ARG(f->repo.full_name));
}

/* Asked while a file is waited for. */
static bool show_progress(void *ctx)
{
    struct fetching *f = ctx;
    uint64_t have, of;
    download_progress(f->g, f->repo.id, &have, &of);
    if (f->shows_progress)
        fprintf(f->c->err, "\r\033[K%zu of %zu  %.*s  %.1f of %.1f MB", f->at + 1, f->files, STR_ARG(f->file[f->at].path), (double)have * 1e-6, (double)of * 1e-6);
    return false;
}

static void fetch_one(struct fetching *f)
{
    const struct wanted *file = &f->file[f->at];
    struct download *d;
    struct err why;
    bool ok = download_join(f->g, &f->repo, &file->sha256, file->size_bytes, &d, &why);
    if (ok && d) ok = download_wait(d, show_progress, f, &why);
    download_leave(d);
    if (f->shows_progress) fputs("\r\033[K", f->c->err);
    if (ok) fprintf(f->c->out, "%.*s  %" PRIu64 " bytes\n", STR_ARG(file->path), file->size_bytes);
    else fprintf(f->c->err, "hearth: %.*s: %s\n", STR_ARG(file->path), why.msg);
    fflush(f->c->out);
    f->failed += !ok;
    f->bytes += ok ? file->size_bytes : 0;
}

static bool collect(void *ctx, const struct vcs_entry *entry)
{
    struct fetching *f = ctx;
    struct wanted *file;
    if (entry->kind != VCS_FILE || !entry->lfs.is_lfs) return true;
    f->file = arena_grow(f->c->arena, f->file, f->files, sizeof *f->file);
    file = &f->file[f->files++];
    *file = (struct wanted){ .path = arena_dup(f->c->arena, entry->path), .size_bytes = vcs_entry_size(entry) };
    memcpy(file->sha256.b, entry->lfs.sha256, SHA256_BYTES);
    return true;
}

/* All that a revision names, each content once; those that are here are left out. */
static bool find_missing(struct fetching *f, struct hub *h, str rev, struct err *e)
{
    struct vcs_walk w = { .path = STR(""), .after = STR(""), .recursive = true, .fn = collect, .ctx = f };
    struct vcs_repo *git;
    struct vcs_revision at;
    bool found = false, has_tree = false;
    size_t all, n = 0;
    if (!hub_repo_open(h, f->repo.id, &git, e)) return false;
    bool ok = vcs_resolve(git, rev, &at, &found, f->c->arena, e) && (!found || vcs_tree_walk(git, &at.commit, &w, &has_tree, e));
    vcs_close(git);
    if (ok && !found) ok = err_set(e, ERR_NOT_FOUND, "%.*s has no revision \"%.*s\"", STR_ARG(f->repo.full_name), STR_ARG(rev));
    struct db_conn *reader = db_reader(hub_db(h));
    for (all = f->files, f->files = 0; ok && n < all; n++) {
        bool is_here = true;
        ok = mirror_shows_file(h, reader, &f->repo, &f->file[n].sha256, f->file[n].size_bytes, &is_here, e);
        for (size_t i = 0; i < f->files && !is_here; i++) is_here = memcmp(&f->file[i].sha256, &f->file[n].sha256, SHA256_BYTES) == 0 && f->file[i].size_bytes == f->file[n].size_bytes;
        if (ok && !is_here) f->file[f->files++] = f->file[n];
    }
    db_give(hub_db(h), reader);
    return ok;
}

static bool fetch_all(struct fetching *f, struct hub *h, struct err *e)
{
    struct cli *c = f->c;
    struct mirror_kept kept;
    struct gateway_stats asked;
    if (!find_newest(f, h, e)) return false;
    gateway_stats(f->g, &asked);
    if (asked.failures) fprintf(c->err, "hearth: the upstream does not answer; this is what it had when it was last asked\n");
    bool ok = find_missing(f, h, cli_str(c, "revision"), e);
    for (; ok && f->at < f->files; f->at++) fetch_one(f);
    if (!ok) return false;
    if (f->failed) return err_set(e, ERR_IO, "%s did not come; what came is kept", cli_count(c, f->failed, "file", "files"));
    struct db_conn *reader = db_reader(hub_db(h));
    ok = mirror_kept(reader, f->repo.id, &kept, e);
    db_give(hub_db(h), reader);
    if (ok) fprintf(c->out, "%s %.*s is here: %s of %" PRIu64 " bytes, %" PRIu64 " of which came now\n", cli_cstr(c, "type"), STR_ARG(f->repo.full_name),
                    cli_count(c, kept.files, "file", "files"), kept.bytes, f->bytes);
    return ok;
}

bool cli_mirror_fetch(struct cli *c, struct err *e)
{
    struct hub *h;
    struct fetching f = { .c = c, .shows_progress = isatty(fileno(c->err)) };
    if (!cli_given(c, "from") && !cli_str(c, "upstream").n)
        return cli_usage(e, "from which hub? Name it by --from URL, or the file that has the server's settings by --config FILE");
    if (!cli_given(c, "log-level")) log_set_level(LOG_ERROR); /* it tells by itself what came and what did not */
    if (!cli_hub_open(c, false, &h, e)) return false;
    bool ok = cli_gateway(c, h, cli_given(c, "from") ? cli_str(c, "from") : STR(""), &f.g, e) && fetch_all(&f, h, e);
    gateway_free(f.g);
    hub_close(h);
    return ok;
}
