#!/usr/bin/env python3
"""Golden values for tests/unit/test_token*.c, from Hugging Face tokenizers 0.22.1 (pip install tokenizers==0.22.1).

    python3 tests/oracle/token/make_token.py [SHARED]      writes *.json beside itself

Three kinds: `parts` tries every normalizer, pre-tokenizer, post-processor and decoder with a model whose tokens are
bytes, so that ids, offsets and words show what the component did; `whole` are small tokenizers of each model, trained
here; `shared` are digests for files that are too large to be kept here (SHARED holds tokenizers/ and weights/).
"""
import hashlib
import json
import sys
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

assert tokenizers.__version__ == "0.22.1", tokenizers.__version__
HERE = Path(__file__).resolve().parent
SHARED = Path(sys.argv[1]) if len(sys.argv) > 1 else None

from texts import DECODE_TOKENS, SHORT, TEXTS, TRAIN, as_text  # noqa: E402

CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = CL100K.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
          r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
          r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def special(content, **kw):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **kw}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def seq(kind, *items):
    return {"type": "Sequence", kind: list(items)}


BYTES_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def template(single, pair, **ids):
    def piece(word):
        name, _, kind = word.partition(":")
        kind = int(kind or 0)
        if name in ("$A", "$B"):
            return {"Sequence": {"id": name[1], "type_id": kind}}
        return {"SpecialToken": {"id": name, "type_id": kind}}
    return {"type": "TemplateProcessing", "single": [piece(w) for w in single.split()], "pair": [piece(w) for w in pair.split()],
            "special_tokens": {k: {"id": k, "ids": v, "tokens": [f"t{i}" for i in v]} for k, v in ids.items()}}


# ---- parts: one component at a time, over bytes ------------------------------------------------------------------

def charsmap(pairs):
    """A Darts-clone double array by brute force: good for a few dozen keys."""
    blob, where = b"", {}
    for key, value in pairs:
        where[key.encode()] = len(blob)
        blob += value.encode() + b"\0"
    units = [0] * 4096
    used = {0}

    def place(pos, prefix):
        keys = sorted({k[len(prefix)] for k in where if k.startswith(prefix) and len(k) > len(prefix)})
        leaf = prefix in where
        labels = ([0] if leaf else []) + keys
        offset = 1
        while any((pos ^ offset ^ c) in used for c in labels) or (pos ^ offset) == 0:
            offset += 1
        assert offset < 1 << 21
        units[pos] |= offset << 10
        children = [(c, pos ^ offset ^ c) for c in labels]
        used.update(at for _, at in children)
        for c, at in children:
            if c == 0:
                units[pos] |= 1 << 8
                units[at] = where[prefix] | 1 << 31
            else:
                units[at] |= c
        for c, at in children:
            if c:
                place(at, prefix + bytes([c]))
    place(0, b"")
    size = max(used) + 256
    import base64
    import struct
    return base64.b64encode(struct.pack("<I", 4 * size) + struct.pack(f"<{size}I", *units[:size]) + blob).decode()


MAP = [("ﬁ", "fi"), ("①", "1"), ("½", "1/2"), ("é", "e"), ("e\u0301", "E!"), ("\u200b", ""), ("Ａ", "A"), ("\u00a0", " "),
       ("ガ", "カ゛"), ("㌔", "キロ"), ("ab", "xyz"), ("が", "か")]

