/* test_scan_forms.c - probes of what is no pickle and no archive: what each tells, and what it leaves alone. */
#include "scan_help.h"

/* ------------------------------------------------------------------ safetensors and GGUF */

static void put_u32(struct buf *b, uint32_t v)
{
    for (int i = 0; i < 4; i++) buf_byte(b, (char)(v >> 8 * i));
}
static void put_u64(struct buf *b, uint64_t v)
{
    put_u32(b, (uint32_t)v);
    put_u32(b, (uint32_t)(v >> 32));
}

static void safetensors_are_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *words; /* NULL: valid */
    } cases[] = {
        { "{}", 0, NULL },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}  ", 8, NULL },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[0,3],\"data_offsets\":[4,4]}}", 4, NULL },
        { "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1, NULL },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "the tensors take 8 bytes, the file has 9" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "the tensors take 8 bytes, the file has 7" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "a hole before it" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}", 6, "overlaps" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "stands twice" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, "no whole number" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, "overflows" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "may only hold text" },
        { "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, "no whole number of bytes" },
        { "{\"a\":{\"dtype\":\"OBJECT\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "unknown dtype" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = BUF_INIT(0);
        put_u64(&b, strlen(cases[i].header));
        buf_add(&b, str_c(cases[i].header));
        for (size_t k = 0; k < cases[i].data; k++) buf_byte(&b, 0);
        judged_as(buf_str(&b), "model.safetensors", cases[i].words ? SCAN_CAUTION : SCAN_SAFE, "safetensors", cases[i].words);
        buf_deinit(&b);
    }
    judged_as(STR("short"), "model.safetensors", SCAN_CAUTION, "safetensors", "does not fit");
    judged_as(STR("\xff\xff\xff\xff\xff\xff\xff\x7f{}"), "model.safetensors", SCAN_CAUTION, "safetensors", "does not fit");
    judged_as(STR("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"), "model.safetensors", SCAN_SAFE, "", NULL);
}

static void gguf(struct buf *b, const char *template)
{
    buf_lit(b, "GGUF");
    put_u32(b, 3);
    put_u64(b, 0);
    put_u64(b, 1);
    put_u64(b, strlen("tokenizer.chat_template.tool"));
    buf_lit(b, "tokenizer.chat_template.tool");
    put_u32(b, 8);
    put_u64(b, strlen(template));
    buf_add(b, str_c(template));
    while (b->n % 32) buf_byte(b, 0);
}

static void a_gguf_brings_templates(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    gguf(&b, "{% for m in messages %}{{ m.content }}{% endfor %}");
    judged_as(buf_str(&b), "model.gguf", SCAN_SAFE, "", NULL);
    judged_as(str_to(buf_str(&b), 40), "model.gguf", SCAN_CAUTION, "gguf", "is no GGUF file that can be read");
    buf_reset(&b);
    gguf(&b, "{{ cycler.__init__.__globals__.os.popen('id').read() }}");
    judged_as(buf_str(&b), "weights", SCAN_UNSAFE, "template", "tokenizer.chat_template.tool, line 1: reaches for __globals__");
    judged_as(STR("text"), "model.gguf", SCAN_CAUTION, "gguf", "is called .gguf and is none");
    buf_deinit(&b);
}

/* ------------------------------------------------------------------ templates */

