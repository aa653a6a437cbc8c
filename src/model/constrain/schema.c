/* model/constrain/schema.c - JSON Schema: not yet. */
#include "model/constrain/grammar_priv.h"
bool grammar_from_json_schema(str schema, struct grammar **out, struct err *e)
{
    (void)schema, (void)out;
    return err_set(e, ERR_NOT_BUILT, "JSON schemas are not built yet");
}
