/* cli/main.c - where the process begins; all else is in cli/cli.c, where tests can reach it. */
#include "cli/cli.h"
#include "infer/worker/process.h"
#include "infer/worker/worker.h"

int main(int argc, char **argv)
{
    /* The server starts it for a model (infer/worker/process.h): a folder of links to descriptors, and the cache. */
    if (argc == 4 && str_eq(str_c(argv[1]), STR("worker"))) {
        struct err e;
        if (worker_run(PROCESS_CHANNEL_FD, argv[2], argv[3], &e)) return 0;
        fprintf(stderr, "hearth worker: %s\n", e.msg);
        return 1;
    }
    return cli_main(argc, (const char *const *)argv, stdin, stdout, stderr);
}
