/* seen.c - a bounded set of digests, each with the place of its row. */
#include "rivet/seen.h"

#include "rivet/checked.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY_BYTES = 24, HEAD_BYTES = 12, AT_FIRST = 64 };
static const char magic[4] = {'R', 'V', 'S', '1'};

typedef struct entry {
    int64_t place;
    rv_hash128 digest;
} entry;

struct rv_seen {
    entry *entries;
    int64_t n, cap, most, floor;
    bool closed; /* in order of digest; else in none */
};

rv_code rv_seen_new(rv_seen **out, int64_t floor, int64_t most, rv_error *err)
{
    assert(most >= 2);
    rv_seen *seen = calloc(1, sizeof *seen);
    if (seen == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "remembering exported rows");
    seen->floor = floor;
    seen->most = most;
    *out = seen;
    return RV_OK;
}

void rv_seen_free(rv_seen *seen)
{
    if (seen == NULL)
        return;
    free(seen->entries);
    free(seen);
}

void rv_seen_clear(rv_seen *seen, int64_t floor)
{
    seen->n = 0;
    seen->floor = floor;
    seen->closed = false;
}

int64_t rv_seen_floor(const rv_seen *seen)
{
    return seen->floor;
}

int64_t rv_seen_count(const rv_seen *seen)
{
    return seen->n;
}

static int by_place(const void *a, const void *b)
{
    const entry *left = a, *right = b;
    return (left->place > right->place) - (left->place < right->place);
}

static int compare(rv_hash128 a, rv_hash128 b)
{
    if (a.high != b.high)
        return a.high > b.high ? 1 : -1;
    return (a.low > b.low) - (a.low < b.low);
}

static int by_digest(const void *a, const void *b)
{
    return compare(((const entry *)a)->digest, ((const entry *)b)->digest);
}

static void drop_below(rv_seen *seen, int64_t floor)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < seen->n; i++)
        if (seen->entries[i].place >= floor)
            seen->entries[kept++] = seen->entries[i];
    seen->n = kept;
    seen->floor = floor;
}

/* What stands at one place stays or goes as a whole, or the set would not be complete from its floor on. */
static rv_code make_room(rv_seen *seen, rv_error *err)
{
    qsort(seen->entries, (size_t)seen->n, sizeof *seen->entries, by_place);
    int64_t lowest = seen->entries[0].place, middle = seen->entries[seen->n / 2].place;
    if (middle > lowest) {
        drop_below(seen, middle);
        return RV_OK;
    }
    if (middle == INT64_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "more than %lld rows stand at the cursor's last value",
                       (long long)seen->most);
    drop_below(seen, middle + 1);
    return RV_OK;
}

static rv_code grow(rv_seen *seen, rv_error *err)
{
    int64_t cap = seen->cap == 0 ? AT_FIRST : 2 * seen->cap;
    size_t bytes = 0;
    if (cap > seen->most)
        cap = seen->most;
    entry *grown = rv_mul_size(&bytes, (size_t)cap, sizeof *grown) ? NULL : realloc(seen->entries, bytes);
    if (grown == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "remembering exported rows");
    seen->entries = grown;
    seen->cap = cap;
    return RV_OK;
}

rv_code rv_seen_add(rv_seen *seen, int64_t place, rv_hash128 digest, rv_error *err)
{
    assert(!seen->closed);
    if (place >= seen->floor && seen->n == seen->most)
        RV_TRY(make_room(seen, err));
    if (place < seen->floor)
        return RV_OK;
    if (seen->n == seen->cap)
        RV_TRY(grow(seen, err));
    seen->entries[seen->n++] = (entry){place, digest};
    return RV_OK;
}

void rv_seen_close(rv_seen *seen)
{
    if (seen->n > 0)
        qsort(seen->entries, (size_t)seen->n, sizeof *seen->entries, by_digest);
    seen->closed = true;
}

bool rv_seen_has(const rv_seen *seen, rv_hash128 digest)
{
    const entry key = {.digest = digest};
    assert(seen->closed);
    return seen->n > 0 && bsearch(&key, seen->entries, (size_t)seen->n, sizeof key, by_digest) != NULL;
}

/* ---- as bytes: the magic, the floor, then place, low and high of each; words with their lowest byte first ---- */

static void put_word(uint8_t *out, uint64_t word)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(word >> (8 * i));
}

static uint64_t get_word(const uint8_t *bytes)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

rv_code rv_seen_write(const rv_seen *seen, rv_bytes *out, rv_error *err)
{
    uint8_t head[HEAD_BYTES];
    memcpy(head, magic, sizeof magic);
    put_word(head + sizeof magic, (uint64_t)seen->floor);
    RV_TRY(rv_bytes_append(out, head, sizeof head, err));
    for (int64_t i = 0; i < seen->n; i++) {
        uint8_t bytes[ENTRY_BYTES];
        put_word(bytes, (uint64_t)seen->entries[i].place);
        put_word(bytes + 8, seen->entries[i].digest.low);
        put_word(bytes + 16, seen->entries[i].digest.high);
        RV_TRY(rv_bytes_append(out, bytes, sizeof bytes, err));
    }
    return RV_OK;
}

rv_code rv_seen_read(rv_seen *seen, const void *bytes, size_t len, rv_error *err)
{
    const uint8_t *at = bytes, *end = at + len;
    if (len < HEAD_BYTES || (len - HEAD_BYTES) % ENTRY_BYTES != 0 || memcmp(at, magic, sizeof magic) != 0)
        return rv_fail(err, RV_E_STATE_CORRUPT, "%zu bytes in the state store are no digests of rows", len);
    int64_t floor = (int64_t)get_word(at + sizeof magic);
    if (floor > seen->floor)
        drop_below(seen, floor);
    for (at += HEAD_BYTES; at < end; at += ENTRY_BYTES)
        RV_TRY(rv_seen_add(seen, (int64_t)get_word(at),
                           (rv_hash128){.low = get_word(at + 8), .high = get_word(at + 16)}, err));
    return RV_OK;
}
