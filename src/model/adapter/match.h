/* model/adapter/match.h - which modules a PEFT config means: by suffix, or by a regular expression. */
#ifndef MODEL_ADAPTER_MATCH_H
#define MODEL_ADAPTER_MATCH_H

#include "base/err.h"
#include "base/json.h"

/* The whole of `text` matches Python's regex `before` + `pattern` + `after`.  ERR_INVALID: it is none, or takes too long. */
bool match_whole(const char *before, str pattern, const char *after, str text, bool *out, struct err *e);
/* names: a list of names or of what stands after a dot, or one regex that matches the whole. */
bool match_module(const struct json *names, str module, bool *out, struct err *e);

#endif