NORMAL = [{"type": t} for t in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")] + [
    seq("normalizers", {"type": "NFD"}, {"type": "StripAccents"}),
    seq("normalizers", {"type": "NFKD"}, {"type": "Lowercase"}, {"type": "NFC"}),
    {"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "Strip", "strip_left": False, "strip_right": True},
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": ""},
    {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "-"},
    {"type": "Prepend", "prepend": "▁>"},
    seq("normalizers", {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": False},
    {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": True, "lowercase": False},
    {"type": "Precompiled", "precompiled_charsmap": charsmap(MAP)},
    seq("normalizers", {"type": "Precompiled", "precompiled_charsmap": charsmap(MAP)},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}),
]

PRE = [{"type": "ByteLevel", "add_prefix_space": a, "trim_offsets": True, "use_regex": r} for a in (0, 1) for r in (0, 1)]
for p in PRE:
    p["add_prefix_space"], p["use_regex"] = bool(p["add_prefix_space"]), bool(p["use_regex"])
PRE += [{"type": "Metaspace", "replacement": "▁", "prepend_scheme": s, "split": w} for s in ("always", "first", "never") for w in (True, False)]
PRE += [split({"Regex": r}) for r in (GPT2, CL100K, QWEN2, QWEN35, O200K, TEKKEN)]
PRE += [split({"Regex": "(?:" + r + ")"}) for r in (GPT2, CL100K, O200K)]  # not known by hand: PCRE2 against Oniguruma
PRE += [split({"String": " "}, b) for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")]
PRE += [split({"String": " "}, b, True) for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")]
PRE += [split({"Regex": r"\d|[aeiou]"}, b) for b in ("Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous")]
PRE += [split({"Regex": r" ?[^(\s|.,!?…。，、।۔،)]+"}), split({"Regex": "x*"}), split({"Regex": "^.|.$"})]
PRE += [{"type": t} for t in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts")]
PRE += [{"type": "Punctuation", "behavior": b} for b in ("Isolated", "Removed", "Contiguous", "MergedWithPrevious")]
PRE += [{"type": "Digits", "individual_digits": i} for i in (False, True)]
PRE += [{"type": "CharDelimiterSplit", "delimiter": "-"}, {"type": "FixedLength", "length": 3}]
PRE += [
    seq("pretokenizers", {"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True, "trim_offsets": True}),
    seq("pretokenizers", {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True, "trim_offsets": True},
        {"type": "Digits", "individual_digits": False}, split({"Regex": "[0-9][0-9][0-9]"})),
    seq("pretokenizers", split({"Regex": r"\p{N}{1,3}"}), split({"Regex": "[一-龥\u3040-ゟ゠-ヿ]+"}),
        split({"Regex": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"}),
        BYTES_LEVEL),
    seq("pretokenizers", {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}),
]

POST = [
    template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", **{"[CLS]": [1], "[SEP]": [2]}),
    template("X:3 $A:2", "$B:5 X:1 $A:4 X", X=[7, 8, 9]),
    template("$A", "$A $B:1"),
    {"type": "BertProcessing", "sep": ["t2", 2], "cls": ["t1", 1]},
    {"type": "RobertaProcessing", "sep": ["t2", 2], "cls": ["t1", 1], "trim_offsets": True, "add_prefix_space": True},
    {"type": "RobertaProcessing", "sep": ["t2", 2], "cls": ["t1", 1], "trim_offsets": True, "add_prefix_space": False},
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    seq("processors", {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        template("[CLS] $A", "[CLS] $A [CLS]:1 $B:1", **{"[CLS]": [1]})),
    None,
]

STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
DECODE = [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, {"type": "ByteFallback"}, {"type": "Fuse"},
          {"type": "WordPiece", "prefix": "##", "cleanup": True}, {"type": "WordPiece", "prefix": "##", "cleanup": False},
          {"type": "BPEDecoder", "suffix": "</w>"}, {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
          {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": False},
          {"type": "Strip", "content": "a", "start": 2, "stop": 1},
          {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Replace", "pattern": {"Regex": "[aeiou]+"}, "content": "*"},
          seq("decoders", {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, STRIP),
          seq("decoders", {"type": "ByteFallback"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}), None]
DECODE += [{"type": "Metaspace", "replacement": "▁", "prepend_scheme": s, "split": True} for s in ("always", "first", "never")]


# Forms that Oniguruma and PCRE2 read differently, Bloom's pattern among them, and Kimi K2's; what is not built is refused.
REGEX_TEXT = "I'Ll x_1 ½ e\u0301 12345 f\u1806a0 \u180e\u00a0!$ 世界ー、カナ a\u0bef\u2028\n Ⅷ²ⓐ \x0b[a]^ {2} ſK\u212a --&&||\u3099AB abZ\r\n\u0966"
KIMI = (r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
REGEXES = [r" ?[^(\s|[.,!?…。，、।۔،])]+", KIMI, r"\w+", r"\W+", r"[\w]+", r"[^\w]+", r"[\W\d]", r"[^\W\d_]+", r"\s", r"[^\s]+", r"\S+", r"\s+(?!\S)", r"\h+", r"[\H]",
           r"\p{N}{1,3}+", r"\p{N}{2}+", r"a{,2}", r"\d{2}?", r"[0-9]{1,2}?", r"\d**", r"\d?+\d", r"\p{Han}+", r"\p{Katakana}+|\p{^L}", r"\p{Punct}+", r"[[:punct:]]+",
           r"[[:^alpha:]]", r"[[:word:]]+", r"[a-z&&[^aeiou]]", r"[^a-z&&[^aeiou]]", r"[a&&b]", r"[a[bc]]", r"[^[a]b]+", r"[]a]", r"[^]a]", r"[\x{41}-\u0046\-]", r"[--a]", r"[&a]",
           r"(?m).+", r".+", r"a(?i)b|k", r"(a(?i)b|z)1?", r"(?i)s", r"(?i-m:k).", r"^.|.$", r"\b[a-z]", r"\B", r"\v", r"(?<n>a)|(b)", r"(?<=a)(?!b)", r"(?>\d+)\d", r"(?#no)a", r"\#|\ ", r"x|",
           r"\R", r"\A.|.\z", r"\p{Letter}\p{mark}*", r"\{2}", r"]",
           r"\X", r"\K", r"\pL", r"\k<n>", r"(?x)a b", r"\p{InHiragana}", r"[a-z--[b]]", r"*a", r"{2}", r"(a", r"a)", r"[a", r"\p{Nothing}", r"\p{L"]


def regexes():
    """The words that each cuts the text into, a number for each byte; null: refused, here or by us."""
    out = []
    for regex in REGEXES[:REGEXES.index(r"\X")]:
        t = load(base(pre_tokenizer=seq("pretokenizers", split({"Regex": regex}), BYTES_LEVEL)))
        out.append([regex, [-1 if w is None else w for w in t.encode(REGEX_TEXT).word_ids]])
    return {"text": REGEX_TEXT, "model": bytes_model(), "regexes": out + [[r, None] for r in REGEXES[REGEXES.index(r"\X"):]]}


def bytes_model():
    vocab = {f"<0x{i:02X}>": i for i in range(256)}
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": True, "ignore_merges": False, "vocab": vocab, "merges": []}


def base(**kw):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
            "post_processor": None, "decoder": None, "model": bytes_model(), **kw}


def load(d):
    return Tokenizer.from_str(json.dumps(d, ensure_ascii=False))


def record(e, full=False):
    flat = [x for o in e.offsets for x in o]
    row = {"ids": e.ids, "offsets": flat, "words": [-1 if w is None else w for w in e.word_ids]}
    if full:
        row |= {"types": e.type_ids, "special": e.special_tokens_mask, "attention": e.attention_mask,
                "sequence": [2 if s is None else s for s in e.sequence_ids]}
        if e.overflowing:
            row["overflow"] = [record(o, True) for o in e.overflowing]
    return row


def bytes_record(e):
    """Ids of the byte model as hexadecimal; offsets and words as lists."""
    row = record(e)
    row["ids"] = "".join(f"{i:02x}" for i in row["ids"])
    return row


def decoded(t, row):
    try:
        return t.decode(row, skip_special_tokens=False)
    except BaseException:  # a panic of the reference: it has no answer, so the tests ask for none
        return None


def parts():
    out = {"texts": SHORT, "model": bytes_model(), "normalizers": [], "pre_tokenizers": [], "post_processors": [], "decoders": []}
    for n in NORMAL:
        t = load(base(normalizer=n))
        out["normalizers"].append({"part": n, "want": [bytes_record(t.encode(as_text(s))) for s in SHORT]})
    for p in PRE:
        t = load(base(pre_tokenizer=p))
        out["pre_tokenizers"].append({"part": p, "want": [bytes_record(t.encode(as_text(s))) for s in SHORT]})
    vocab = {"[UNK]": 0, "t1": 1, "t2": 2, "t3": 3, "t7": 7, "t8": 8, "t9": 9, "t4": 4, "t5": 5, "t6": 6,
             "Ġa": 10, "a": 11, "b": 12, "Ġ": 13, "ĠĠ": 14, "Ġb": 15, "c": 16, "aĠ": 17}
    words = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab,
             "merges": [["Ġ", "a"], ["Ġ", "Ġ"], ["Ġ", "b"], ["a", "Ġ"]]}
    out["post_model"] = words
    first, second = " a b  c ab a", "b a c"
    for p in POST:
        rows = []
        for trunc in (None, {"direction": "Right", "max_length": 6, "strategy": "LongestFirst", "stride": 0},
                      {"direction": "Left", "max_length": 8, "strategy": "LongestFirst", "stride": 1},
                      {"direction": "Right", "max_length": 9, "strategy": "OnlyFirst", "stride": 0}):
            for pad in (None, {"strategy": {"Fixed": 12}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 3, "pad_type_id": 1, "pad_token": "t3"},
                        {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": 8, "pad_id": 4, "pad_type_id": 0, "pad_token": "t4"}):
                if pad and trunc and trunc["direction"] == "Left":
                    continue
                d = base(model=words, post_processor=p, truncation=trunc, padding=pad,
                         pre_tokenizer={"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True})
                t = load(d)
                for add in (True, False):
                    for pair in (None, second):
                        try:
                            want = record(t.encode(first, pair, add_special_tokens=add), True)
                        except BaseException:
                            continue
                        rows.append({"truncation": trunc, "padding": pad, "add": add, "pair": pair, "want": want})
        out["post_processors"].append({"part": p, "text": first, "rows": rows})
    tokens = DECODE_TOKENS
    vocab = {t: i for i, t in enumerate(dict.fromkeys(x for row in tokens for x in row))}
    out["decode_vocab"] = list(vocab)
    out["decode_rows"] = [[vocab[t] for t in row] for row in tokens]
    for d in DECODE:
        t = load(base(model={"type": "WordLevel", "vocab": vocab, "unk_token": "a"}, decoder=d))
        out["decoders"].append({"part": d, "want": [decoded(t, row) for row in out["decode_rows"]]})
    return out


# ---- whole: small trained tokenizers ------------------------------------------------------------------------------

def train(model, trainer, normalizer=None, pre=None, post=None, decoder=None):
    t = Tokenizer(model)
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    t.train_from_iterator(TRAIN, trainer)
    if post:
        t.post_processor = post
    if decoder:
        t.decoder = decoder
    return json.loads(t.to_str())


def byte_bpe(size, **kw):
    return train(models.BPE(), trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
                                                   special_tokens=kw.pop("special_tokens", ["<|endoftext|>"])), decoder=decoders.ByteLevel(), **kw)


def whole():
    from tokenizers import Regex
    bl = pre_tokenizers.ByteLevel
    out = {}
    out["gpt2"] = byte_bpe(500, pre=bl(add_prefix_space=False), post=processors.ByteLevel(trim_offsets=False))
    out["roberta"] = byte_bpe(450, pre=bl(add_prefix_space=True), special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
                              post=processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, True))
    for a in out["roberta"]["added_tokens"]:
        a["lstrip"] = a["content"] == "<mask>"
    for name, rule, size in (("llama3", CL100K, 600), ("qwen2", QWEN2, 420), ("o200k", O200K, 520), ("tekken", TEKKEN, 420)):
        d = byte_bpe(size, pre=pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(rule), "isolated"), bl(add_prefix_space=False, use_regex=False)]),
                     normalizer=normalizers.NFC() if name == "qwen2" else None,
                     special_tokens=["<|begin|>", "<|im_start|>", "<|im_end|>"])
        d["post_processor"] = seq("processors", {**BYTES_LEVEL, "use_regex": True}, template("<|begin|> $A", "<|begin|> $A <|begin|>:1 $B:1", **{"<|begin|>": [0]}))
        if name == "llama3":
            d["model"]["ignore_merges"] = True
        n = max(d["model"]["vocab"].values()) + 1
        d["added_tokens"] += [{"id": n, **special("<|a|>")}, {"id": n + 1, **special("<|a|>b", special=False)},
                              {"id": n + 2, **special("word", special=False, single_word=True)},
                              {"id": n + 3, **special("<l>", lstrip=True)}, {"id": n + 4, **special("<r>", rstrip=True, special=False)},
                              {"id": n + 5, **special("Ünï", special=False, normalized=True)}, {"id": n + 6, **special("    ", special=False, normalized=True)}]
        out[name] = d
    d = byte_bpe(420, pre=pre_tokenizers.Sequence([pre_tokenizers.Digits(True), bl(add_prefix_space=False)]))
    out["smollm"] = d
    d = byte_bpe(400, pre=pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r" ?[^(\s|.,!?…。，、।۔،)]+"), "isolated"), bl(add_prefix_space=False, use_regex=False)]))
    out["bloom"] = d
    t = train(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", continuing_subword_prefix=""),
              trainers.BpeTrainer(vocab_size=700, end_of_word_suffix="</w>", initial_alphabet=bl.alphabet(), special_tokens=["<|startoftext|>", "<|endoftext|>"], show_progress=False),
              normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
              pre=pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", True), bl(add_prefix_space=False)]),
              post=processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), False, False), decoder=decoders.BPEDecoder("</w>"))
    out["clip"] = t
    hexes = [f"<0x{i:02X}>" for i in range(256)]
    for name, kw in (("llama2", dict(normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]))),
                     ("llama2new", dict(pre=pre_tokenizers.Metaspace(prepend_scheme="first", split=False))),
                     ("gemma", dict(normalizer=normalizers.Replace(" ", "▁"), pre=pre_tokenizers.Split(" ", "merged_with_previous")))):
        d = train(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
                  trainers.BpeTrainer(vocab_size=620, special_tokens=["<unk>", "<s>", "</s>"] + hexes, limit_alphabet=60, show_progress=False), **kw,
                  decoder=decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]))
        d["added_tokens"] = d["added_tokens"][:3]
        d["post_processor"] = template("<s> $A", "<s> $A <s>:1 $B:1", **{"<s>": [1]})
        out[name] = d
    out["fuse"] = train(models.BPE(unk_token="<unk>", fuse_unk=True), trainers.BpeTrainer(vocab_size=150, limit_alphabet=30, special_tokens=["<unk>"], show_progress=False),
                        pre=pre_tokenizers.Whitespace())
    out["nofuse"] = json.loads(json.dumps(out["fuse"]))
    out["nofuse"]["model"]["fuse_unk"] = False
    out["prefix"] = train(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"), trainers.BpeTrainer(vocab_size=200, continuing_subword_prefix="##", special_tokens=["[UNK]"], show_progress=False),
                          pre=pre_tokenizers.BertPreTokenizer(), decoder=decoders.WordPiece())
    cls = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for name, lower in (("bert", True), ("bertcased", False)):
        d = train(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20), trainers.WordPieceTrainer(vocab_size=500, special_tokens=cls, show_progress=False),
                  normalizer=normalizers.BertNormalizer(lowercase=lower), pre=pre_tokenizers.BertPreTokenizer(), decoder=decoders.WordPiece())
        d["post_processor"] = template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", **{"[CLS]": [2], "[SEP]": [3]})
        out[name] = d
    for name, fallback in (("unigram", False), ("unigrambytes", True)):
        d = train(models.Unigram(), trainers.UnigramTrainer(vocab_size=500, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False),
                  normalizer=normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]),
                  pre=pre_tokenizers.Metaspace(), decoder=decoders.Metaspace())
        if fallback:
            d["model"]["vocab"] += [[h, -20.0] for h in hexes]
            d["model"]["byte_fallback"] = True
            d["decoder"] = seq("decoders", {"type": "ByteFallback"}, d["decoder"])
        d["post_processor"] = template("$A </s>", "$A </s> $B </s>", **{"</s>": [1]})
        out[name] = d
    out["wordlevel"] = train(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=200, special_tokens=["<unk>"], show_progress=False), pre=pre_tokenizers.Whitespace())
    return out


