"""Makes tests/data/tasks: tiny models with random weights and small tokenizers, and what pipelines make of texts with them.

    pip install torch==2.6.0 transformers==4.53.3 tokenizers sentence-transformers==5.7.0 safetensors numpy
    python tests/oracle/make_tasks.py tests/data/tasks [NAME...]

Run once; the result is committed.  With names, only those of decoders, sentences and ranking are made, and the others stay.  expected.json of a folder is a list of calls: task, inputs, parameters and what
Transformers' pipeline (or sentence-transformers) returned.  Each text goes through alone, in float32, from weights that are
bfloat16.
"""
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForQuestionAnswering,
                          AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer, pipeline)

TEXT = """The quick brown fox jumps over the lazy dog. Ada Lovelace wrote the first program for the analytical engine in London,
and Charles Babbage, who had designed it, never saw it run. In Paris, Marie Curie found polonium and radium. A model is a
function; its parameters are numbers, and training is the search for good ones. Der Fluss fließt durch die Stadt, und die
Brücke ist alt. Le café est près de la gare. What is the capital of France? It is Paris, of course. Nobody knows why the cat
sat on the mat, but it did, and it wasn't sorry. She sells sea shells by the sea shore; the shells she sells are surely
seashells. Emails arrive at 9:30, 10:45 and 11:00. This example is about sports, politics, science or weather.""".replace("\n", " ")
LONG = TEXT + " " + TEXT[200:700]
SPECIAL = {"wordpiece": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "bpe": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
           "unigram": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]}


