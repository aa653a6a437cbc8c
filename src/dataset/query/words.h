/* dataset/query/words.h - words of texts.
 *
 * A word is a run of letters and digits of any script, without its marks and in one case; of scripts without blanks (Han, kana) each sign is one.
 * There are no stop words, and no stems: what is asked for is what is found. */
#ifndef DATASET_WORDS_H
#define DATASET_WORDS_H

#include "dataset/query/like.h"

enum { WORDS_MAX = 16 };
struct word_set {
    struct needle word[WORDS_MAX];
    size_t n;
    bool has_cut; /* one of them is longer than words are told apart by */
};
bool word_set_parse(str query, struct arena *a, struct word_set *out); /* false: more than WORDS_MAX */

struct word_count {
    uint32_t all, of[WORDS_MAX];
};
/* Adds the words of a text. */
void words_count(const struct word_set *set, str text, struct word_count *to);

#endif
