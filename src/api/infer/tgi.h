/* api/infer/tgi.h - the parameters of TGI's text generation: checked as its table says, written as a call of infer/engine/engine.h. */
#ifndef API_INFER_TGI_H
#define API_INFER_TGI_H

#include "api/infer/infer_api.h"

enum { TGI_STOPS_MAX = 4, TGI_BEST_OF_MAX = 2, TGI_TOP_TOKENS_MAX = 5, TGI_BATCH_MAX = 32 };

struct tgi_request {
    str inputs;
    const struct json *batch; /* a list of texts instead, or NULL */
    size_t prompts;
    int64_t new_tokens_max, seed, best_of;
    bool samples, wants_details, wants_prefill, wants_full_text, wants_top;
};
/* takes_batch: "inputs" may be a list of up to TGI_BATCH_MAX texts.  full_text: what "return_full_text" is where the body does not say.  Fills out, and adds the call to json. */
bool tgi_request_read(const struct json *body, bool is_stream, bool takes_batch, bool full_text, struct tgi_request *out, struct buf *json, struct err *e);

#endif