static void templates_that_reach_for_code_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        enum scan_level level;
        const char *words;
    } cases[] = {
        { "{% for m in messages %}{{ m['role'] + m.content }}{% endfor %}", SCAN_SAFE, NULL },
        { "{{ bos_token }}{% if tools is not none %}{{ tools | tojson(indent=2) }}{% endif %}{{ '__eng__' }}", SCAN_SAFE, NULL },
        { "{{ ''.__class__ }}", SCAN_UNSAFE, "line 1: reaches for __class__" },
        { "\n\n{{ x['__subclasses__']() }}", SCAN_UNSAFE, "line 3: reaches for __subclasses__" },
        { "{{ x['__cla' ~ 'ss__'] }}", SCAN_UNSAFE, "__class__" },
        { "{{ x['\\x5f\\x5fclass\\x5f\\x5f'] }}", SCAN_UNSAFE, "__class__" },
        { "{{ x | attr('_' * 2 + 'globals__') }}", SCAN_UNSAFE, "__globals__" },
        { "{% set k = '__builtins__' %}{{ x[k] }}", SCAN_UNSAFE, "__builtins__" },
        { "{{ x | map(attribute='a.__class__') | list }}", SCAN_UNSAFE, "__class__" },
        { "{{ x.__len__() }}", SCAN_SUSPICIOUS, "__len__" },
        { "{{ x | attr(y) }}", SCAN_SUSPICIOUS, "computes" },
        { "{{ x['__ssalc__'[::-1]] }}", SCAN_SUSPICIOUS, "computes" },
        { "{{ x.__class__ }}{% endfor %}", SCAN_UNSAFE, "__class__" },
        { "{% endfor %}{{ x.__class__ }}", SCAN_SUSPICIOUS, "holds __class__, and cannot be parsed" },
        { "{% if %}", SCAN_CAUTION, "is no template that can be read" },
        { "{{ x | a_filter_of_somebody }}", SCAN_SAFE, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = BUF_INIT(0);
        judged_as(str_c(cases[i].source), "chat_template.jinja", cases[i].level, "template", cases[i].words);
        struct json_writer w = json_writer(&b);
        jw_object(&w);
        jw_kstr(&w, "chat_template", str_c(cases[i].source));
        jw_object_end(&w);
        judged_as(buf_str(&b), "tokenizer_config.json", cases[i].level, "template", cases[i].words);
        buf_deinit(&b);
    }
    judged_as(STR("{% trans %}hello{% endtrans %}"), "templates/page.j2", SCAN_SAFE, "", NULL);
    judged_as(STR("{\"chat_template\":[{\"name\":\"tool\",\"template\":\"{{ x.__mro__ }}\"}]}"), "processor_config.json", SCAN_UNSAFE, "template", "tool, line 1");
}

/* ------------------------------------------------------------------ settings */

static void settings_name_code(void **state)
{
    (void)state;
    judged_as(STR("{\"hidden_size\": 3, \"rope\": {\"factor\": 2.0}}"), "config.json", SCAN_SAFE, "", NULL);
    judged_as(STR("{\"limit\": [0.0, Infinity], \"x\": NaN, \"y\": -Infinity, \"text\": \"NaN\"}"), "config.json", SCAN_SAFE, "", NULL);
    judged_as(STR("{\"auto_map\": {\"AutoModel\": \"modeling_x.XModel\"}}"), "config.json", SCAN_SAFE, "config", "names code of this repository: modeling_x.XModel");
    judged_as(STR("{\"auto_map\": {\"AutoTokenizer\": [\"tok.X\", null]}}"), "tokenizer_config.json", SCAN_SAFE, "config", "tok.X");
    judged_as(STR("{\"a\": [{\"auto_map\": {\"AutoModel\": \"eve/code--modeling_x.XModel\"}}]}"), "config.json", SCAN_CAUTION, "config", "another repository, eve/code");
    judged_as(STR("{\"_target_\": \"os.system\"}"), "config.json", SCAN_UNSAFE, "config", "_target_ calls os.system");
    judged_as(STR("{\"_target_\": \"torch.optim.Adam\"}"), "config.json", SCAN_SAFE, "", NULL);
    judged_as(STR("{\"_target_\": \"functools.partial\", \"_args_\": [{\"_target_\": \"subprocess.run\"}]}"), "config.json", SCAN_UNSAFE, "config", "subprocess.run");
    judged_as(STR("{\"_target_\": \"os.path.join\"}"), "config.json", SCAN_SAFE, "", NULL);
    judged_as(STR("{\"_target_\": \"torch.hub.load\"}"), "config.json", SCAN_CAUTION, "config", "torch.hub.load");
    judged_as(STR("{\"a\": "), "config.json", SCAN_CAUTION, "config", "is no JSON that can be read");
    judged_as(STR("{\"a\": "), "notes.json", SCAN_SAFE, "", NULL);
}

