/* scan/form.h - what is no pickle and no archive: formats that say what they hold, settings that name code, templates, programs.
 *
 * Some are recognised by their content, some by the name that a loader asks for, since nothing else makes them dangerous (config.json).  A
 * finding of SCAN_SAFE is a label and no accusation ("a native program"). */
#ifndef SCAN_FORM_H
#define SCAN_FORM_H

#include "base/json.h"
#include "scan/probe.h"

bool probe_safetensors(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_gguf(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_template(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_config(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_hdf5(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_onnx(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_saved_model(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_tflite(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_yaml(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_script(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_program(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_secret(struct scan *s, const struct probe_input *in, struct err *e);

/* ------------------------------------------------------------------ what several of them judge */

/* A template that is rendered with what people say.  is_chat: one that our own parser cannot read is SCAN_CAUTION. */
void form_template(struct scan *s, const struct probe_input *in, str name, str source, bool is_chat);
/* An object of settings, however deep; is_h5: loaders of that format run the code of a Lambda unasked. */
void form_keras(struct scan *s, const struct probe_input *in, const struct json *config, const char *probe, bool is_h5);
/* A dotted Python name that a loader imports and calls.  False: it is nothing to speak of. */
bool form_calls(struct scan *s, const struct probe_input *in, const char *probe, str dotted, const char *where);

/* Of a file that a loader looks for beside the model: a path that leaves its folder, or is none. */
bool form_leads_outside(str path);

/* All of a content of at most n_max bytes, NUL-terminated; *out.p NULL: it is longer, or memory is short.  Free with mem_free. */
bool form_all(struct scan *s, const struct probe_input *in, size_t n_max, str *out, struct err *e);
str form_name(str path); /* without its folders */
bool form_is(str path, const char *name); /* in any case */

#endif
