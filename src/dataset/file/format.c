/* dataset/file/format.c - of what format a file is, by the ending of its name, and of what format a set of files is. The rules are those of `datasets`: the most
 * frequent ending says what all are read as; of equals, Parquet, then .jsonl, .json, .csv, then the last by the alphabet. */
#include <stdlib.h>

#include "dataset/file/format.h"
#include "dataset/file/unpack.h"

/* In the order of the alphabet. */
static const struct ending { const char *ending; enum dataset_format format; } known[] = {
    { "3g2", DATASET_AUDIO }, { "3gp", DATASET_AUDIO }, { "aiff", DATASET_AUDIO }, { "apng", DATASET_IMAGES }, { "asf", DATASET_AUDIO },
    { "au", DATASET_AUDIO }, { "avi", DATASET_VIDEO }, { "avr", DATASET_AUDIO }, { "blp", DATASET_IMAGES }, { "bmp", DATASET_IMAGES },
    { "bufr", DATASET_IMAGES }, { "bw", DATASET_IMAGES }, { "caf", DATASET_AUDIO }, { "csv", DATASET_CSV }, { "cur", DATASET_IMAGES },
    { "dcx", DATASET_IMAGES }, { "dds", DATASET_IMAGES }, { "dib", DATASET_IMAGES }, { "emf", DATASET_IMAGES }, { "eps", DATASET_IMAGES },
    { "f4v", DATASET_AUDIO }, { "fit", DATASET_IMAGES }, { "fits", DATASET_IMAGES }, { "flac", DATASET_AUDIO }, { "flc", DATASET_IMAGES },
    { "fli", DATASET_IMAGES }, { "flv", DATASET_AUDIO }, { "ftc", DATASET_IMAGES }, { "ftu", DATASET_IMAGES }, { "gbr", DATASET_IMAGES },
    { "geoparquet", DATASET_PARQUET }, { "gif", DATASET_IMAGES }, { "gpq", DATASET_PARQUET }, { "grib", DATASET_IMAGES }, { "htk", DATASET_AUDIO },
    { "icb", DATASET_IMAGES }, { "icns", DATASET_IMAGES }, { "ico", DATASET_IMAGES }, { "iim", DATASET_IMAGES }, { "im", DATASET_IMAGES },
    { "ircam", DATASET_AUDIO }, { "j2c", DATASET_IMAGES }, { "j2k", DATASET_IMAGES }, { "jfif", DATASET_IMAGES }, { "jp2", DATASET_IMAGES },
    { "jpc", DATASET_IMAGES }, { "jpe", DATASET_IMAGES }, { "jpeg", DATASET_IMAGES }, { "jpf", DATASET_IMAGES }, { "jpg", DATASET_IMAGES },
    { "jpx", DATASET_IMAGES }, { "json", DATASET_JSON }, { "jsonl", DATASET_JSON }, { "m4v", DATASET_AUDIO }, { "mat4", DATASET_AUDIO },
    { "mat5", DATASET_AUDIO }, { "mkv", DATASET_VIDEO }, { "mov", DATASET_VIDEO }, { "mp3", DATASET_AUDIO }, { "mp4", DATASET_VIDEO },
    { "mpc2k", DATASET_AUDIO }, { "mpeg", DATASET_VIDEO }, { "mpg", DATASET_AUDIO }, { "msp", DATASET_IMAGES }, { "mxf", DATASET_AUDIO },
    { "ndjson", DATASET_JSON }, { "nist", DATASET_AUDIO }, { "nut", DATASET_AUDIO }, { "ogg", DATASET_AUDIO }, { "ogm", DATASET_AUDIO },
    { "opus", DATASET_AUDIO }, { "paf", DATASET_AUDIO }, { "parquet", DATASET_PARQUET }, { "pbm", DATASET_IMAGES }, { "pcd", DATASET_IMAGES },
    { "pcx", DATASET_IMAGES }, { "pgm", DATASET_IMAGES }, { "png", DATASET_IMAGES }, { "pnm", DATASET_IMAGES }, { "ppm", DATASET_IMAGES },
    { "ps", DATASET_IMAGES }, { "psd", DATASET_IMAGES }, { "pvf", DATASET_AUDIO }, { "pxr", DATASET_IMAGES }, { "ras", DATASET_IMAGES },
    { "raw", DATASET_AUDIO }, { "rf64", DATASET_AUDIO }, { "rgb", DATASET_IMAGES }, { "rgba", DATASET_IMAGES }, { "sd2", DATASET_AUDIO },
    { "sds", DATASET_AUDIO }, { "sgi", DATASET_IMAGES }, { "svx", DATASET_AUDIO }, { "tar", DATASET_TAR }, { "tga", DATASET_IMAGES },
    { "tif", DATASET_IMAGES }, { "tiff", DATASET_IMAGES }, { "tsv", DATASET_CSV }, { "txt", DATASET_LINES }, { "vda", DATASET_IMAGES },
    { "voc", DATASET_AUDIO }, { "vst", DATASET_IMAGES }, { "w64", DATASET_AUDIO }, { "wav", DATASET_AUDIO }, { "wavex", DATASET_AUDIO },
    { "webm", DATASET_AUDIO }, { "webp", DATASET_IMAGES }, { "wma", DATASET_AUDIO }, { "wmf", DATASET_IMAGES }, { "wmv", DATASET_AUDIO },
    { "wve", DATASET_AUDIO }, { "xbm", DATASET_IMAGES }, { "xi", DATASET_AUDIO }, { "xpm", DATASET_IMAGES },
};
_Static_assert(COUNT(known) <= DATASET_ENDINGS_MAX, "endings have no place to be counted");

