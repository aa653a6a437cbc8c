"""Random grammars in GBNF, ours against llama.cpp's: of each text both say whether it matches.

    pip install llama-cpp-python
    ninja -C build tests/oracle/grammar_walk
    python tests/oracle/fuzz_gbnf.py build/tests/oracle/grammar_walk tests/data/gguf/demo-q8.gguf [SEED [COUNT]]

Texts are random ones, and those that are made byte by byte under our masks.  llama.cpp is asked token by token, with the vocabulary of
the demo model.  Left recursion and grammars that match nothing are refused here alone.  What it finds becomes a case of
test_constrain.c.
"""
import collections
import ctypes
import json
import random
import subprocess
import sys

import llama_cpp as lc

rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
COUNT = int(sys.argv[4]) if len(sys.argv) > 4 else 500
walker = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
seen, faults = collections.Counter(), 0

LITERALS = ['"a"', '"b"', '"ab"', '"é"', '"\\n"', '"\\x41"', '"\\u00e9"', '"\\U0001F600"', '"\\""', '"\\\\"', '""', '" "', '"|"', '"#"', '"]"', '"\\t"', '"a" "b"', '"()"']
CLASSES = ["[ab]", "[^a]", "[a-c]", "[^\\n]", ".", "[é-ü]", "[a\\-c]", "[-a]", "[a-]", "[\\]a]", "[^\\]]", "[\\[]", "[😀]", "[^😀-😂]", "[0-9]", "[ \\t\\n]",
           "[a-zA-Z0-9-]", "[\\u0061-c]", '[^"\\\\]', "[+--]", "[\\\\]"]
COUNTS = ["*", "+", "?", "{2}", "{1,2}", "{2,}", "{0,1}", "{ 1 , 3 }", "{0}", " *", "{1}"]
CHARS = list('abcéüA\n😀😁"\\|#][\t -09()z+,')


def space(nested): return rng.choice([" ", " ", " ", "  ", " \t"] + (["\n", "\n  ", " # c\n ", "\r\n"] if nested else []))


def item(depth, rules):
    k = rng.randrange(6)
    if k < 2 or depth == 0: x = rng.choice(LITERALS)
    elif k == 2: x = rng.choice(CLASSES)
    elif k == 3: x = rng.choice(rules or LITERALS)
    else: x = "(" + space(True) + alternatives(depth - 1, True, rules) + space(True) + ")"
    return x + (rng.choice(COUNTS) if rng.random() < 0.3 else "")


def alternatives(depth, nested, rules):
    def sequence(): return space(nested).join(item(depth, rules) for _ in range(rng.choice([1, 1, 2, 2, 3, 0])))
    return (space(nested) + "|" + rng.choice([space(True), ""])).join(sequence() for _ in range(rng.choice([1, 1, 1, 2, 3])))


def grammar():
    rules = ["x", "y-1", "zed2"][:rng.randrange(4)]
    names = rng.sample(["root"] + rules, 1 + len(rules))
    lines = [n + rng.choice([" ", "  "]) + "::=" + rng.choice([" ", "\n  ", " # c\n "]) + alternatives(2, False, rules) + rng.choice(["", " ", " # end"]) for n in names]
    return rng.choice(["", "\n", "# hi\n"]) + rng.choice(["\n", "\n\n", "\r\n", "\n# z\n"]).join(lines) + rng.choice(["", "\n"])


def ask(**question):
    walker.stdin.write((json.dumps(question, ensure_ascii=False) + "\n").encode())
    walker.stdin.flush()
    line = walker.stdout.readline()
    return json.loads(line) if line else sys.exit(f"grammar_walk died of {question}")


class Peer:
    def __init__(self, path):
        lc.llama_backend_init()
        params = lc.llama_model_default_params()
        params.vocab_only = True
        self.model = lc.llama_model_load_from_file(path.encode(), params)
        self.vocab = lc.llama_model_get_vocab(self.model)
        self.n, self.eos, self.ids, room = lc.llama_vocab_n_tokens(self.vocab), lc.llama_vocab_eos(self.vocab), {}, ctypes.create_string_buffer(64)
        for i in range(self.n):
            size = lc.llama_token_to_piece(self.vocab, i, room, 64, 0, False)
            if size > 0: self.ids.setdefault(room.raw[:size], i)

    def tokens(self, text):
        """A token a character, or one a byte where there is none."""
        return [i for c in text for i in ([self.ids[c.encode()]] if c.encode() in self.ids else [self.ids[bytes([b])] for b in c.encode()])]

    def matches(self, sampler, text):
        now = lc.llama_sampler_clone(sampler)
        for token in self.tokens(text) + [self.eos]:
            data = (lc.llama_token_data * 1)(lc.llama_token_data(token, 0.0, 0.0))
            lc.llama_sampler_apply(now, ctypes.byref(lc.llama_token_data_array(data, 1, -1, False)))
            if data[0].logit != 0.0: break
            if token != self.eos: lc.llama_sampler_accept(now, token)
        else:
            token = None
        lc.llama_sampler_free(now)
        return token is None


peer = Peer(sys.argv[2])
silent = lc.llama_log_callback(lambda *a: None)
lc.llama_log_set(silent, None)
for _ in range(COUNT):
    source = grammar()
    chars = [c for c in CHARS if c in source] or CHARS
    texts = ["".join(rng.choice(chars if rng.random() < 0.7 else CHARS) for _ in range(rng.randrange(6))) for _ in range(40)]
    said = ask(notation="gbnf", source=source, texts=texts, walks=12, seed=rng.randrange(1 << 30))
    if "error" in said:
        seen["refused: " + said["error"].split(": ")[-1][:60]] += 1
        if "left recursive" in said["error"] or "no text can match" in said["error"]: continue
    sampler = lc.llama_sampler_init_grammar(peer.vocab, source.encode(), b"root")
    if "error" in said or not sampler:
        if sampler:
            faults += 1
            print("FAULT", repr(source), "is refused:", said["error"])
        elif "error" not in said:
            seen["refused by llama.cpp alone"] += 1
        continue
    seen["grammars"] += 1
    for text, ours in [*zip(texts, said["whole"]), *((t, True) for t in said["walks"])]:
        if "\0" in text or len(text) > 200: continue
        seen["texts"] += 1
        if peer.matches(sampler, text) != ours:
            faults += 1
            print("FAULT", repr(source), "takes" if ours else "does not take", repr(text))
            break
    lc.llama_sampler_free(sampler)
for what, n in seen.most_common(30): print(n, what)
sys.exit(faults > 0)
