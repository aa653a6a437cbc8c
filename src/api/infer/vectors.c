/* api/infer/vectors.c - vectors as a worker tells them: floats in base64 (model/task/task.h), in lists as the answer has them. */
#include "api/infer/infer_api.h"

#include "base/hash.h"

bool vector_read(const struct json *v, struct arena *a, float **out, size_t *n, struct err *e)
{
    str text;
    size_t size = 0;
    bool ok = json_str(v, &text);
    if (ok) {
        *out = arena_alloc(a, base64_decoded_max(text.n) + 1);
        ok = base64_decode(text, (uint8_t *)*out, &size) && size % sizeof **out == 0;
        *n = size / sizeof **out;
    }
    return ok || err_set(e, ERR_INTERNAL, "a worker's answer has no vector where one is due");
}

void vector_write(struct json_writer *w, const float *v, size_t n)
{
    jw_array(w);
    for (size_t i = 0; i < n; i++) jw_float(w, v[i]);
    jw_array_end(w);
}

bool vectors_write(struct json_writer *w, const struct json *v, struct err *e)
{
    bool ok = true;
    if (json_is(v, JSON_ARRAY)) {
        jw_array(w);
        json_each (item, v) ok = ok && vectors_write(w, item, e);
        jw_array_end(w);
        return ok;
    }
    struct arena *a = arena_new(0); /* one vector's: an answer may have megabytes of them */
    float *x;
    size_t n;
    ok = vector_read(v, a, &x, &n, e);
    if (ok) vector_write(w, x, n);
    arena_free(a);
    return ok;
}
