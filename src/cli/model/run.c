/* cli/model/run.c - hearth run: finds the model and what it is for; generate.c and task.c do the rest. */
#include <stdio.h>
#include <string.h>

#include "cli/model/local_run.h"
#include "model/task/task.h"

static bool find_kind(struct cli *c, struct source *s, const struct task_kind **out, struct err *e)
{
    if (!cli_given(c, "task")) return task_detect(s, out, e);
    *out = task_kind_find(cli_str(c, "task"));
    if (*out) return true;
    cli_usage(e, "there is no task \"%.*s\"; there are", STR_ARG(str_to(cli_str(c, "task"), 60)));
    for (size_t i = 0, n = strlen(e->msg); task_kind(i); i++, n = strlen(e->msg))
        snprintf(e->msg + n, sizeof e->msg - n, "%s %s", i ? "," : "", task_kind(i)->name);
    return false;
}

static bool run_here(struct cli *c, struct source *s, struct err *e)
{
    const struct task_kind *kind = NULL;
    if (!find_kind(c, s, &kind, e)) return false;
    if (!str_eq(str_c(kind->name), STR("text-generation"))) return cli_task(c, s, kind, e);
    if (c->arguments_count > 2) return cli_usage(e, "text-generation takes one prompt; put quotes around one of several words");
    if (cli_given(c, "parameters")) return cli_usage(e, "--parameters is for other tasks than text-generation");
    return cli_generate(c, s, e);
}

bool cli_run(struct cli *c, struct err *e)
{
    bool found;
    if (!cli_use_model(c, run_here, &found, e)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "there is no model %.*s in %s, and no folder of that name", STR_ARG(c->argument[0]), cli_cstr(c, "home"));
}
