/* dataset/reading.c - who reads rows of Parquet files now: a few at once, on pages and by the API together. */
#include "base/turn.h"
#include "dataset/dataset.h"

enum { READERS_MAX = 4, WAITING_MAX = 32, WAIT_S = 10 };

static struct turns readers = TURNS_INIT;

bool dataset_reading_begin(struct arena **a, struct err *e)
{
    if (!turn_take(&readers, READERS_MAX, WAITING_MAX, WAIT_S))
        return err_set(e, ERR_BUSY, "Too many people read rows of Parquet files at once; try again in a few seconds");
    *a = arena_new(DATASET_READING_BYTES_MAX);
    return true;
}

void dataset_reading_end(struct arena *a)
{
    arena_free(a);
    turn_end(&readers);
}
