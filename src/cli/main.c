/* cli/main.c - where the process begins; all else is in cli/cli.c, where tests can reach it. */
#include "cli/cli.h"
#include "infer/worker/process.h"
#include "infer/worker/worker.h"
#include "scan/process.h"
#include "space/jail.h"

int main(int argc, char **argv)
{
    /* The server starts it for a model (infer/worker/process.h): a folder of links to descriptors, and the cache. */
    if (argc == 4 && str_eq(str_c(argv[1]), STR("worker"))) {
        struct err e;
        if (worker_run(PROCESS_CHANNEL_FD, argv[2], argv[3], &e)) return 0;
        fprintf(stderr, "hearth worker: %s\n", e.msg);
        return 1;
    }
    /* The same for files of strangers that are to be judged (scan/process.h). */
    if (argc == 2 && str_eq(str_c(argv[1]), STR("scan-worker"))) {
        struct err e;
        if (scan_worker_run(SCAN_CHANNEL_FD, &e)) return 0;
        fprintf(stderr, "hearth scan-worker: %s\n", e.msg);
        return 1;
    }
    /* The same for an app of a Space (space/jail.h). */
    if (argc > 1 && str_eq(str_c(argv[1]), STR("space-jail"))) return jail_main(argc, argv);
    if (argc == 2 && str_eq(str_c(argv[1]), STR("space-line"))) return jail_line_main(argc, argv);
    return cli_main(argc, (const char *const *)argv, stdin, stdout, stderr);
}
