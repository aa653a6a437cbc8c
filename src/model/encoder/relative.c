/* model/encoder/relative.c - which bucket a distance between two tokens falls into.
 *
 * Near distances have a bucket each; far ones share buckets that widen logarithmically.  The arithmetic is float, as in
 * Transformers, so that distances on a border fall to the same side. */
#include <math.h>
#include <stdlib.h>

#include "model/encoder/encoder_priv.h"

/* T5's and MPNet's: half of the buckets for keys behind the query, half for those before it. */
uint32_t encoder_bucket(int64_t key_minus_query, uint32_t buckets, uint32_t distance_max)
{
    uint32_t half = buckets / 2, exact = half / 2, side = key_minus_query > 0 ? half : 0;
    uint64_t n = (uint64_t)llabs(key_minus_query);
    if (n < exact) return side + (uint32_t)n;
    float step = logf((float)n / (float)exact) / (float)log((double)distance_max / exact) * (float)(half - exact);
    uint32_t far = exact + (uint32_t)step;
    return side + (far < half ? far : half - 1);
}

/* DeBERTa's: signed; buckets 0 says that each distance is its own. */
int64_t encoder_log_bucket(int64_t query_minus_key, uint32_t buckets, uint32_t distance_max)
{
    int64_t middle = buckets / 2, n = llabs(query_minus_key);
    if (buckets == 0 || n <= middle) return query_minus_key;
    float step = logf((float)n / (float)middle) / logf((float)(distance_max - 1) / (float)middle) * (float)(middle - 1);
    int64_t far = (int64_t)ceilf(step) + middle;
    return query_minus_key < 0 ? -far : far;
}