static void yaml_builds_objects(void **state)
{
    (void)state;
    judged_as(STR("a: 1\nb: !!python/tuple [1, 2]\n"), "x.yaml", SCAN_SAFE, "", NULL);
    judged_as(STR("a: 1\nb: !!python/object/apply:os.system ['id']\n"), "x.yaml", SCAN_UNSAFE, "yaml", "line 2 calls os.system");
    judged_as(STR("b: !<tag:yaml.org,2002:python/object/apply:subprocess.Popen>\n"), "x.yml", SCAN_UNSAFE, "yaml", "subprocess.Popen");
    judged_as(STR("b: !!python/object:collections.OrderedDict {}\n"), "x.yaml", SCAN_SUSPICIOUS, "yaml", "collections.OrderedDict");
    judged_as(STR("model:\n  _target_: nemo.collections.asr.Encoder\n"), "x.yaml", SCAN_SAFE, "", NULL);
    judged_as(STR("model:\n  \"_target_\": \"builtins.exec\"\n"), "x.yaml", SCAN_UNSAFE, "yaml", "line 2 calls builtins.exec");
}

static void keras_brings_lambdas(void **state)
{
    (void)state;
    judged_as(STR("{\"module\":\"keras\",\"class_name\":\"Sequential\",\"config\":{\"layers\":[{\"module\":\"keras.layers\",\"class_name\":\"Dense\",\"config\":{\"units\":3}}]}}"),
              "config.json", SCAN_SAFE, "", NULL);
    judged_as(STR("{\"module\":\"keras\",\"class_name\":\"Sequential\",\"config\":{\"layers\":[{\"module\":\"keras.layers\",\"class_name\":\"Lambda\",\"config\":{\"name\":\"l\","
                  "\"function\":{\"class_name\":\"__lambda__\",\"config\":{\"code\":\"4wEA\"}}}}]}}"),
              "config.json", SCAN_UNSAFE, "keras", "the Lambda layer l");
    judged_as(STR("{\"class_name\":\"function\",\"config\":\"run\",\"module\":\"subprocess\"}"), "x.txt", SCAN_SAFE, "", NULL);
    judged_as(STR("{\"class_name\":\"Model\",\"config\":{\"x\":{\"class_name\":\"function\",\"config\":\"run\",\"module\":\"subprocess\"}}}"), "config.json", SCAN_UNSAFE, "keras",
              "calls subprocess.run");
    judged_as(STR("{\"class_name\":\"Model\",\"config\":{\"x\":{\"class_name\":\"function\",\"config\":\"get_file\",\"module\":\"keras.utils\"}}}"), "config.json", SCAN_UNSAFE, "keras",
              "keras.utils.get_file");
    judged_as(STR("{\"class_name\":\"Model\",\"config\":{\"x\":{\"class_name\":\"Mine\",\"config\":{},\"module\":\"mine.layers\"}}}"), "config.json", SCAN_CAUTION, "keras",
              "from outside of Keras: mine.layers.Mine");
}

static void put_u16(struct buf *b, unsigned v)
{
    buf_byte(b, (char)v);
    buf_byte(b, (char)(v >> 8));
}

