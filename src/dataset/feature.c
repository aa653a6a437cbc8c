/* dataset/feature.c - types and values of columns as the dataset viewer's API has them, which are those of `datasets`.
 *
 * What the footer says under "huggingface" is given as it stands, where what is stored fits it (table.c). Else the type is that of
 * the Parquet column: what Arrow would have called it besides (large_string, dictionary, duration) is not looked up, and what
 * `datasets` reads from such a column is cast to what is said here. */
#include "dataset/dataset.h"

/* `datasets` has no name for these. */
static str dtype_of(const struct parquet_node *n, struct arena *a)
{
    switch (n->logical) {
    case PARQUET_JSON: return STR("string");
    case PARQUET_UUID: return STR("fixed_size_binary[16]");
    case PARQUET_INTERVAL: return STR("fixed_size_binary[12]");
    default: return parquet_type_name(n, a);
    }
}

static void write_type(struct json_writer *w, const struct parquet_node *n, struct arena *a);

/* A map is a list of pairs. */
static void write_item_type(struct json_writer *w, const struct parquet_node *n, struct arena *a)
{
    if (n->shape == PARQUET_LIST) {
        write_type(w, &n->child[0], a);
        return;
    }
    jw_object(w);
    jw_key(w, STR("key"));
    write_type(w, &n->child[0], a);
    jw_key(w, STR("value"));
    write_type(w, &n->child[1], a);
    jw_object_end(w);
}

static void write_type(struct json_writer *w, const struct parquet_node *n, struct arena *a)
{
    jw_object(w);
    if (n->logical == PARQUET_ANY) {
        jw_kstr(w, "_type", STR("Json"));
    } else if (n->shape == PARQUET_LEAF) {
        jw_kstr(w, "dtype", dtype_of(n, a));
        jw_kstr(w, "_type", STR("Value"));
    } else if (n->shape == PARQUET_STRUCT) {
        for (size_t i = 0; i < n->children_count; i++) {
            jw_key(w, n->child[i].name);
            write_type(w, &n->child[i], a);
        }
    } else {
        jw_key(w, STR("feature"));
        write_item_type(w, n, a);
        jw_kstr(w, "_type", STR("List"));
    }
    jw_object_end(w);
}

void dataset_feature_write(struct json_writer *w, const struct dataset_column *c, struct arena *a)
{
    if (c->feature) jw_value(w, c->feature);
    else write_type(w, c->node, a);
}

/* ------------------------------------------------------------------ values */

static bool is_real(const struct parquet_node *n)
{
    return n->physical == PARQUET_FLOAT || n->physical == PARQUET_DOUBLE || n->logical == PARQUET_FLOAT16;
}

static void write_map(struct json_writer *w, const struct parquet_node *n, const struct json *v)
{
    jw_array(w);
    json_each (item, v) {
        bool is_pair = v->type == JSON_ARRAY; /* else a member: its key is text */
        jw_object(w);
        jw_key(w, STR("key"));
        if (is_pair) dataset_value_write(w, &n->child[0], json_get(item, STR("key")));
        else jw_str(w, item->key);
        jw_key(w, STR("value"));
        dataset_value_write(w, &n->child[1], is_pair ? json_get(item, STR("value")) : item);
        jw_object_end(w);
    }
    jw_array_end(w);
}

void dataset_value_write(struct json_writer *w, const struct parquet_node *n, const struct json *v)
{
    if (!v || v->type == JSON_NULL || (n->shape == PARQUET_LEAF && is_real(n) && v->type == JSON_STRING)) {
        jw_null(w);
    } else if (n->shape == PARQUET_STRUCT) {
        const struct json *member = v->first;
        jw_object(w);
        for (size_t i = 0; i < n->children_count && member; i++, member = member->next) {
            jw_key(w, member->key);
            dataset_value_write(w, &n->child[i], member);
        }
        jw_object_end(w);
    } else if (n->shape == PARQUET_LIST) {
        jw_array(w);
        json_each (item, v) dataset_value_write(w, &n->child[0], item);
        jw_array_end(w);
    } else if (n->shape == PARQUET_MAP) {
        write_map(w, n, v);
    } else {
        jw_value(w, v);
    }
}
