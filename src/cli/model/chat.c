/* cli/model/chat.c - hearth chat: finds the model, here or on a server, and lets converse.c do the talking. */
#include "cli/model/chat.h"

#include <stdlib.h>

#include "cli/model/local_run.h"
#include "model/task/task.h"

static bool talk_here(struct cli *c, struct source *s, struct err *e)
{
    const struct task_kind *kind;
    if (!task_detect(s, &kind, e)) return false;
    if (kind == task_kind_find(STR("text-generation"))) return cli_chat_here(c, s, e);
    return err_set(e, ERR_UNPROCESSABLE, "%.*s is for %s, and writes no text; see hearth help run", STR_ARG(c->argument[0]), kind->name);
}

bool cli_chat(struct cli *c, struct err *e)
{
    str model = c->argument[0];
    const char *endpoint = getenv("HF_ENDPOINT");
    bool found;
    if (cli_given(c, "server")) return cli_chat_there(c, cli_str(c, "server"), model, e);
    if (!cli_use_model(c, talk_here, &found, e)) return false;
    if (found) return true;
    if (endpoint && *endpoint) {
        str server = str_c(endpoint);
        while (str_ends(server, STR("/"))) server.n--;
        return cli_chat_there(c, server, model, e);
    }
    return err_set(e, ERR_NOT_FOUND, "there is no model %.*s in %s, and no folder of that name; --server says where else to look", STR_ARG(model), cli_cstr(c, "home"));
}
