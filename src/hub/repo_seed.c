/* hub/repo_seed.c - the first commit: which files are large by name, and what a Space starts with. */
#include "hub/repo_seed.h"

#include "hub/hub_priv.h"
#include "vcs/path.h"

#define RULE(pattern) pattern " filter=lfs diff=lfs merge=lfs -text\n"

#define COMMON_RULES                                                                                                   \
    RULE("*.7z") RULE("*.arrow") RULE("*.bin") RULE("*.bz2") RULE("*.ckpt") RULE("*.ftz") RULE("*.gguf") RULE("*.gz")   \
    RULE("*.h5") RULE("*.joblib") RULE("*.lfs.*") RULE("*.mlmodel") RULE("*.model") RULE("*.msgpack") RULE("*.npy")     \
    RULE("*.npz") RULE("*.onnx") RULE("*.ot") RULE("*.parquet") RULE("*.pb") RULE("*.pickle") RULE("*.pkl") RULE("*.pt")\
    RULE("*.pth") RULE("*.rar") RULE("*.safetensors") RULE("saved_model/**/*") RULE("*.tar.*") RULE("*.tar")            \
    RULE("*.tflite") RULE("*.tgz") RULE("*.wasm") RULE("*.xz") RULE("*.zip") RULE("*.zst") RULE("*tfevents*")

#define DATASET_RULES                                                                                                  \
    RULE("*.avro") RULE("*.lz4") RULE("*.mds")                                                                          \
    RULE("*.pcm") RULE("*.sam") RULE("*.raw") RULE("*.aac") RULE("*.flac") RULE("*.mp3") RULE("*.ogg") RULE("*.wav")    \
    RULE("*.bmp") RULE("*.gif") RULE("*.png") RULE("*.tiff") RULE("*.jpg") RULE("*.jpeg") RULE("*.webp")                \
    RULE("*.mp4") RULE("*.webm")

str repo_default_attributes(enum repo_kind k)
{
    return k == REPO_DATASET ? STR(COMMON_RULES DATASET_RULES) : STR(COMMON_RULES);
}

static const char static_page[] =
    "<!doctype html>\n<html>\n\t<head>\n\t\t<meta charset=\"utf-8\" />\n"
    "\t\t<meta name=\"viewport\" content=\"width=device-width\" />\n\t\t<title>My static Space</title>\n"
    "\t\t<link rel=\"stylesheet\" href=\"style.css\" />\n\t</head>\n\t<body>\n\t\t<h1>Welcome to your static Space!</h1>\n"
    "\t\t<p>Change <i>index.html</i> to make it yours.</p>\n\t</body>\n</html>\n";
static const char static_style[] = "body {\n\tpadding: 2rem;\n\tfont-family: system-ui, sans-serif;\n}\n";

struct seeds {
    struct repo_file_seed *file;
    size_t n;
};

static void put(struct seeds *s, str path, str content)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!str_eq(s->file[i].path, path)) continue;
        s->file[i].content = bytes_of(content);
        return;
    }
    s->file[s->n++] = (struct repo_file_seed){ path, bytes_of(content) };
}

static str space_readme(const struct repo_create *q, struct arena *a)
{
    struct buf title = BUF_INIT(0);
    buf_json_str(&title, q->name); /* a JSON string is a YAML string */
    str text = arena_fmt(a, "---\ntitle: %.*s\nemoji: \xf0\x9f\x94\xa5\ncolorFrom: red\ncolorTo: yellow\nsdk: %.*s\n%spinned: false\n---\n",
                         STR_ARG(buf_str(&title)), STR_ARG(q->sdk),
                         str_eq(q->sdk, STR("gradio")) || str_eq(q->sdk, STR("streamlit")) ? "app_file: app.py\n" : "");
    buf_deinit(&title);
    return text;
}

bool repo_seed_files(const struct repo_create *q, struct arena *a, struct repo_file_seed **out, size_t *n, struct err *e)
{
    struct seeds s = { .file = arena_try_array(a, q->files_count + 4, sizeof *s.file) };
    if (!s.file) return err_set(e, ERR_TOO_LARGE, "too many files for a first commit");
    put(&s, STR(".gitattributes"), repo_default_attributes(q->kind));
    if (q->kind == REPO_SPACE) {
        put(&s, STR("README.md"), space_readme(q, a));
        if (str_eq(q->sdk, STR("static"))) {
            put(&s, STR("index.html"), str_n(static_page, sizeof static_page - 1));
            put(&s, STR("style.css"), str_n(static_style, sizeof static_style - 1));
        }
    }
    for (size_t i = 0; i < q->files_count; i++) {
        if (!vcs_path_check(q->files[i].path, e)) return false;
        put(&s, q->files[i].path, str_of(q->files[i].content));
    }
    *out = s.file;
    *n = s.n;
    return true;
}
