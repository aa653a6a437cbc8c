/* cli/model/open_model.c - the model that hearth run and hearth chat name: a folder or file, or a repository of the data folder. */
#include "base/os.h"
#include "cli/model/local_run.h"
#include "infer/worker/staging.h"

static bool use_path(struct cli *c, cli_model_use *use, struct err *e)
{
    struct source *s;
    if (!source_open(arena_cstr(c->arena, c->argument[0]), &s, e)) return false;
    source_keep_in(s, cli_model_cache(c));
    bool ok = use(c, s, e);
    source_close(s);
    return ok;
}

/* What went wrong with the files of a repository names their folder for the moment, which tells nobody anything. */
static bool name_as_asked(struct cli *c, const struct staging *files, struct err *e)
{
    struct err why = *e;
    const char *at = strstr(why.msg, files->folder);
    if (!at) return false;
    *e = why;
    snprintf(e->msg, sizeof e->msg, "%.*s%.*s%s", (int)(at - why.msg), why.msg, STR_ARG(c->argument[0]), at + strlen(files->folder));
    return false;
}

static bool use_files(struct cli *c, struct hub *h, struct staging *files, cli_model_use *use, struct err *e)
{
    struct source *s;
    const char *path = files->gguf.p ? arena_fmt(c->arena, "%s/%.*s", files->folder, STR_ARG(files->gguf)).p : files->folder;
    if (!staging_fill(h, files, e) || !staging_use_here(files, e)) return false;
    if (!source_open(path, &s, e)) return name_as_asked(c, files, e);
    source_keep_in(s, cli_given(c, "cache") ? cli_model_cache(c) : arena_fmt(c->arena, "%s/models", cli_cstr(c, "home")).p);
    source_name_content(s, str_c(files->key));
    bool ok = use(c, s, e) || name_as_asked(c, files, e);
    source_close(s);
    return ok;
}

static bool use_repo(struct cli *c, struct hub *h, const struct repo *repo, cli_model_use *use, struct err *e)
{
    struct vcs_repo *git;
    struct vcs_revision rev;
    struct staging files;
    if (!hub_repo_open(h, repo->id, &git, e)) return false;
    bool found, ok = vcs_resolve(git, STR("main"), &rev, &found, c->arena, e);
    vcs_close(git);
    if (ok && !found) ok = err_set(e, ERR_NOT_FOUND, "%.*s has no files", STR_ARG(repo->full_name));
    const char *tmp = arena_fmt(c->arena, "%s/tmp", cli_cstr(c, "home")).p;
    if (!ok || !staging_open(h, repo, &rev.commit, tmp, &files, e)) return false;
    ok = use_files(c, h, &files, use, e);
    staging_close(&files);
    return ok;
}

/* *found false: there is no data folder, or no such model in it. */
static bool use_home(struct cli *c, str owner, str name, cli_model_use *use, bool *found, struct err *e)
{
    struct hub *h;
    struct repo repo;
    bool moved;
    *found = false;
    if (!os_stat(arena_fmt(c->arena, "%s/hearth.db", cli_cstr(c, "home")).p, NULL, NULL, found, e)) return false;
    if (!*found) return true;
    if (!hub_open(cli_cstr(c, "home"), &h, e)) return false;
    struct db_conn *reader = db_reader(hub_db(h));
    bool ok = repo_find(reader, REPO_MODEL, owner, name, &repo, found, &moved, c->arena, e);
    db_give(hub_db(h), reader);
    if (ok && *found) ok = use_repo(c, h, &repo, use, e);
    hub_close(h);
    return ok;
}

/* "owner/name", and neither a path of more parts, nor one that begins at a folder, nor a file. */
static bool is_id(str model, str *owner, str *name)
{
    *name = model;
    return str_cut(name, '/', owner) && owner->n && name->n && str_chr(*name, '/') == STR_NONE && owner->p[0] != '.' && !str_ends(*name, STR(".gguf"));
}

bool cli_use_model(struct cli *c, cli_model_use *use, bool *found, struct err *e)
{
    str owner, name;
    struct err ignored;
    if (os_stat(arena_cstr(c->arena, c->argument[0]), NULL, NULL, found, &ignored) && *found) return use_path(c, use, e);
    if (!is_id(c->argument[0], &owner, &name)) return err_set(e, ERR_NOT_FOUND, "there is no folder or file %.*s", STR_ARG(c->argument[0]));
    return use_home(c, owner, name, use, found, e);
}
