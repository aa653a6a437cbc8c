#!/usr/bin/env python3
"""bench/token_bench beside Hugging Face tokenizers in the same run: one thread, the same texts, equal ids or no figure.
Both sides count processor time, so that what else runs on the machine does not decide.

    python3 bench/token_peer.py BENCH WORK [TOKENIZER.json ...]     needs: pip install tokenizers==0.22.1

BENCH is the built bench/token_bench, WORK a folder for the corpus (made once): 64 MB of distinct text from this
machine: sources and documents, the translations that programs carry (dozens of languages), in texts of at most 8 KB.
Without tokenizers named, a Llama-3-like one with 128,000 tokens is trained on a part of the corpus.
"""
import gettext
import hashlib
import os
import random
import re
import subprocess
import sys
import time
from array import array
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

SIZE = 64_000_000
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def translations():
    for path in sorted(Path("/usr/share/locale").rglob("*.mo")):
        try:
            with open(path, "rb") as f:
                words = [v for v in gettext.GNUTranslations(f)._catalog.values() if isinstance(v, str)]
        except Exception:
            continue
        yield "\n".join(words)


def documents():
    for root in ("/usr/share/doc", "/usr/lib/python3.11", "/usr/lib/python3", "/usr/include", "/usr/share/perl", "/usr/share/i18n", "/usr/share"):
        for path in sorted(Path(root).rglob("*")):
            if path.suffix in (".txt", ".md", ".rst", ".py", ".h", ".pod", ".pm", ".html", ".tex", ".el", ".vim", ".svg", ".xml", "") and path.is_file() \
                    and not path.is_symlink() and path.stat().st_size < 400_000:
                try:
                    yield path.read_text()
                except (UnicodeDecodeError, OSError):
                    continue


def pieces(texts, budget):
    seen, got = set(), 0
    for text in texts:
        for at in range(0, len(text), 6000):
            part = text[at:at + 6000].replace("\0", " ")
            key = hashlib.sha1(part.encode()).digest()
            if key in seen or not part:
                continue
            seen.add(key)
            got += len(part.encode())
            yield part
            if got > budget:
                return


def corpus(path):
    if not path.exists():
        parts = list(pieces(translations(), SIZE // 2)) + list(pieces(documents(), SIZE))
        random.Random(1).shuffle(parts)
        data, out = 0, []
        for p in parts:
            out.append(p)
            data += len(p.encode()) + 1
            if data >= SIZE:
                break
        path.write_bytes("".join(p + "\0" for p in out).encode())
    return path.read_bytes().decode().split("\0")[:-1]


def trained(path, texts):
    if not path.exists():
        t = Tokenizer(models.BPE(ignore_merges=True))
        t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        t.decoder = decoders.ByteLevel()
        t.train_from_iterator(texts[::3], trainers.BpeTrainer(vocab_size=128_000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
                                                              special_tokens=["<|begin_of_text|>", "<|eot_id|>"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        t.save(str(path))
    return path


def placed(work, path):
    """A folder of its own, for a folder is what gets opened."""
    to = work / path.stem / "tokenizer.json"
    to.parent.mkdir(exist_ok=True)
    if not to.exists():
        to.symlink_to(path.resolve())
    return to


def peer(path, texts):
    t = Tokenizer.from_file(str(path))
    t.no_truncation(), t.no_padding()
    h, took = hashlib.sha256(), {"ids": 0.0, "offsets": 0.0}
    for at in range(0, len(texts), 500):
        batch = texts[at:at + 500]
        start = time.process_time()
        got = t.encode_batch_fast(batch, add_special_tokens=False)
        took["ids"] += time.process_time() - start
        for e in got:
            h.update(array("I", e.ids).tobytes())
    t = Tokenizer.from_file(str(path))
    for at in range(0, len(texts), 1000):  # half of it is enough for the rate
        batch = texts[at:at + 500]
        start = time.process_time()
        t.encode_batch(batch, add_special_tokens=False)
        took["offsets"] += 2 * (time.process_time() - start)
    return h.hexdigest(), took


def main():
    bench, work = sys.argv[1], Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    texts = corpus(work / "corpus")
    size = (work / "corpus").stat().st_size
    names = [placed(work, Path(p)) for p in sys.argv[3:]] or [trained(work / "llama3like" / "tokenizer.json", texts)]
    wide = sum(1 for t in texts[::50] if re.search(r"[^\x00-\u024f]", t)) / max(1, len(texts[::50]))
    print(f"corpus: {size / 1e6:.1f} MB, {len(texts)} texts, {wide:.0%} of them not in Latin script alone")
    bad = 0
    for path in names:
        out = subprocess.run([bench, str(path), str(work / "corpus"), str(work / "cache")], capture_output=True, text=True)
        if out.returncode:
            sys.exit(out.stderr)
        ours = dict(w.split("=") for w in out.stdout.split())
        digest, took = peer(path, texts)
        same = digest == ours["sha256"]
        bad += not same
        print(f"{path.parent.name}/{path.name}: {ours['tokens']} tokens, ids {'identical' if same else 'DIFFER'}")
        for kind in ("ids", "offsets"):
            theirs = size / 1e6 / took[kind]
            print(f"  {kind:8} {float(ours[kind + '_mb_per_s']):8.1f} MB/s   tokenizers {theirs:6.1f} MB/s   ratio {float(ours[kind + '_mb_per_s']) / theirs:5.1f}")
        print(f"  decode   {float(ours['decode_mb_per_s']):8.1f} MB/s   load {ours.get('load_first_ms')} ms compiled, {ours.get('load_cached_ms')} ms from the cache")
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
