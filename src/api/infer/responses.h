/* api/infer/responses.h - OpenAI's responses: the request, and the answer as items and events. */
#ifndef API_INFER_RESPONSES_H
#define API_INFER_RESPONSES_H

#include "api/infer/openai.h"

/* The same request in the form of chat completions; what is borrowed lies in body. */
bool responses_as_chat(const struct json *body, struct arena *a, struct json **out, struct err *e);

#endif