/* A ZIP of one member as it stands; no reader of ours looks at checksums. */
static void zip_of(struct buf *b, const char *name, str content)
{
    size_t n = strlen(name);
    buf_lit(b, "PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
    put_u32(b, (uint32_t)content.n);
    put_u32(b, (uint32_t)content.n);
    put_u16(b, (unsigned)n);
    put_u16(b, 0);
    buf_add(b, str_c(name));
    buf_add(b, content);
    size_t directory = b->n;
    buf_lit(b, "PK\1\2\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
    put_u32(b, (uint32_t)content.n);
    put_u32(b, (uint32_t)content.n);
    put_u16(b, (unsigned)n);
    for (int i = 0; i < 16; i++) buf_byte(b, 0);
    buf_add(b, str_c(name));
    size_t size = b->n - directory;
    buf_lit(b, "PK\5\6\0\0\0\0\1\0\1\0");
    put_u32(b, (uint32_t)size);
    put_u32(b, (uint32_t)directory);
    put_u16(b, 0);
}

static void a_keras_archive_is_opened(void **state)
{
    (void)state;
    static const char lambda[] = "{\"module\":\"keras\",\"class_name\":\"Sequential\",\"config\":{\"layers\":[{\"class_name\":\"Lambda\",\"config\":{\"name\":\"evil\","
                                 "\"function\":{\"class_name\":\"__lambda__\",\"config\":{\"code\":\"4wEA\"}}}}]}}";
    struct buf b = BUF_INIT(0);
    struct arena *a = arena_new(0);
    zip_of(&b, "config.json", str_c(lambda));
    judged_as(buf_str(&b), "model.keras", SCAN_UNSAFE, "keras", "the Lambda layer evil");
    struct scan_report r = judged(buf_str(&b), "model.keras", a);
    assert_str(r.findings[0].member, STR("config.json"));
    buf_reset(&b);
    zip_of(&b, "config.json", STR("{\"module\":\"keras\",\"class_name\":\"Sequential\",\"config\":{\"layers\":[]}}"));
    judged_as(buf_str(&b), "model.keras", SCAN_SAFE, "", NULL);
    buf_reset(&b);
    zip_of(&b, "x/model_config.yaml", STR("model:\n  _target_: subprocess.Popen\n"));
    judged_as(buf_str(&b), "model.nemo", SCAN_UNSAFE, "yaml", "subprocess.Popen");
    arena_free(a);
    buf_deinit(&b);
}

static void hdf5_is_searched_for_settings(void **state)
{
    (void)state;
    static const char lambda[] = "{\"class_name\": \"Sequential\", \"config\": {\"layers\": [{\"class_name\": \"Lambda\", \"config\": {\"name\": \"evil\", \"function\": "
                                 "[\"4wEA\", null, null], \"function_type\": \"lambda\"}}]}}";
    static const char dense[] = "{\"class_name\": \"Sequential\", \"config\": {\"layers\": [{\"class_name\": \"Dense\", \"config\": {\"name\": \"}{\\\"\"}}]}}";
    static const size_t places[] = { 100, (1 << 20) - 60, (1 << 20) - 1, 3000000 };
    for (size_t i = 0; i < COUNT(places); i++)
        for (int user_block = 0; user_block < 2; user_block++) {
            struct buf b = BUF_INIT(0);
            while (user_block && b.n < 512) buf_byte(&b, ' ');
            buf_lit(&b, "\x89HDF\r\n\x1a\n");
            while (b.n < 600) buf_byte(&b, 0);
            buf_add(&b, str_c(dense));
            while (b.n < 600 + places[i]) buf_byte(&b, 0);
            size_t honest = b.n;
            buf_add(&b, str_c(lambda));
            for (int k = 0; k < 100; k++) buf_byte(&b, 0);
            judged_as(buf_str(&b), "model.h5", SCAN_UNSAFE, "hdf5", "the Lambda layer evil");
            if (!user_block) judged_as(str_to(buf_str(&b), honest), "model.h5", SCAN_SAFE, "", NULL);
            judged_as(str_to(buf_str(&b), honest + 50), "model.h5", SCAN_CAUTION, "hdf5", "without an end");
            buf_deinit(&b);
        }
    struct buf b = BUF_INIT(0);
    buf_lit(&b, "\n\x80\x01");
    buf_add(&b, str_c(lambda));
    judged_as(buf_str(&b), "keras_metadata.pb", SCAN_UNSAFE, "keras", "the Lambda layer evil");
    buf_deinit(&b);
}

/* A link before settings, where a piece of the search ends. */
static void hdf5_hides_nothing_between_pieces(void **state)
{
    (void)state;
    enum { PIECE = (1 << 20) + 8192 };
    for (size_t before = 0; before < 12000; before += 1499) {
        struct buf b = BUF_INIT(0);
        buf_lit(&b, "\x89HDF\r\n\x1a\n");
        while (b.n < PIECE - before) buf_byte(&b, ' ');
        buf_lit(&b, "\1\x08\x40\3ext\x0c\0\0/etc\0/data\0");
        size_t link = b.n;
        buf_lit(&b, "{\"class_name\": \"Dense\", \"config\": {\"name\": \"");
        while (b.n < link + 9000) buf_byte(&b, 'x');
        buf_lit(&b, "\"}}\n");
        for (int k = 0; k < 3000; k++) buf_byte(&b, ' ');
        judged_as(buf_str(&b), "model.h5", SCAN_UNSAFE, "hdf5", "/etc");
        buf_lit(&b, "{\"class_name\": \"Lambda\", \"config\": {\"name\": \"last\"}}");
        judged_as(buf_str(&b), "model.h5", SCAN_UNSAFE, "hdf5", "has a Lambda layer, last");
        buf_deinit(&b);
    }
}

/* As libhdf5 writes them, in a file that holds nothing else; the fuzzer's corpus has whole ones. */
static void hdf5_leads_to_other_files(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum scan_level level;
    } cases[] = { { "/etc/passwd", SCAN_UNSAFE }, { "../x.h5", SCAN_UNSAFE }, { "weights.h5", SCAN_CAUTION }, { ".", SCAN_SAFE } };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t user_block = 0; user_block <= 1024; user_block += 512) {
            struct buf b = BUF_INIT(0);
            const char *words = cases[i].level == SCAN_SAFE ? NULL : cases[i].file;
            while (b.n < user_block) buf_byte(&b, ' ');
            buf_lit(&b, "\x89HDF\r\n\x1a\n");
            for (int k = 0; k < 300; k++) buf_byte(&b, (char)k);
            size_t plain = b.n;
            buf_lit(&b, "\1\x1c\x40\0\0\0\0\0\0\0\0\1\3ext"); /* with order and characters */
            put_u16(&b, (unsigned)strlen(cases[i].file) + 8);
            buf_byte(&b, 0);
            buf_add(&b, str_c(cases[i].file));
            buf_lit(&b, "\0/data\0");
            for (int k = 0; k < 20; k++) buf_byte(&b, 0);
            judged_as(buf_str(&b), "model.h5", cases[i].level, "hdf5", words);
            b.n = plain;

            size_t heap = b.n - user_block;
            buf_lit(&b, "HEAP\0\0\0\0");
            put_u64(&b, 64);
            put_u64(&b, 1);
            put_u64(&b, heap + 32);
            buf_lit(&b, "\0\0\0\0\0\0\0\0");
            buf_add(&b, str_c(cases[i].file));
            buf_byte(&b, 0);
            buf_lit(&b, "\1\0\0\0\1\0\1\0");
            put_u64(&b, heap);
            put_u64(&b, 8);
            put_u64(&b, 0);
            put_u64(&b, 100);
            judged_as(buf_str(&b), "model.h5", cases[i].level, "hdf5", words);
            b.n = plain;

            size_t collection = b.n - user_block;
            buf_lit(&b, "GCOL\1\0\0\0");
            put_u64(&b, 4096);
            buf_lit(&b, "\1\0\1\0\0\0\0\0");
            put_u64(&b, 3);
            buf_lit(&b, "abc\0\0\0\0\0\2\0\1\0\0\0\0\0");
            put_u64(&b, 40);
            buf_lit(&b, "\0\1\0\0\0\0\0\0\0");
            buf_add(&b, str_c(cases[i].file));
            for (int k = 0; k < 30; k++) buf_byte(&b, 0);
            buf_lit(&b, "\4\3");
            put_u64(&b, collection);
            put_u32(&b, 2);
            for (int k = 0; k < 20; k++) buf_byte(&b, 0);
            judged_as(buf_str(&b), "model.h5", cases[i].level, "hdf5", words);
            buf_deinit(&b);
        }
}

