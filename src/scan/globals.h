/* scan/globals.h - what a pickle may import: the lists, and the judgement.
 *
 * The lists are data (globals_list.c).  Whatever is on none of them is suspect: a list of what is dangerous never ends.  A dangerous module
 * stands for its submodules as well; a name with dots reaches through attributes, and is dangerous unless it is listed as harmless.  Names
 * of Python 2 are judged as they stand and as Python 3 calls them.  Pure; any thread. */
#ifndef SCAN_GLOBALS_H
#define SCAN_GLOBALS_H

#include "scan/scan.h"

enum scan_safety globals_judge(str module, str name);
/* Is the module, one above it, or some name in it on the list of what is dangerous? */
bool globals_names_danger(str module);
uint32_t globals_hash(str module, str name);
/* Can it be the name of a module: letters, digits, '_' and dots (or bytes past ASCII), not empty? */
bool globals_is_module(str s);

/* Names are separated by blanks; "*" means all of the module and of those below it.  A module that ends in ".*" stands for those below it, too. */
struct globals_row {
    const char *module, *names;
};
extern const struct globals_row globals_innocuous[], globals_dangerous[]; /* ended by a row without a module */
struct globals_move { /* Python 2 to 3 */
    const char *module, *name, *to_module, *to_name; /* no name: all of the module */
};
extern const struct globals_move globals_moves[]; /* names first; ended by a row without a module */

#endif
