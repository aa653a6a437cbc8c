/* cli/admin/config.c - hearth config list | check | sample: the settings of the program, shown. */
#include "cli/cli.h"

bool cli_config_list(struct cli *c, struct err *e)
{
    (void)e;
    str cell[CLI_SETTINGS_MAX * 3];
    size_t n = 0;
    for (size_t i = 0; cli_settings[i].name; i++) {
        const struct cli_value *v = &c->setting[i];
        if (strcmp(cli_settings[i].name, "config") == 0) continue;
        cell[n++] = str_c(cli_settings[i].name);
        cell[n++] = v->text.p ? arena_fmt(c->arena, "= %.*s", STR_ARG(v->text)) : STR("=");
        cell[n++] = arena_fmt(c->arena, "# %s", cli_source_name(v->source));
    }
    cli_columns(c->out, cell, n, 3);
    return true;
}

bool cli_config_sample(struct cli *c, struct err *e)
{
    (void)e;
    fputs("# Settings of hearth: `hearth serve --config FILE`.  Remove the # of a line to set it; what it shows is the\n"
          "# default, or in capitals the kind of value where there is no default.\n"
          "# On the command line they are --name VALUE, in the environment HEARTH_NAME; both win over this file.\n", c->out);
    for (size_t i = 0; cli_settings[i].name; i++) {
        const struct cli_option *o = &cli_settings[i];
        if (strcmp(o->name, "config") == 0) continue;
        fprintf(c->out, "\n# %s%s.\n", o->help, o->flags & CLI_NOT_BUILT ? " (not built yet)" : "");
        if (o->type == CLI_CHOICE) fprintf(c->out, "# One of %s.\n", o->value);
        fprintf(c->out, "#%s = %s\n", o->name, o->otherwise ? o->otherwise : o->value);
    }
    return true;
}

bool cli_config_check(struct cli *c, struct err *e)
{
    if (!cli_serve_check(c, e)) return false;
    fputs("a server would start with these settings\n", c->out);
    return true;
}