def tokenizer(kind, where, has_types, **more):
    special = SPECIAL[kind.split("-")[0]]
    if kind == "wordpiece":
        t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        t.normalizer = normalizers.BertNormalizer(lowercase=more.pop("lowercase", True))
        t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        t.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=260, special_tokens=special, show_progress=False)
        names = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
        t.train_from_iterator([TEXT] * 3, trainer)
        t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                         special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        cls = "BertTokenizer"
    elif kind in ("bpe", "bpe-last"):
        t = Tokenizer(models.BPE())
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        t.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
        t.train_from_iterator([TEXT] * 3, trainer)
        t.post_processor = processors.RobertaProcessing(sep=("</s>", 2), cls=("<s>", 0))
        if kind == "bpe-last":  # as those of embedding decoders
            t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A $B </s>", special_tokens=[("</s>", 2)])
        names = dict(pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>", mask_token="<mask>", bos_token="<s>", eos_token="</s>")
        cls = "RobertaTokenizer"
    else:
        t = Tokenizer(models.Unigram())
        t.normalizer = normalizers.NFKC()
        t.pre_tokenizer = pre_tokenizers.Metaspace()
        t.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=260, special_tokens=special, unk_token="<unk>", show_progress=False)
        t.train_from_iterator([TEXT] * 3, trainer)
        t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
                                                         special_tokens=[("<s>", 0), ("</s>", 2)])
        names = dict(pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>", mask_token="<mask>", bos_token="<s>", eos_token="</s>")
        cls = "PreTrainedTokenizerFast"
    t.save(str(where / "tokenizer.json"))
    config = {"tokenizer_class": cls if kind == "unigram" else "PreTrainedTokenizerFast", "model_max_length": 100, **names, **more}
    if not has_types:
        config["model_input_names"] = ["input_ids", "attention_mask"]
    (where / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    return t.get_vocab_size()


FAMILY = {
    "bert": (dict(pad_token_id=0, type_vocab_size=2), "wordpiece"),
    "electra": (dict(pad_token_id=0, type_vocab_size=2, embedding_size=16), "wordpiece"),
    "mpnet": (dict(pad_token_id=0), "wordpiece"),
    "distilbert": (dict(pad_token_id=0), "wordpiece"),
    "roberta": (dict(pad_token_id=1, type_vocab_size=1), "bpe"),
    "xlm-roberta": (dict(pad_token_id=1, type_vocab_size=1), "unigram"),
    "qwen3": (dict(pad_token_id=1, num_key_value_heads=1, head_dim=10), "bpe-last"),
    "llama": (dict(pad_token_id=1, num_key_value_heads=3), "bpe-last"),
    "gemma2": (dict(pad_token_id=2, num_key_value_heads=1, head_dim=10, sliding_window=6), "bpe-last"),
}
AUTO = {"fill-mask": AutoModelForMaskedLM, "text-classification": AutoModelForSequenceClassification,
        "zero-shot-classification": AutoModelForSequenceClassification, "text-ranking": AutoModelForSequenceClassification,
        "token-classification": AutoModelForTokenClassification, "question-answering": AutoModelForQuestionAnswering,
        "feature-extraction": AutoModel, "sentence-similarity": AutoModel}


def make_model(where, model_type, task, labels=None, tokens={}, spread=0.25, **more):
    given, kind = FAMILY[model_type]
    where.mkdir(parents=True)
    vocab = tokenizer(kind, where, given.get("type_vocab_size", 0) > 1, **tokens)
    sizes = dict(vocab_size=vocab, max_position_embeddings=104, **given)
    if model_type == "distilbert":
        sizes.update(dim=24, hidden_dim=32, n_layers=2, n_heads=3)
    else:
        sizes.update(hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=3)
    if labels:
        more.update(id2label=dict(enumerate(labels)), label2id={l: i for i, l in enumerate(labels)})
    torch.manual_seed(sum(map(ord, where.name)))
    config = AutoConfig.for_model(model_type, **{**sizes, **more})
    config._attn_implementation = "eager"
    model = AUTO[task].from_config(config)
    with torch.no_grad():
        for key, p in model.named_parameters():
            norm = "norm" in key.lower() and key.endswith("weight")
            p.copy_((torch.randn_like(p) * spread + (1.0 if norm else 0.0)).to(torch.bfloat16).float())
        model.to(torch.bfloat16).save_pretrained(where)
    return AUTO[task].from_pretrained(where, torch_dtype=torch.float32, attn_implementation="eager").eval()


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, (float, np.floating)):
        return float(f"{float(x):.7g}")
    if isinstance(x, np.integer):
        return int(x)
    if isinstance(x, np.ndarray):
        return plain(x.tolist())
    return x


def save(where, calls):
    (where / "expected.json").write_text(json.dumps(calls, separators=(",", ":"), ensure_ascii=False) + "\n")
    print(where.name, len(calls), "calls,", sum(f.stat().st_size for f in where.rglob("*") if f.is_file()), "bytes")


def pipelines(where, task, model, requests):
    p = pipeline(task, model=model, tokenizer=AutoTokenizer.from_pretrained(where))
    calls = []
    for inputs, parameters in requests:
        with torch.no_grad():
            if task == "question-answering":
                many = isinstance(inputs, list)
                given = dict(question=[i["question"] for i in inputs], context=[i["context"] for i in inputs]) if many else inputs
                out = p(**given, **parameters)
            else:
                out = p(inputs, **parameters)
        calls.append({"task": task, "inputs": inputs, "parameters": parameters, "output": plain(out)})
    save(where, calls)


def fill_mask(root):
    for name, model_type, mask, tokens in (("fill-bert", "bert", "[MASK]", dict(clean_up_tokenization_spaces=True)), ("fill-roberta", "roberta", "<mask>", {}),
                                           ("fill-xlm", "xlm-roberta", "<mask>", {})):
        model = make_model(root / name, model_type, "fill-mask", tokens=tokens)
        pipelines(root / name, "fill-mask", model, [
            (f"The quick brown {mask} jumps over the lazy dog.", {}),
            ([f"Paris is {mask}, of course.", f"It wasn't {mask} ' at all !"], {"top_k": 2}),
            ([f"The cat sat on the {mask}."], {"top_k": 1}),
            (f"{mask} sells sea {mask}", {"top_k": 2}),
            (f"The model is {mask}.", {"targets": ["the", "and", "sea"]}),
            (f"The model is {mask}.", {"targets": "Paris", "top_k": 3}),
            (f"{LONG[:100]} {mask} {LONG}", {"top_k": 1, "tokenizer_kwargs": {"truncation": True}}),
        ])


def text_classification(root):
    requests = [("The cat sat on the mat.", {}), (["She sells sea shells.", "It is Paris!"], {}), ("Le café est près de la gare.", {"top_k": None}),
                (["What?", "Nobody knows."], {"top_k": 2}), ({"text": "The model", "text_pair": "is a function."}, {}),
                ([{"text": "Why?", "text_pair": "Because."}, {"text": "One text."}], {"top_k": 3}), ("Die Brücke ist alt.", {"function_to_apply": "none", "top_k": None}),
                ("Die Brücke ist alt.", {"function_to_apply": "sigmoid"}), (LONG, {"truncation": True}), (LONG, {"truncation": True, "max_length": 20, "top_k": 1})]
    pipelines(root / "classify-single", "text-classification",
              make_model(root / "classify-single", "distilbert", "text-classification", ["NEGATIVE", "POSITIVE", "MIXED"]), requests)
    pipelines(root / "classify-multi", "text-classification",
              make_model(root / "classify-multi", "bert", "text-classification", ["joy", "anger", "fear", "love"], problem_type="multi_label_classification"), requests)
    pipelines(root / "classify-regression", "text-classification",
              make_model(root / "classify-regression", "roberta", "text-classification", ["stars"], problem_type="regression"), requests[:3])
    pipelines(root / "classify-one", "text-classification", make_model(root / "classify-one", "electra", "text-classification", ["toxic"]), requests[:3])


def token_classification(root):
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    text = "Ada Lovelace wrote to Charles Babbage in London, 日本 and Paris; the cat's email arrived."
    requests = [(text, {})] + [(text, {"aggregation_strategy": s}) for s in ("simple", "first", "average", "max")]
    requests += [([text, "Marie Curie, Paris"], {"aggregation_strategy": "simple"}), (text, {"aggregation_strategy": "average", "ignore_labels": ["LOC", "O"]}),
                 (text, {"ignore_labels": []}), (LONG, {"aggregation_strategy": "first", "stride": 10}), (LONG, {"aggregation_strategy": "simple", "stride": 25}),
                 (LONG, {"aggregation_strategy": "max"}), ("", {})]
    for name, model_type, tokens in (("label-bert", "bert", dict(lowercase=False)), ("label-roberta", "roberta", {}), ("label-xlm", "xlm-roberta", {})):
        model = make_model(root / name, model_type, "token-classification", labels, tokens=tokens, spread=0.4)
        pipelines(root / name, "token-classification", model, requests)


def question_answering(root):
    context = "Ada Lovelace wrote the first program for the analytical engine in London, and Charles Babbage never saw it run."
    requests = [({"question": "Who wrote it?", "context": context}, {}), ({"question": "Who wrote it?", "context": context}, {"top_k": 4}),
                ({"question": "Where?", "context": context}, {"max_answer_len": 3, "top_k": 3}),
                ({"question": "Where?", "context": context}, {"align_to_words": False, "top_k": 2}),
                ({"question": "Why not?", "context": context}, {"handle_impossible_answer": True}),
                ({"question": "Why not?", "context": context}, {"handle_impossible_answer": True, "top_k": 5}),
                ({"question": "What is the capital of France?", "context": LONG}, {"max_seq_len": 60, "doc_stride": 20, "top_k": 3}),
                ({"question": "Wo ist die Brücke?", "context": LONG}, {}),
                ([{"question": "Who?", "context": context}, {"question": "What is it?", "context": "It is Paris, of course."}], {"top_k": 2})]
    for name, model_type in (("answer-distilbert", "distilbert"), ("answer-roberta", "roberta"), ("answer-bert", "bert")):
        model = make_model(root / name, model_type, "question-answering", spread=0.5)
        pipelines(root / name, "question-answering", model, requests)


def zero_shot(root):
    requests = [("The engine runs.", {"candidate_labels": ["sports", "science", "weather"]}),
                (["It is Paris.", "Nobody knows."], {"candidate_labels": "sports, politics", "multi_label": True}),
                ("She sells sea shells.", {"candidate_labels": ["the sea"]}), ("The cat", {"candidate_labels": ["a", "b", "c"], "hypothesis_template": "This is {}!"}),
                (LONG, {"candidate_labels": ["sports", "politics"]})]
    for name, model_type, labels in (("zero-roberta", "roberta", ["contradiction", "neutral", "entailment"]),
                                     ("zero-bert", "bert", ["ENTAILMENT", "not_entailment"])):
        pipelines(root / name, "zero-shot-classification", make_model(root / name, model_type, "zero-shot-classification", labels), requests)


def features(root):
    pipelines(root / "features-bert", "feature-extraction", make_model(root / "features-bert", "bert", "feature-extraction"),
              [("The cat.", {}), (["It is.", "Paris, of course"], {})])


def sentences(root):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling
    try:
        from sentence_transformers.sentence_transformer.modules import Transformer
    except ImportError:
        from sentence_transformers.base.modules import Transformer
    texts = ["The cat sat on the mat.", "Paris", LONG, "Le café est près de la gare."]
    cases = {
        "sentence-mean": ("bert", ["mean"], {}, dict(normalize=True)),
        "sentence-cls": ("mpnet", ["cls"], {}, dict(prompts={"query": "What is ", "document": ""}, default="query", dense=("Tanh", True))),
        "sentence-all": ("roberta", ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"], {}, dict(dense=("Identity", False), normalize=True)),
        "sentence-last": ("qwen3", ["lasttoken"], {}, dict(prompts={"query": "Instruct: find it\nQuery:", "document": ""}, normalize=True)),
        "sentence-last-mean": ("llama", ["lasttoken", "mean"], {}, dict(normalize=True)),
        "sentence-prompt": ("distilbert", ["mean"], dict(include_prompt=False), dict(prompts={"query": "What is the "}, similarity="dot")),
    }
    for name, (model_type, modes, pooling, more) in cases.items():
        where = root / name
        if skips(where):
            continue
        make_model(where, model_type, "feature-extraction")
        modules = [Transformer(str(where), max_seq_length=40), Pooling(24, modes, **pooling)]
        if "dense" in more:
            act, bias = more["dense"]
            torch.manual_seed(len(name))
            modules.append(Dense(24 * len(modes), 14, bias=bias, activation_function=getattr(torch.nn, act)()))
        if more.get("normalize"):
            modules.append(Normalize())
        model = SentenceTransformer(modules=modules, device="cpu", prompts=more.get("prompts"), default_prompt_name=more.get("default"),
                                    similarity_fn_name=more.get("similarity", "cosine"))
        kept = {f: (where / f).read_bytes() for f in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")}
        saved = root / (name + ".saved")
        model.save(str(saved))
        for path in saved.rglob("*"):
            to = where / path.relative_to(saved)
            if path.is_dir():
                to.mkdir(exist_ok=True)
            elif path.name not in ("README.md", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt") and (path.parent != saved or path.name not in kept):
                shutil.copy(path, to)
        shutil.rmtree(saved)
        if name == "sentence-mean":  # as older versions wrote it
            (where / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 24, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}))
            (where / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 40, "do_lower_case": False}))
        if name == "sentence-cls":
            (where / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 40, "do_lower_case": False}))
        model = SentenceTransformer(str(where), device="cpu")
        calls = []

        def one(task, inputs, parameters, out):
            calls.append({"task": task, "inputs": inputs, "parameters": parameters, "output": plain(out)})
        encode = lambda t, **k: np.stack([model.encode([x], **k)[0] for x in t]).astype(np.float32)
        one("feature-extraction", texts, {}, encode(texts))
        one("feature-extraction", texts[0], {}, encode(texts[:1])[0])
        if "prompts" in more:
            one("feature-extraction", texts, {"prompt_name": "query"}, encode(texts, prompt_name="query"))
            one("feature-extraction", texts, {"prompt": "Die "}, encode(texts, prompt="Die "))
        one("feature-extraction", texts, {"normalize": True}, encode(texts, normalize_embeddings=True))
        e = encode(texts)
        one("sentence-similarity", {"source_sentence": texts[0], "sentences": texts[1:]}, {}, model.similarity(e[:1], e[1:])[0].numpy())
        print(where, [m.__class__.__name__ for m in model], "max", model.max_seq_length)
        save(where, calls)


