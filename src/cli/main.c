/* cli/main.c - where the process begins; all else is in cli/run.c, where tests can reach it. */
#include "cli/cli.h"

int main(int argc, char **argv) { return cli_main(argc, (const char *const *)argv, stdin, stdout, stderr); }
