/* api/infer/openai.h - what the files of OpenAI's surface share: reading a request, and the parts that several answers have.
 *
 * Unknown members are ignored and null is the same as absent, for clients send both as a matter of course; what is known has a
 * type and bounds, and a message that refuses it begins with its name in quotes: that becomes the "param" of the error. */
#ifndef API_INFER_OPENAI_H
#define API_INFER_OPENAI_H

#include "api/infer/infer_api.h"

enum { OPENAI_MESSAGES_MAX = 4096, OPENAI_CHOICES_MAX = 16, OPENAI_TOOLS_MAX = 128, OPENAI_TEMPLATE_BYTES = 4096 };

/* ------------------------------------------------------------------ fields of a request */

enum field_kind { FIELD_BOOL = 1, FIELD_INT = 2, FIELD_REAL = 4, FIELD_TEXT = 8, FIELD_LIST = 16, FIELD_OBJECT = 32 };
struct field {
    const char *name;
    unsigned kinds;
    double least, most; /* of a number; of a list and a text: how long; both 0: any */
};
bool fields_check(const struct json *body, const struct field *f, size_t n, struct err *e);
static inline const struct json *field_of(const struct json *body, const char *name)
{
    const struct json *v = json_get(body, str_c(name));
    return is_given(v) ? v : NULL;
}
/* {"name": theirs} as "ours", if it is there. */
void field_copy(struct json_writer *w, const struct json *body, const char *theirs, const char *ours);

/* ------------------------------------------------------------------ from the request to the call */

struct wishes { /* what the answer must know of the request */
    size_t choices;
    int64_t tokens_max; /* of a choice */
    bool wants_logprobs, wants_usage, is_stream;
    bool tells_thoughts; /* set before the request is read: apart from the answer; false: as it is written */
};
/* The call of infer/engine/engine.h for a conversation; body is that of chat completions. */
bool openai_write_chat(const struct json *body, struct buf *out, struct wishes *out_wishes, struct err *e);
/* openai_messages.c: "messages" as templates take them: texts joined, arguments of calls as objects, developers as system. */
bool openai_write_messages(struct json_writer *w, const struct json *messages, bool *continues, struct err *e);
/* openai_tools.c: "tools", "tool_choice" and "parallel_tool_calls"; *has_tools: they may be called. */
bool openai_write_tools(struct json_writer *w, const struct json *body, bool *has_tools, struct err *e);
/* "options" but what concerns log-probabilities and choices; leaves them open. */
bool openai_write_options(struct json_writer *w, const struct json *body, struct wishes *out, struct err *e);
/* What the price is held for. */
uint64_t openai_tokens_held(struct call *c, const struct wishes *w, size_t choices);

/* ------------------------------------------------------------------ from the call to the answer */

struct openai_head {
    str id, model;
    int64_t created_s;
};
void openai_begin_head(struct call *c, struct openai_head *h, const char *prefix, str model);
void openai_write_head(struct json_writer *w, const struct openai_head *h, const char *object);
void openai_write_usage(struct json_writer *w, const struct json *end);
str openai_finish(const struct json *end, size_t choice);
/* The tokens of a part, in the form of chats, without brackets around them. */
void openai_add_logprobs(struct buf *out, const struct json *part);
/* As an event of a stream that has begun. */
bool openai_send_failure(struct model_call *m, const struct err *why, struct err *e);

/* The calls of functions in one answer, as their pieces come. */
struct called {
    str id, name;
    struct buf arguments;
};
struct calls {
    struct called *call[OPENAI_TOOLS_MAX];
    size_t n;
};
/* NULL: not a piece of a call.  *is_new: its name came. */
struct called *calls_add(struct calls *all, const struct json *piece, struct arena *a, bool *is_new);
void calls_deinit(struct calls *all);

#endif
