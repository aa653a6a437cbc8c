/* cli/main.c - `hearth COMMAND ...`: finds the command and runs it. */
#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: no commands yet\n", argv[0]);
    return 2;
}
