/* cli/serve.c - hearth serve */
#include "cli/cli.h"

bool cli_serve(struct cli *c, struct err *e)
{
    (void)c;
    return err_set(e, ERR_NOT_BUILT, "the server is not built yet");
}
