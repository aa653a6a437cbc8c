"""Fills a fresh home with N repositories by writing rows as src/db/schema says; the git side stays empty.

    generate.py HOME N      HOME must hold the database already (any `hearth` command makes it)

Listings, searches and model info read these rows only, which is the point of the measurement."""
import json
import random
import sqlite3
import sys
import time
from pathlib import Path

WORDS = """llama mistral qwen gemma phi bert roberta deberta t5 bart gpt falcon mamba whisper wav2vec clip vit swin detr yolo stable
diffusion flux lora adapter instruct chat base large small tiny mini nano code math vision audio speech text embed rerank classify
translate summarize sentiment medical legal finance german french spanish chinese japanese korean multilingual distilled quantized
gguf awq gptq finetuned merged experimental preview final v1 v2 v3 hf onnx""".split()
PIPELINES = ["text-generation", "text-classification", "feature-extraction", "automatic-speech-recognition", "image-classification",
             "text-to-image", "translation", "summarization", "token-classification", "question-answering"]
LIBRARIES = ["transformers", "diffusers", "sentence-transformers", "timm", "peft", "gguf"]
LANGUAGES = ["en", "fr", "de", "es", "zh", "ja", "ko", "ru", "ar", "hi"]
LICENSES = ["mit", "apache-2.0", "cc-by-4.0", "openrail", "llama3"]


def columns(db, table):
    return {row[1] for row in db.execute(f"PRAGMA table_info({table})")}


def insert(db, table, row_names, rows):
    there = columns(db, table)
    missing = [n for n in row_names if n not in there]
    if missing:
        sys.exit(f"generate.py: {table} has no column {missing}; the schema has changed")
    marks = ",".join("?" * len(row_names))
    db.executemany(f"INSERT INTO {table} ({','.join(row_names)}) VALUES ({marks})", rows)


def main():
    home, n = Path(sys.argv[1]), int(sys.argv[2])
    rnd, now = random.Random(1), int(time.time() * 1000)
    db = sqlite3.connect(home / "hearth.db")
    db.executescript("PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY; PRAGMA cache_size=-400000; BEGIN")
    owners = max(1, n // 200)
    first_owner = db.execute("SELECT coalesce(max(id), 0) + 1 FROM account").fetchone()[0]
    insert(db, "account", ["id", "hex_id", "kind", "name", "name_key", "created_ms"],
           ((first_owner + i, f"{first_owner + i:024x}", "user", f"maker-{i}", f"maker-{i}", now) for i in range(owners)))
    first = db.execute("SELECT coalesce(max(id), 0) + 1 FROM repo").fetchone()[0]
    tag_ids, repo_tags, counts = {}, [], {}
    first_tag = db.execute("SELECT coalesce(max(id), 0) + 1 FROM tag").fetchone()[0]
    batch = {"repo": [], "index": [], "file": [], "ref": [], "search": []}

    def flush():
        insert(db, "repo", ["id", "hex_id", "kind", "owner_id", "name", "name_key", "created_ms"], batch["repo"])
        insert(db, "repo_index", ["repo_id", "kind", "full_name", "head_sha", "modified_ms", "created_ms", "downloads", "downloads_all", "likes",
                                  "trending", "parameters", "used_bytes", "files_count", "pipeline_tag", "library_name", "tags", "card", "config", "owner_id"],
               batch["index"])
        insert(db, "repo_file", ["repo_id", "path", "oid", "size_bytes"], batch["file"])
        insert(db, "repo_ref", ["repo_id", "name", "sha", "commit_sha"], batch["ref"])
        db.executemany("INSERT INTO repo_search (rowid, full_name) VALUES (?, ?)", batch["search"])
        insert(db, "repo_tag", ["tag_id", "repo_id"], sorted(set(repo_tags)))
        repo_tags.clear()
        for rows in batch.values():
            rows.clear()

    for i in range(n):
        rid, owner = first + i, rnd.randrange(owners)
        name = "-".join(rnd.sample(WORDS, 3)) + f"-{i}"
        full = f"maker-{owner}/{name}"
        created = now - rnd.randrange(3 * 365 * 86400) * 1000
        sha = f"{rnd.getrandbits(160):040x}"
        pipeline, library, license_ = rnd.choice(PIPELINES), rnd.choice(LIBRARIES), rnd.choice(LICENSES)
        language = rnd.sample(LANGUAGES, 2)
        tags = [library, "safetensors", pipeline, *language, f"license:{license_}", "region:us"]
        downloads, likes = int(rnd.paretovariate(0.6)) % 10**7, int(rnd.paretovariate(0.9)) % 10**5
        batch["repo"].append((rid, f"{0xabc << 64 | rid:024x}", "model", first_owner + owner, name, name, created))
        batch["index"].append((rid, "model", full, sha, created, created, downloads, downloads * 3, likes, likes / (1 + (now - created) / 864e5),
                               rnd.randrange(10**6, 10**11), 10**9, 6, pipeline, library, json.dumps(tags),
                               json.dumps({"license": license_, "language": language, "tags": []}), '{"model_type":"llama"}',
                               first_owner + owner))
        for path in (".gitattributes", "README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
            batch["file"].append((rid, path, f"{rnd.getrandbits(160):040x}", 1000))
        batch["ref"].append((rid, "refs/heads/main", sha, sha))
        batch["search"].append((rid, full + "  "))  # two blanks: see search_text in src/hub/index/index_write.c
        for tag in [*tags, f"\1pipeline_tag:{pipeline}"]:
            if tag not in tag_ids:
                tag_ids[tag] = first_tag + len(tag_ids)
                found = db.execute("SELECT id FROM tag WHERE kind = 'model' AND name = ?", (tag,)).fetchone()
                if found:
                    tag_ids[tag] = found[0]
                else:
                    insert(db, "tag", ["id", "kind", "name"], [(tag_ids[tag], "model", tag)])
            counts[tag] = counts.get(tag, 0) + 1
            repo_tags.append((tag_ids[tag], rid))
        if len(batch["repo"]) == 20_000:
            flush()
    flush()
    db.execute("DELETE FROM tag_block")  # made from repo_tag when the server starts
    db.executemany("UPDATE tag SET repos_count = repos_count + ? WHERE id = ?", ((c, tag_ids[x]) for x, c in counts.items()))
    db.commit()
    db.execute("INSERT INTO repo_search (repo_search) VALUES ('optimize')")
    db.commit()
    db.execute("ANALYZE")
    db.commit()
    db.execute("PRAGMA journal_mode=WAL")


if __name__ == "__main__":
    main()
