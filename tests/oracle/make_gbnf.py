"""Makes tests/data/generation/gbnf.json: which tokens of the demo model llama.cpp's grammars allow, along random texts.

    pip install llama-cpp-python
    python tests/oracle/make_gbnf.py tests/data/gguf/demo-q8.gguf tests/data/generation/gbnf.json

Run once; the result is committed.  For each grammar some texts are walked token by token; each step says what was allowed, as
hexadecimal digits of a bit set whose lowest bit is token 0.
"""
import ctypes
import json
import random
import sys

import llama_cpp as lc

GRAMMARS = [
    'root ::= "a"', 'root ::= "yes" | "no" | "maybe so"', 'root ::= [a-z]+ "."', 'root ::= [^x"]{2,5}', 'root ::= .', 'root ::= . . "!"',
    'root ::= ("a" | "bc")* "d"?', 'root ::= "Lily " ("was" | "is") " " [a-z ]{3,12} [.!?]', 'root ::= item ("," item)*\nitem ::= [0-9]{1,3}',
    'root ::= "(" root ")" | "x"', 'root ::= "a" root | ""', 'root ::= [à-ü]+ "é"?', 'root ::= "€" | "\\u20ac\\u20ac" | "\\U0001F600"',
    'root ::= [^\\x00-\\x1f"\\\\]* "\\""', 'root ::= one | two # comment\none ::= "1"\ntwo ::= (\n "2" "3"\n)+',
    'root ::= "{" ws pair ("," ws pair)* ws "}"\npair ::= string ":" ws value\nvalue ::= string | number | "[" (value ("," ws value)*)? "]" | "true" | "null"\n'
    'string ::= "\\"" [^"\\\\\\x7F\\x00-\\x1F]* "\\""\nnumber ::= "-"? [0-9]+ ("." [0-9]+)?\nws ::= " "?',
    'root ::= (" " [A-Za-z]+)+ "\\n"', 'root ::= [a-zA-Z] [a-zA-Z0-9_-]*', 'root ::= ("ab"{2,3} "c"){1,2}', 'root ::= " the"? " "? [a-d]? "end"',
]

# llama.cpp lets <unk> and <s> stand for their names, which special tokens never do here, and never allows the byte 0.
SPECIAL = (0, 1, 3)


def main():
    rng, out = random.Random(3), []
    lc.llama_backend_init()
    params = lc.llama_model_default_params()
    params.vocab_only = True
    model = lc.llama_model_load_from_file(sys.argv[1].encode(), params)
    vocab = lc.llama_model_get_vocab(model)
    n = lc.llama_vocab_n_tokens(vocab)
    eos = lc.llama_vocab_eos(vocab)
    for text in GRAMMARS:
        walks = []
        for _ in range(4):
            sampler = lc.llama_sampler_init_grammar(vocab, text.encode(), b"root")
            steps, ids = [], []
            for _ in range(14):
                data = (lc.llama_token_data * n)(*[lc.llama_token_data(i, 0.0, 0.0) for i in range(n)])
                array = lc.llama_token_data_array(data, n, -1, False)
                lc.llama_sampler_apply(sampler, ctypes.byref(array))
                allowed = [data[i].id for i in range(n) if data[i].logit == 0.0 and data[i].id not in SPECIAL]
                steps.append("%x" % sum(1 << i for i in allowed))
                # Of bytes by themselves only those of two-byte characters: llama.cpp goes on after others that UTF-8 never has.
                words = [i for i in allowed if i != eos and (not 131 <= i <= 258 or i == 198 or ids[-1:] == [198])]
                if not words or (eos in allowed and rng.random() < 0.2):
                    break
                pick = rng.choice(words)
                ids.append(pick)
                lc.llama_sampler_accept(sampler, pick)
            lc.llama_sampler_free(sampler)
            walks.append({"ids": ids, "allowed": steps})
        out.append({"grammar": text, "walks": walks})
    with open(sys.argv[2], "w") as f:
        json.dump({"version": lc.__version__, "tokens": n, "eos": eos, "cases": out}, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
    print(len(out), "grammars,", sum(len(w["allowed"]) for c in out for w in c["walks"]), "steps, llama-cpp-python", lc.__version__)


main()