def ranking(root):
    from sentence_transformers import CrossEncoder
    for name, family, more in (("rank-sigmoid", "bert", {}), ("rank-qwen3", "qwen3", {}), ("rank-identity", "bert", {"sentence_transformers": {
            "activation_fn": "torch.nn.modules.linear.Identity", "version": "4.1.0"}})):
        if skips(root / name):
            continue
        make_model(root / name, family, "text-ranking", ["LABEL_0"], **more)
        model = CrossEncoder(str(root / name), device="cpu")
        documents = ["Paris is the capital.", "The cat sat on the mat.", LONG, "Nobody knows."]
        calls = []
        for parameters in ({}, {"top_k": 2, "return_documents": True}):
            out = model.rank("What is the capital of France?", documents, batch_size=1, **parameters)
            calls.append({"task": "text-ranking", "inputs": {"query": "What is the capital of France?", "documents": documents}, "parameters": parameters, "output": plain(out)})
        save(root / name, calls)


def decoders_(root):
    texts = ["The cat sat on the mat.", LONG[:130], "It was <pad> a <pad>"]
    for name, family in (("classify-llama", "llama"), ("classify-gemma2", "gemma2")):
        if skips(root / name):
            continue
        model = make_model(root / name, family, "text-classification", ["bad", "good", "neither"])
        pipelines(root / name, "text-classification", model, [(texts, {"top_k": None}), (texts[0], {}), ({"text": "Paris?", "text_pair": "Yes."}, {"top_k": 2})])
    if not skips(root / "features-llama"):
        pipelines(root / "features-llama", "feature-extraction", make_model(root / "features-llama", "llama", "feature-extraction"), [("The cat.", {}), (["It is.", "Paris, of course"], {})])


def skips(where):
    if NAMES and where.name not in NAMES:
        return True
    shutil.rmtree(where, ignore_errors=True)
    return False


root = Path(sys.argv[1])
NAMES = sys.argv[2:]
torch.set_num_threads(1)
if not NAMES:
    shutil.rmtree(root, ignore_errors=True)
for make in (sentences, ranking, decoders_) if NAMES else (fill_mask, text_classification, token_classification, question_answering, zero_shot, features, sentences, ranking, decoders_):
    make(root)
for extra in root.rglob("generation_config.json"):
    extra.unlink()