def wants(t):
    rows = []
    for s in TEXTS:
        e = t.encode(as_text(s))
        rows.append({**record(e), "text": t.decode(e.ids, skip_special_tokens=False), "plain": t.decode(e.ids)})
    return rows


def compact(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size)


def digest(t, texts):
    h = hashlib.sha256()
    for s in texts:
        e = t.encode(as_text(s))
        for i, o in zip(e.ids, e.offsets):
            h.update(f"{i},{o[0]},{o[1]};".encode())
        h.update(("|" + t.decode(e.ids, skip_special_tokens=False) + "\n").encode())
    return h.hexdigest()


def shared():
    out = {}
    for name in ("tokenizers/gpt-neox-20b-tokenizer.json", "weights/stories260k/tokenizer.json"):
        out[name] = digest(Tokenizer.from_file(str(SHARED / name)), TEXTS)
    t = Tokenizer(models.BPE.from_file(str(SHARED / "tokenizers/gpt2-encoder.json"), str(SHARED / "tokenizers/gpt2-vocab.bpe")))
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    t.add_special_tokens(["<|endoftext|>"])
    out["tokenizers/gpt2"] = digest(t, TEXTS)
    from tokenizers.implementations import BertWordPieceTokenizer
    out["tokenizers/bert-base-uncased-vocab.txt"] = digest(BertWordPieceTokenizer(str(SHARED / "tokenizers/bert-base-uncased-vocab.txt")), TEXTS)
    return out


if __name__ == "__main__":
    compact(HERE / "parts.json", parts())
    compact(HERE / "regexes.json", regexes())
    built = whole()
    for name, d in built.items():
        compact(HERE / f"whole_{name}.json", {"tokenizer": d, "want": wants(load(d))})
    compact(HERE / "texts.json", TEXTS)
    if SHARED:
        compact(HERE / "shared.json", shared())