/* ------------------------------------------------------------------ graphs */

/* A field of a message: number and text, both short. */
static void field(struct buf *b, unsigned number, str content)
{
    for (unsigned tag = number << 3 | 2;; tag >>= 7) {
        buf_byte(b, (char)(tag > 127 ? (tag & 127) | 128 : tag));
        if (tag <= 127) break;
    }
    for (size_t n = content.n;; n >>= 7) {
        buf_byte(b, (char)(n > 127 ? (n & 127) | 128 : n));
        if (n <= 127) break;
    }
    buf_add(b, content);
}

/* Puts `inner` around itself as a field. */
static void wrap(struct buf *b, unsigned number)
{
    struct buf outer = BUF_INIT(0);
    field(&outer, number, buf_str(b));
    buf_deinit(b);
    *b = outer;
}

static void onnx_with_location(struct buf *b, const char *location, const char *op, const char *domain)
{
    struct buf tensor = BUF_INIT(0), node = BUF_INIT(0);
    field(&tensor, 1, STR("location"));
    field(&tensor, 2, str_c(location));
    wrap(&tensor, 13);
    wrap(&tensor, 5); /* of AttributeProto */
    wrap(&tensor, 5); /* of NodeProto */
    field(&node, 4, str_c(op));
    field(&node, 7, str_c(domain));
    buf_add(&node, buf_str(&tensor));
    wrap(&node, 1);
    wrap(&node, 7);
    buf_lit(b, "\x08\x08");
    field(b, 2, STR("pytorch"));
    buf_add(b, buf_str(&node));
    buf_deinit(&tensor);
    buf_deinit(&node);
}

