/* model/token/legacy.h - tokenizers from before tokenizer.json, and from GGUF: each becomes the same JSON tree, and is
 * compiled like any other. */
#ifndef MODEL_TOKEN_LEGACY_H
#define MODEL_TOKEN_LEGACY_H

#include "base/buf.h"
#include "base/err.h"
#include "model/token/token.h"

bool legacy_compile_bpe(str vocab_json, str merges_txt, struct buf *out, struct err *e);
/* tokenizer_config (or empty) says do_lower_case, strip_accents, tokenize_chinese_chars and the special tokens. */
bool legacy_compile_wordpiece(str vocab_txt, str tokenizer_config, struct buf *out, struct err *e);

#endif
