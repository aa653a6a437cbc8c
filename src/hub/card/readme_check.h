/* hub/card/readme_check.h - the card's verdict as text for people; the same for API commits and pushes. */
#ifndef HUB_README_CHECK_H
#define HUB_README_CHECK_H

#include "hub/hub.h"

/* Lines are added to errors (if the card is not acceptable) and warnings. */
bool readme_check(str readme, enum repo_kind kind, struct buf *errors, struct buf *warnings, struct err *e);

#endif