static void onnx_names_other_files(void **state)
{
    (void)state;
    static const struct {
        const char *location;
        bool outside;
    } cases[] = { { "weights.bin", false }, { "data/weights..bin", false }, { "../weights", true },  { "a/../../b", true }, { "/etc/passwd", true }, { "C:\\x", true },
                  { "a\\..\\b", true },     { "http://x/y", true },         { "", true },            { "~/x", true },       { "a/..", true } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = BUF_INIT(0);
        onnx_with_location(&b, cases[i].location, "Constant", "");
        judged_as(buf_str(&b), "model.onnx", cases[i].outside ? SCAN_UNSAFE : SCAN_SAFE, "onnx", cases[i].outside ? "outside of the model's folder" : NULL);
        judged_as(buf_str(&b), "renamed", cases[i].outside ? SCAN_UNSAFE : SCAN_SAFE, "onnx", cases[i].outside ? "outside of the model's folder" : NULL);
        judged_as(str_to(buf_str(&b), b.n - 1), "model.onnx", SCAN_CAUTION, "onnx", "read to its end");
        buf_deinit(&b);
    }
    struct buf b = BUF_INIT(0);
    onnx_with_location(&b, "x", "Add", "com.microsoft.nchwc");
    judged_as(buf_str(&b), "model.onnx", SCAN_SAFE, "", NULL);
    buf_reset(&b);
    onnx_with_location(&b, "x", "Add", "somebody.ops");
    judged_as(buf_str(&b), "model.onnx", SCAN_SAFE, "onnx", "a library of its own: somebody.ops");
    buf_reset(&b);
    onnx_with_location(&b, "x", "PyOp", "ai.onnx.contrib");
    judged_as(buf_str(&b), "model.onnx", SCAN_SUSPICIOUS, "onnx", "calls Python");
    buf_deinit(&b);
    /* Messages within messages, past the limit. */
    buf_lit(&b, "x");
    for (int i = 0; i < 100; i++) {
        wrap(&b, 6); /* graph of an attribute */
        wrap(&b, 5);
        wrap(&b, 1);
    }
    wrap(&b, 7);
    judged_as(buf_str(&b), "deep.onnx", SCAN_CAUTION, "onnx", "read to its end");
    buf_deinit(&b);
}

