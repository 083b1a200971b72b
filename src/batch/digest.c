/* digest.c - what a column holds, as one number that does not depend on the order of its rows.
 *
 * The digest is the sum modulo 2^64 of a keyed hash of every value, so a lost, doubled or changed row changes it,
 * while chunks can be summed in any order. It is part of the manifest's format: docs/reference/column-digest.md
 * defines it, with test vectors, and nothing here may change what it gives.
 *
 * Fixed-width values go through two 64x64->128 multiplications: one alone is nearly linear in its input, and a sum
 * of linear hashes cannot tell {1, 4} from {2, 3}. NULLs are not looked for one by one: the bits under them are
 * zero (an invariant of batch.c), so each has added hash(0), and that is exchanged for the hash of NULL at the end. */
#include "rivet/batch.h"
#include "rivet/hash.h"

#include <assert.h>

__extension__ typedef unsigned __int128 uint128;

typedef struct digest_key {
    uint64_t enter, mix, leave, close; /* of the chain over 64-bit words; `mix` and `close` are odd */
    uint64_t null;                     /* what a NULL counts */
} digest_key;

/* splitmix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014. */
static uint64_t next_key(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static digest_key key_of_position(int position)
{
    uint64_t state = (uint64_t)position;
    digest_key key;
    key.enter = next_key(&state);
    key.mix = next_key(&state) | 1;
    key.leave = next_key(&state);
    key.close = next_key(&state) | 1;
    key.null = next_key(&state);
    return key;
}

/* Both halves of the product, folded: the mixing step of wyhash. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t chain(const digest_key *key, uint64_t state, uint64_t word)
{
    return fold(state ^ word, key->mix);
}

static inline uint64_t finish(const digest_key *key, uint64_t state)
{
    return fold(state ^ key->leave, key->close);
}

static inline uint64_t hash_word(const digest_key *key, uint64_t word)
{
    return finish(key, chain(key, key->enter, word));
}

static uint64_t hash_words(const digest_key *key, const uint8_t *bytes, size_t n_words)
{
    uint64_t state = key->enter;
    for (size_t i = 0; i < n_words; i++) {
        uint64_t word;
        memcpy(&word, bytes + i * 8, 8);
        state = chain(key, state, word);
    }
    return finish(key, state);
}

/* NaN has many bit patterns that mean the same and that copying may change; they count as one. -0 is not 0. */
static inline uint64_t canonical_float32(uint32_t bits)
{
    return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits;
}

static inline uint64_t canonical_float64(uint64_t bits)
{
    return (bits & 0x7fffffffffffffffu) > 0x7ff0000000000000u ? 0x7ff8000000000000u : bits;
}

static uint64_t sum_bool(const digest_key *key, const uint8_t *values, int64_t from, int64_t to)
{
    int64_t ones = 0;
    for (int64_t i = from; i < to; i++)
        ones += (values[i >> 3] >> (i & 7)) & 1;
    return (uint64_t)ones * hash_word(key, 1) + (uint64_t)(to - from - ones) * hash_word(key, 0);
}

static uint64_t sum_i16(const digest_key *key, const uint8_t *values, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        int16_t value;
        memcpy(&value, values + i * 2, 2);
        sum += hash_word(key, (uint64_t)(int64_t)value);
    }
    return sum;
}

static uint64_t sum_i32(const digest_key *key, const uint8_t *values, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t value;
        memcpy(&value, values + i * 4, 4);
        sum += hash_word(key, (uint64_t)(int64_t)value);
    }
    return sum;
}

static uint64_t sum_i64(const digest_key *key, const uint8_t *values, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t value;
        memcpy(&value, values + i * 8, 8);
        sum += hash_word(key, value);
    }
    return sum;
}

static uint64_t sum_f32(const digest_key *key, const uint8_t *values, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, values + i * 4, 4);
        sum += hash_word(key, canonical_float32(bits));
    }
    return sum;
}

static uint64_t sum_f64(const digest_key *key, const uint8_t *values, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, values + i * 8, 8);
        sum += hash_word(key, canonical_float64(bits));
    }
    return sum;
}

static uint64_t sum_words(const digest_key *key, const uint8_t *values, int64_t n, size_t width)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += hash_words(key, values + (size_t)i * width, width / 8);
    return sum;
}

