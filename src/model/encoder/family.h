/* model/encoder/family.h - what the table of families and the reader of config.json share. */
#ifndef MODEL_ENCODER_FAMILY_H
#define MODEL_ENCODER_FAMILY_H

#include "model/encoder/config.h"

struct encoder_family {
    const char *model_type;
    const struct encoder_names *names;
    /* What differs from BERT; NULL: nothing. */
    bool (*read)(const struct json *config, struct encoder_config *d, struct err *e);
};
const struct encoder_family *encoder_family_find(str model_type);

/* Absent: *out stays. */
bool encoder_act_read(const struct json *config, const char *name, enum kernel_activation *out, struct err *e);

#endif
