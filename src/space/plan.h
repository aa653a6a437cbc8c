/* space/plan.h - what the front matter of a Space's card asks for: the card in, a plan out.  Does no I/O. */
#ifndef SPACE_PLAN_H
#define SPACE_PLAN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

enum space_sdk { SPACE_GRADIO, SPACE_STREAMLIT, SPACE_STATIC, SPACE_DOCKER };
enum { SPACE_PORT = 7860, SPACE_STREAMLIT_PORT = 8501, SPACE_STARTUP_S = 1800 };

struct space_plan {
    enum space_sdk sdk;
    str sdk_name, sdk_version; /* version: empty, the newest */
    str python;                /* "3.11" or "3.11.4"; empty: whatever there is */
    str app_file, base_path;   /* base_path: empty, or begins with '/' */
    str title;
    int port;
    int64_t startup_s;
};
/* card NULL: there is none.  sdk: what the repository is by its row; the card's word goes before it.  What is wrong is
 * ERR_UNPROCESSABLE, in words for the owner.  What may be missing has its default; keys that nobody knows are nothing. */
bool space_plan_read(const struct json *card, str sdk, str repo_name, struct space_plan *out, struct arena *a, struct err *e);

/* Names of Debian packages, one a line, as packages.txt has them; '#' begins a comment.  What cannot be one: ERR_UNPROCESSABLE. */
enum { SPACE_PACKAGES_MAX = 200 };
bool space_packages_read(str text, struct arena *a, str **out, size_t *n, struct err *e);

#endif