static void graph_of(struct buf *b, const char *op, bool in_function)
{
    field(b, 1, STR("node"));
    field(b, 2, str_c(op));
    if (in_function) {
        wrap(b, 3);
        wrap(b, 1);
        wrap(b, 2);
    } else wrap(b, 1);
}

static void tensorflow_has_operators_that_touch_files(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        enum scan_level level;
    } cases[] = { { "MatMul", SCAN_SAFE }, { "WriteFile", SCAN_UNSAFE }, { "ReadFile", SCAN_UNSAFE }, { "EagerPyFunc", SCAN_SUSPICIOUS }, { "PrintV2", SCAN_CAUTION }, { "SaveV2", SCAN_SAFE } };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int in_function = 0; in_function < 2; in_function++) {
            struct buf b = BUF_INIT(0), model = BUF_INIT(0);
            graph_of(&b, cases[i].op, in_function);
            if (!in_function) judged_as(buf_str(&b), "frozen.pb", cases[i].level, "tensorflow", cases[i].level ? cases[i].op : NULL);
            wrap(&b, 2);
            wrap(&b, 2);
            buf_lit(&model, "\x08\x01");
            buf_add(&model, buf_str(&b));
            judged_as(buf_str(&model), "saved_model.pb", cases[i].level, "tensorflow", cases[i].level ? cases[i].op : NULL);
            judged_as(str_to(buf_str(&model), model.n - 1), "saved_model.pb", SCAN_CAUTION, "tensorflow", "read to its end");
            buf_deinit(&b);
            buf_deinit(&model);
        }
}

/* One OperatorCode with a name of its own, as a FlatBuffer laid out by hand. */
static void tflite_of(struct buf *b, const char *op)
{
    put_u32(b, 20); /* 0: the model */
    buf_lit(b, "TFL3");
    buf_lit(b, "\x08\0\x0c\0\0\0\x08\0\0\0\0\0"); /* 8: its fields: version absent, operator_codes at 8; padding */
    put_u32(b, 12);                                /* 20: back to them */
    put_u32(b, 0);
    put_u32(b, 4);  /* 28: operator_codes at 32 */
    put_u32(b, 1);  /* 32: one */
    put_u32(b, 12); /* 36: it is at 48 */
    buf_lit(b, "\x08\0\x08\0\0\0\x04\0"); /* 40: its fields: custom_code at 4 */
    put_u32(b, 8);                        /* 48: back to them */
    put_u32(b, 4);                        /* 52: the text at 56 */
    put_u32(b, (uint32_t)strlen(op));
    buf_add(b, str_c(op));
    buf_byte(b, 0);
}

static void tflite_has_operators_too(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    tflite_of(&b, "FlexWriteFile");
    judged_as(buf_str(&b), "model.tflite", SCAN_UNSAFE, "tflite", "WriteFile, which writes files");
    judged_as(str_to(buf_str(&b), 58), "model.tflite", SCAN_CAUTION, "tflite", "read to its end");
    buf_reset(&b);
    tflite_of(&b, "FlexErf");
    judged_as(buf_str(&b), "model.tflite", SCAN_SAFE, "", NULL);
    buf_reset(&b);
    tflite_of(&b, "MyOp");
    judged_as(buf_str(&b), "model", SCAN_SAFE, "tflite", "a library of its own: MyOp");
    buf_deinit(&b);
}

