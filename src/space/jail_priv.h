/* space/jail_priv.h - what the two sides of a jail's start agree on. */
#ifndef SPACE_JAIL_PRIV_H
#define SPACE_JAIL_PRIV_H

/* Where a server that runs as root shows bubblewrap, which is then another user, the folder of Spaces: the way to it may be root's
 * alone.  In a mount namespace of that process; any folder that every system has would do. */
#define JAIL_ROOTS_VIEW "/mnt"

#endif
