"""Makes tests/data/generation: what Transformers' beam search and logits processors do with the tiny decoders of tests/data/decoders.

    pip install torch==2.6.0 transformers==4.53.3 safetensors numpy
    python tests/oracle/make_generation.py tests/data/decoders tests/data/generation [beams] [processors]

Run once; the result is committed.  Beams: several settings on several families, the sequences (without the prompt) and their scores.
Processors: random scores and contexts through the very list that generate() would build from the same settings, so that the order
is tested with them; null stands for minus infinity, and for NaN where it goes in.
"""
import json
import random
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, GenerationConfig

decoders, where = Path(sys.argv[1]), Path(sys.argv[2])
where.mkdir(parents=True, exist_ok=True)
PROMPT = [1, 17, 42, 5, 88, 3, 3, 61, 29, 77]


def load(name):
    return AutoModelForCausalLM.from_pretrained(decoders / name, torch_dtype=torch.float32, attn_implementation="eager").eval()


def beams():
    settings = []
    for num_beams in (1, 2, 3, 5):
        for length_penalty in (1.0, 0.0, 2.0, -1.0):
            for early_stopping in (False, True, "never"):
                for eos in ([2], [2, 7, 9, 11, 30, 31, 32, 40, 41, 42], [i for i in range(3, 99, 3)]):
                    settings.append(dict(num_beams=num_beams, length_penalty=length_penalty, early_stopping=early_stopping, eos_token_id=eos, max_new_tokens=14))
    extra = [dict(num_beams=4, max_new_tokens=12, eos_token_id=[2], repetition_penalty=1.3), dict(num_beams=3, max_new_tokens=12, eos_token_id=[5, 6], no_repeat_ngram_size=2),
             dict(num_beams=3, max_new_tokens=12, eos_token_id=[i for i in range(3, 99, 3)], min_new_tokens=6), dict(num_beams=2, max_new_tokens=1, eos_token_id=[2]),
             dict(num_beams=4, max_new_tokens=12, eos_token_id=[2], bad_words_ids=[[44], [50, 60]], suppress_tokens=[1, 3]),
             dict(num_beams=4, max_new_tokens=12, eos_token_id=[9], forced_eos_token_id=9),
             dict(num_beams=4, max_new_tokens=12, eos_token_id=[2, 7], renormalize_logits=True, repetition_penalty=1.3, suppress_tokens=[44, 50]),
             dict(num_beams=3, max_new_tokens=12, eos_token_id=[5, 6], renormalize_logits=True, no_repeat_ngram_size=2, bad_words_ids=[[44], [50, 60]])]
    rng, out = random.Random(1), []
    for name in ("llama", "qwen2", "smollm3"):
        model = load(name)
        for s in rng.sample([x for x in settings if x["num_beams"] > 1], 22) + extra:
            options = {"length_penalty": 1.0, "early_stopping": False, **s}
            config = GenerationConfig(**options, num_return_sequences=s["num_beams"], pad_token_id=0, do_sample=False)
            got = model.generate(torch.tensor([PROMPT]), generation_config=config, return_dict_in_generate=True, output_scores=True)
            sequences = []
            for ids, score in zip(got.sequences.tolist(), got.sequences_scores.tolist()):
                ids = ids[len(PROMPT):]
                for i, t in enumerate(ids):
                    if t in s["eos_token_id"]:
                        ids = ids[:i + 1]
                        break
                sequences.append({"ids": ids, "score": round(score, 6)})
            out.append({"model": name, "options": options, "sequences": sequences})
    (where / "beams.json").write_text(json.dumps({"prompt": PROMPT, "cases": out}, separators=(",", ":")) + "\n")
    print(len(out), "beam searches")


def numbers(tensor):
    return [None if v == float("-inf") else "nan" if v != v else "inf" if v == float("inf") else round(v, 6) for v in tensor.tolist()]


def processors():
    model, vocab, out = load("llama"), 99, []
    torch.manual_seed(5)
    rng = random.Random(5)
    one = [
        dict(sequence_bias=[[[7], 2.5], [[4, 9], -3.0], [[3, 3, 8], 1.5]]), dict(repetition_penalty=1.4), dict(repetition_penalty=0.7),
        dict(no_repeat_ngram_size=1), dict(no_repeat_ngram_size=2), dict(no_repeat_ngram_size=3), dict(bad_words_ids=[[5], [4, 9], [2], [3, 3, 8]]),
        dict(min_length=12), dict(min_length=4), dict(min_new_tokens=3), dict(forced_bos_token_id=8), dict(forced_eos_token_id=9),
        dict(forced_eos_token_id=[9, 10]), dict(remove_invalid_values=True), dict(exponential_decay_length_penalty=[2, 1.3]),
        dict(exponential_decay_length_penalty=[0, 1.1]), dict(suppress_tokens=[4, 50, 98]), dict(begin_suppress_tokens=[4, 50, 98]),
        dict(begin_suppress_tokens=[4, 50, 98], forced_bos_token_id=3),
        dict(do_sample=True, top_k=0, temperature=0.7), dict(do_sample=True, top_k=5), dict(do_sample=True, top_k=0, top_p=0.6), dict(do_sample=True, top_k=0, min_p=0.2),
        dict(do_sample=True, top_k=0, typical_p=0.5), dict(do_sample=True, top_k=0, epsilon_cutoff=0.01), dict(do_sample=True, top_k=0, eta_cutoff=0.02),
        dict(do_sample=True, top_k=20, top_p=0.9, temperature=1.3, min_p=0.02),
    ]
    for round_ in range(120):
        options = dict(one[round_]) if round_ < len(one) else {}
        while round_ >= len(one) and len(options) < 5:
            options.update(rng.choice(one))
        if any(k.startswith(("min_", "forced_")) and k != "min_p" for k in options):
            options.pop("exponential_decay_length_penalty", None)  # a ban times a factor is NaN there, and what follows means nothing
        prompt = 1 if rng.random() < 0.2 else rng.randrange(2, 9)
        new = rng.randrange(0, 6)
        ids = [rng.choice([3, 4, 8, 9, rng.randrange(vocab)]) for _ in range(prompt + new)]
        if rng.random() < 0.4 and len(ids) >= 4:
            ids[-2:] = rng.choice([[3, 3], [7, 4]])
        length_max = len(ids) + 1 if rng.random() < 0.3 else prompt + 20
        if max(options.get("forced_bos_token_id", 0), 0) and rng.random() < 0.5:
            ids, new = ids[:1], 0
            prompt = 1
        config = GenerationConfig(**{"do_sample": False, "top_k": 50, **options}, max_length=length_max, eos_token_id=[2, 6])
        model._prepare_special_tokens(config, device="cpu")
        scores = (torch.randn(1, vocab) * 3).round(decimals=3)
        if options.get("remove_invalid_values"):
            scores[0, 11], scores[0, 12] = float("nan"), float("inf")
        plain = [None if v != v else "inf" if v == float("inf") else round(v, 3) for v in scores[0].tolist()]
        got = model._get_logits_processor(config, input_ids_seq_length=prompt, device="cpu")(torch.tensor([ids]), scores.clone())
        out.append({"options": options, "prompt": prompt, "ids": ids, "length_max": length_max, "scores": plain, "processed": numbers(got[0])})
    (where / "processors.json").write_text(json.dumps({"eos": [2, 6], "cases": out}, separators=(",", ":")) + "\n")
    print(len(out), "lists of processors")


for part in sys.argv[3:] or ["beams", "processors"]:
    {"beams": beams, "processors": processors}[part]()