/* ------------------------------------------------------------------ labels */

static void programs_and_scripts_have_labels(void **state)
{
    (void)state;
    char head[256] = { 0 };
    memcpy(head, "\177ELF\2\1\1", 7);
    head[16] = 3;
    judged_as(str_n(head, sizeof head), "tool.so", SCAN_SAFE, "program", "ELF");
    memset(head, 0, sizeof head);
    memcpy(head, "MZ", 2);
    head[0x3c] = 100;
    judged_as(str_n(head, sizeof head), "x.exe", SCAN_SAFE, "", NULL);
    memcpy(head + 100, "PE\0\0", 4);
    judged_as(str_n(head, sizeof head), "x.exe", SCAN_SAFE, "program", "Windows");
    memset(head, 0, sizeof head);
    memcpy(head, "\xcf\xfa\xed\xfe", 4);
    judged_as(str_n(head, sizeof head), "x", SCAN_SAFE, "program", "Mach-O");
    memcpy(head, "\xca\xfe\xba\xbe\0\0\0\x34", 8);
    judged_as(str_n(head, sizeof head), "X.class", SCAN_SAFE, "", NULL);
    memcpy(head, "MZqFpD='", 8);
    judged_as(str_n(head, sizeof head), "x.llamafile", SCAN_SAFE, "program", "llamafile");
    judged_as(STR("import datasets\n\nclass Mine(datasets.GeneratorBasedBuilder):\n    pass\n"), "mine.py", SCAN_SAFE, "script", "loads a data set");
    judged_as(STR("print('hello')\n"), "mine.py", SCAN_SAFE, "", NULL);
}

/* ------------------------------------------------------------------ a stop, and a source that fails */

static bool stops_now(void *ctx)
{
    ++*(int *)ctx;
    return true;
}
static bool fails(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    if (at == 0 && n <= 4096) return help_read(ctx, at, out, n, e);
    return err_set(e, ERR_IO, "the disk is gone");
}

static void a_stop_and_a_failed_read_are_no_verdict(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    buf_lit(&b, "\x89HDF\r\n\x1a\n");
    while (b.n < (64 << 20)) buf_lit(&b, "0123456789abcdef");
    bytes content = bytes_of(buf_str(&b));
    struct scan_source s = { .size_bytes = content.n, .read = help_read, .ctx = &content };
    int asked = 0;
    struct scan_options o = { .stops = stops_now, .stops_ctx = &asked };
    struct arena *a = arena_new(0);
    struct scan_report r;
    struct err e;
    assert_false(scan_source(&s, STR("x.h5"), &o, a, &r, &e));
    assert_int_equal(e.code, ERR_CLOSED);
    assert_true(asked > 0);
    s.read = fails;
    assert_false(scan_source(&s, STR("x.h5"), NULL, a, &r, &e));
    assert_string_equal(e.msg, "the disk is gone");
    arena_free(a);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_are_what_they_say), cmocka_unit_test(a_gguf_brings_templates), cmocka_unit_test(templates_that_reach_for_code_are_told),
        cmocka_unit_test(settings_name_code), cmocka_unit_test(yaml_builds_objects), cmocka_unit_test(keras_brings_lambdas), cmocka_unit_test(a_keras_archive_is_opened),
        cmocka_unit_test(hdf5_is_searched_for_settings), cmocka_unit_test(hdf5_leads_to_other_files), cmocka_unit_test(hdf5_hides_nothing_between_pieces), cmocka_unit_test(onnx_names_other_files), cmocka_unit_test(tensorflow_has_operators_that_touch_files),
        cmocka_unit_test(tflite_has_operators_too), cmocka_unit_test(programs_and_scripts_have_labels), cmocka_unit_test(a_stop_and_a_failed_read_are_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
