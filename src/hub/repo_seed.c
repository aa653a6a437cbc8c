/* hub/repo_seed.c - the first commit: which files are large by name, and what a Space starts with. */
#include "hub/repo_seed.h"

#include "hub/card/card.h"
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

static str repo_default_attributes(enum repo_kind k)
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

static void put_line(struct buf *b, const char *key, str value)
{
    if (!value.n) return;
    buf_addf(b, "%s: ", key);
    buf_json_str(b, value); /* a JSON string is a YAML string */
    buf_byte(b, '\n');
}

/* The head of a card with what is known of it; of a Space always, else only for a licence. */
static str readme(const struct repo_create *q, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    buf_lit(&b, "---\n");
    if (q->kind == REPO_SPACE) {
        put_line(&b, "title", q->name);
        buf_addf(&b, "emoji: \xf0\x9f\x94\xa5\ncolorFrom: red\ncolorTo: yellow\nsdk: %.*s\n%spinned: false\n", STR_ARG(q->sdk),
                 str_eq(q->sdk, STR("gradio")) || str_eq(q->sdk, STR("streamlit")) ? "app_file: app.py\n" : "");
    }
    if (q->license.n) buf_addf(&b, "license: %.*s\n", STR_ARG(q->license));
    put_line(&b, "license_name", q->license_name);
    put_line(&b, "license_link", q->license_link);
    buf_lit(&b, "---\n");
    str text = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return text;
}

bool repo_seed_files(const struct repo_create *q, struct arena *a, struct repo_file_seed **out, size_t *n, struct err *e)
{
    struct seeds s = { .file = arena_try_array(a, q->files_count + 4, sizeof *s.file) };
    if (!s.file) return err_set(e, ERR_TOO_LARGE, "too many files for a first commit");
    if (q->license.n && !card_license_is_known(q->license))
        return err_set(e, ERR_INVALID, "\"license\" must be an identifier such as mit or apache-2.0, or other; \"%.*s\" is not known", STR_ARG(str_to(q->license, 60)));
    put(&s, STR(".gitattributes"), repo_default_attributes(q->kind));
    if (q->kind == REPO_SPACE || q->license.n) put(&s, STR("README.md"), readme(q, a));
    if (q->kind == REPO_SPACE && str_eq(q->sdk, STR("static"))) {
        put(&s, STR("index.html"), str_n(static_page, sizeof static_page - 1));
        put(&s, STR("style.css"), str_n(static_style, sizeof static_style - 1));
    }
    for (size_t i = 0; i < q->files_count; i++) {
        if (!vcs_path_check(q->files[i].path, e)) return false;
        put(&s, q->files[i].path, str_of(q->files[i].content));
    }
    *out = s.file;
    *n = s.n;
    return true;
}