static int by_ending(const void *key, const void *one) { return str_cmp(*(const str *)key, str_c(((const struct ending *)one)->ending)); }

/* COUNT(known): of none. */
static size_t find(str ending)
{
    char lower[16];
    if (ending.n > sizeof lower) return COUNT(known);
    for (size_t i = 0; i < ending.n; i++) lower[i] = ending.p[i] >= 'A' && ending.p[i] <= 'Z' ? (char)(ending.p[i] - 'A' + 'a') : ending.p[i];
    str key = str_n(lower, ending.n);
    const struct ending *found = bsearch(&key, known, COUNT(known), sizeof *known, by_ending);
    return found ? (size_t)(found - known) : COUNT(known);
}

static str ending_of(str path)
{
    size_t dot = str_rchr(path, '.'), slash = str_rchr(path, '/');
    return dot == STR_NONE || (slash != STR_NONE && dot < slash) ? STR("") : str_from(path, dot + 1);
}

static size_t kind_of(str path)
{
    size_t i = find(ending_of(path));
    if (i < COUNT(known) || !packing_of(&path)) return i;
    i = find(ending_of(path));
    bool is_text = i < COUNT(known) && (known[i].format == DATASET_JSON || known[i].format == DATASET_CSV || known[i].format == DATASET_LINES);
    return is_text ? i : COUNT(known);
}

bool dataset_format_of(str path, enum dataset_format *out)
{
    size_t i = kind_of(path);
    if (i < COUNT(known)) *out = known[i].format;
    return i < COUNT(known);
}

const str dataset_parquet_ending[DATASET_PARQUET_ENDINGS] = { STR_INIT(".parquet"), STR_INIT(".geoparquet"), STR_INIT(".gpq") };

bool dataset_is_parquet(str path)
{
    enum dataset_format f;
    return dataset_format_of(path, &f) && f == DATASET_PARQUET;
}

str dataset_builder(enum dataset_format f)
{
    static const char *const name[] = { "parquet", "json", "csv", "text", "imagefolder", "audiofolder", "videofolder", "webdataset" };
    return str_c(name[f]);
}

bool dataset_is_metadata(str path)
{
    static const char *const name[] = { "metadata.csv", "metadata.jsonl", "metadata.parquet" };
    str own = str_from(path, str_rchr(path, '/') + 1);
    for (size_t i = 0; i < COUNT(name); i++)
        if (str_eq(own, str_c(name[i]))) return true;
    return false;
}

/* ------------------------------------------------------------------ the most frequent */

void dataset_endings_add(struct dataset_endings *x, str path)
{
    size_t i = kind_of(path);
    if (i < COUNT(known)) ++*(dataset_is_metadata(path) ? &x->of_metadata[i] : &x->count[i]);
}

static bool is_before(size_t a, size_t b)
{
    static const char *const first[] = { "parquet", "jsonl", "json", "csv" };
    for (size_t i = 0; i < COUNT(first); i++) {
        if (str_eq(str_c(known[a].ending), str_c(first[i]))) return true;
        if (str_eq(str_c(known[b].ending), str_c(first[i]))) return false;
    }
    return str_cmp(str_c(known[a].ending), str_c(known[b].ending)) > 0;
}

static bool most_of(const uint32_t *count, size_t *best)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (count[i] && (!count[*best] || count[i] > count[*best] || (count[i] == count[*best] && is_before(i, *best)))) *best = i;
    return count[*best] > 0;
}

enum dataset_format dataset_endings_most(const struct dataset_endings *x)
{
    size_t best = 0;
    if (!most_of(x->count, &best)) (void)most_of(x->of_metadata, &best);
    return known[best].format;
}