/* Sum over the fixed-width values [from, to), NULLs counted as zero. */
static uint64_t sum_fixed(const digest_key *key, const rv_column *column, int64_t from, int64_t to)
{
    rv_type_id id = column->type.id;
    if (id == RV_TYPE_BOOL)
        return sum_bool(key, column->values, from, to);
    size_t width = rv_type_width(column->type);
    const uint8_t *values = column->values + (size_t)from * width;
    int64_t n = to - from;
    if (id == RV_TYPE_FLOAT32)
        return sum_f32(key, values, n);
    if (id == RV_TYPE_FLOAT64)
        return sum_f64(key, values, n);
    if (width == 2)
        return sum_i16(key, values, n);
    if (width == 4)
        return sum_i32(key, values, n);
    return width == 8 ? sum_i64(key, values, n) : sum_words(key, values, n, width);
}

static uint64_t hash_of_zero(const digest_key *key, const rv_column *column)
{
    static const uint8_t zeros[32];
    size_t width = rv_type_width(column->type);
    return width > 8 ? hash_words(key, zeros, width / 8) : hash_word(key, 0);
}

static uint64_t hash_bytes(const digest_key *key, const void *bytes, size_t len)
{
    return rv_xxh3(len > 0 ? bytes : "", len,
                   key->enter); /* a column of empty strings has no data buffer yet */
}

static uint64_t hash_variable(const digest_key *key, const rv_column *column, int64_t i)
{
    if (rv_column_is_null(column, i))
        return key->null;
    size_t from = (size_t)column->offsets[i], to = (size_t)column->offsets[i + 1];
    return hash_bytes(key, to > from ? column->data + from : NULL, to - from);
}

static uint64_t hash_element(const digest_key *key, const rv_column *column, int64_t i)
{
    if (rv_column_is_null(column, i))
        return key->null;
    return rv_type_is_variable(column->type.id) ? hash_variable(key, column, i)
                                                : sum_fixed(key, column, i, i + 1);
}

/* A list is the chain over its elements' hashes, in order, and then their number. */
static uint64_t hash_list(const digest_key *key, const rv_column *column, int64_t i)
{
    if (rv_column_is_null(column, i))
        return key->null;
    uint64_t state = key->enter;
    for (int64_t e = column->offsets[i]; e < column->offsets[i + 1]; e++)
        state = chain(key, state, hash_element(key, column->child, e));
    uint64_t n = (uint64_t)(column->offsets[i + 1] - column->offsets[i]);
    return finish(key, chain(key, state, n));
}

static int64_t count_nulls(const rv_column *column, int64_t from, int64_t to)
{
    if (column->validity == NULL)
        return 0;
    if (from == 0 && to == column->length)
        return column->null_count;
    int64_t n = 0;
    for (int64_t i = from; i < to; i++)
        n += rv_column_is_null(column, i);
    return n;
}

static uint64_t column_digest(const digest_key *key, const rv_column *column, int64_t from, int64_t to)
{
    uint64_t sum = 0;
    if (column->type.id == RV_TYPE_LIST) {
        for (int64_t i = from; i < to; i++)
            sum += hash_list(key, column, i);
        return sum;
    }
    if (rv_type_is_variable(column->type.id)) {
        for (int64_t i = from; i < to; i++)
            sum += hash_variable(key, column, i);
        return sum;
    }
    sum = sum_fixed(key, column, from, to);
    return sum + (uint64_t)count_nulls(column, from, to) * (key->null - hash_of_zero(key, column));
}

uint64_t rv_digest_bytes(int position, const void *bytes, size_t len)
{
    const digest_key key = key_of_position(position);
    return hash_bytes(&key, bytes, len);
}

uint64_t rv_digest_null(int position)
{
    return key_of_position(position).null;
}

void rv_batch_digest_rows(const rv_batch *batch, int64_t from, int64_t to, uint64_t *sums)
{
    assert(from >= 0 && from <= to && to <= batch->rows);
    for (int i = 0; i < batch->n_columns; i++) {
        const digest_key key = key_of_position(i);
        if (from < to)
            sums[i] += column_digest(&key, &batch->columns[i], from, to);
    }
}

void rv_batch_digest(const rv_batch *batch, uint64_t *sums)
{
    for (int i = 0; i < batch->n_columns; i++) { /* of a batch that is read column by column, one has rows */
        const rv_column *column = &batch->columns[i];
        const digest_key key = key_of_position(i);
        if (column->length > 0)
            sums[i] += column_digest(&key, column, 0, column->length);
    }
}
