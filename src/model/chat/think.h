/* model/chat/think.h - what a model thinks before it answers, told apart from the answer.
 *
 * Models that think write "<think>", their thoughts, "</think>", the answer; the prompts of some end behind the opening already
 * (DeepSeek R1, QwQ, Qwen3 Thinking).  Whether a model does so its chat template tells, for it has to know how to leave old thoughts out. */
#ifndef MODEL_CHAT_THINK_H
#define MODEL_CHAT_THINK_H

#include "base/buf.h"

#define THINK_OPEN "<think>"
#define THINK_CLOSE "</think>"

bool think_is_taught(str chat_template);
bool think_is_open(str prompt); /* it ends behind the opening */

enum think_state { THINK_BEFORE, THINK_INSIDE, THINK_AFTER };
struct think { /* one answer; {0} and think_init before the first use, think_deinit after the last */
    enum think_state state;
    bool trims;      /* line ends that follow a mark belong to it */
    struct buf held; /* what may be the beginning of a mark */
};
void think_init(struct think *t, bool is_open);
void think_deinit(struct think *t);
/* More text, and whether it was all: adds to thought what was thought, to said what was said. */
void think_add(struct think *t, str text, bool is_end, struct buf *thought, struct buf *said);

#endif
