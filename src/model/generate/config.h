/* model/generate/config.h - how a repository wants to be generated from: generation_config.json.
 *
 * What the caller asks for beats this file, and this file beats config.json, whose generation keys are read only where
 * there is no such file.  Sampling is off unless the file says so. */
#ifndef MODEL_GENERATE_CONFIG_H
#define MODEL_GENERATE_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "model/decoder/config.h"
#include "model/generate/generator.h"

/* Lists lie in `a`, which must outlive what the options are given to.  Without the file: the defaults, and the end of
 * sequence that config.json names.  ERR_NOT_BUILT when the file asks for what would be generated otherwise here, by
 * name. */
bool generation_config_read(struct source *source, const struct decoder_config *c, struct arena *a,
                            struct sequence_options *out, struct err *e);
/* The same from the file's value, NULL when there is none; without its stop strings. */
bool generation_config_parse(const struct json *j, const struct decoder_config *c, struct arena *a,
                             struct sequence_options *out, struct err *e);

#endif
