/* cli/main.c - where the process begins; all else is in cli/run.c, where tests can reach it. */
#include "cli/cli.h"
#include "vcs/pack.h"

int main(int argc, char **argv)
{
    /* git starts this program as its hook, with an environment of ours (vcs/hook.c): no command for people. */
    if (argc > 1 && str_eq(str_c(argv[1]), STR("git-hook"))) return vcs_pack_hook_main(argc, argv);
    return cli_main(argc, (const char *const *)argv, stdin, stdout, stderr);
}
