/* cli/chat.c - hearth chat: finds the model, here or on a server, and lets converse.c do the talking. */
#include "cli/chat.h"

#include <stdlib.h>

#include "base/os.h"
#include "cli/local_run.h"
#include "infer/staging.h"
#include "model/task/task.h"

static bool talk_here(struct cli *c, struct source *s, struct err *e)
{
    const struct task_kind *kind;
    if (!task_detect(s, &kind, e)) return false;
    if (kind == task_kind_find(STR("text-generation"))) return cli_chat_here(c, s, e);
    return err_set(e, ERR_UNPROCESSABLE, "%.*s is for %s, and writes no text; see hearth help run", STR_ARG(c->argument[0]), kind->name);
}

static bool chat_with_path(struct cli *c, struct err *e)
{
    struct source *s;
    if (!source_open(arena_cstr(c->arena, c->argument[0]), &s, e)) return false;
    source_keep_in(s, cli_model_cache(c));
    bool ok = talk_here(c, s, e);
    source_close(s);
    return ok;
}

/* ------------------------------------------------------------------ a repository of the data folder */

static bool chat_with_files(struct cli *c, struct hub *h, struct staging *files, struct err *e)
{
    struct source *s;
    const char *path = files->gguf.p ? arena_fmt(c->arena, "%s/%.*s", files->folder, STR_ARG(files->gguf)).p : files->folder;
    if (!staging_fill(h, files, e) || !staging_use_here(files, e) || !source_open(path, &s, e)) return false;
    source_keep_in(s, cli_given(c, "cache") ? cli_model_cache(c) : arena_fmt(c->arena, "%s/models", cli_cstr(c, "home")).p);
    source_name_content(s, str_c(files->key));
    bool ok = talk_here(c, s, e);
    source_close(s);
    return ok;
}

static bool chat_with_repo(struct cli *c, struct hub *h, const struct repo *repo, struct err *e)
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
    ok = chat_with_files(c, h, &files, e);
    staging_close(&files);
    return ok;
}

/* *found false: there is no data folder, or no such model in it. */
static bool chat_with_home(struct cli *c, str owner, str name, bool *found, struct err *e)
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
    if (ok && *found) ok = chat_with_repo(c, h, &repo, e);
    hub_close(h);
    return ok;
}

/* ------------------------------------------------------------------ the command */

bool cli_chat(struct cli *c, struct err *e)
{
    str model = c->argument[0], owner, name = model;
    const char *endpoint = getenv("HF_ENDPOINT");
    bool found;
    struct err ignored;
    if (cli_given(c, "server")) return cli_chat_there(c, cli_str(c, "server"), model, e);
    if (os_stat(arena_cstr(c->arena, model), NULL, NULL, &found, &ignored) && found) return chat_with_path(c, e);
    bool is_id = str_cut(&name, '/', &owner) && owner.n && name.n && str_chr(name, '/') == STR_NONE && !str_ends(model, STR(".gguf"));
    if (!is_id) return err_set(e, ERR_NOT_FOUND, "there is no folder or file %.*s", STR_ARG(model));
    if (!chat_with_home(c, owner, name, &found, e)) return false;
    if (found) return true;
    if (endpoint && *endpoint) {
        str server = str_c(endpoint);
        while (str_ends(server, STR("/"))) server.n--;
        return cli_chat_there(c, server, model, e);
    }
    return err_set(e, ERR_NOT_FOUND, "there is no model %.*s in %s, and no folder of that name; --server says where else to look", STR_ARG(model), cli_cstr(c, "home"));
}
