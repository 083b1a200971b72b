/* stats.c - one small table of operations per order.
 *
 * The loops over numbers keep both extremes in registers and have no branch, so the compiler turns them into
 * vector instructions; text compares 8 bytes first and looks further only on a tie. */
#include "stats.h"

#include <assert.h>
#include <math.h>

typedef struct order_ops {
    void (*update)(rvi_pq_stats *stats, const rvi_pq_leaf *leaf, const rvi_pq_values *values);
    void (*merge)(rvi_pq_stats *into, const rvi_pq_stats *from);
    bool (*min)(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out);
    bool (*max)(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out);
    int (*compare)(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
} order_ops;

static bool put_bound(rvi_pq_bound *out, const void *bytes, size_t len)
{
    memcpy(out->bytes, bytes, len);
    out->len = (uint8_t)len;
    out->exact = true;
    return true;
}

static int compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* ---- signed integers ---- */

static void widen_i(rvi_pq_stats *stats, int64_t min, int64_t max)
{
    if (!stats->set || min < stats->of.i.min)
        stats->of.i.min = min;
    if (!stats->set || max > stats->of.i.max)
        stats->of.i.max = max;
    stats->set = true;
}

static void update_bool(rvi_pq_stats *stats, const rvi_pq_leaf *leaf, const rvi_pq_values *values)
{
    (void)leaf;
    uint8_t all = 1, any = 0;
    for (int32_t i = 0; i < values->n; i++) {
        all &= values->fixed[i];
        any |= values->fixed[i];
    }
    widen_i(stats, all, any);
}

static void update_i32(rvi_pq_stats *stats, const rvi_pq_leaf *leaf, const rvi_pq_values *values)
{
    (void)leaf;
    int32_t min = INT32_MAX, max = INT32_MIN;
    for (int32_t i = 0; i < values->n; i++) {
        int32_t value;
        memcpy(&value, values->fixed + (size_t)i * 4, 4);
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    widen_i(stats, min, max);
}

static void update_i64(rvi_pq_stats *stats, const rvi_pq_leaf *leaf, const rvi_pq_values *values)
{
    (void)leaf;
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (int32_t i = 0; i < values->n; i++) {
        int64_t value;
        memcpy(&value, values->fixed + (size_t)i * 8, 8);
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    widen_i(stats, min, max);
}

static void merge_i(rvi_pq_stats *into, const rvi_pq_stats *from)
{
    widen_i(into, from->of.i.min, from->of.i.max);
}

static bool put_i(const rvi_pq_leaf *leaf, int64_t value, rvi_pq_bound *out)
{
    return put_bound(out, &value, leaf->width); /* little-endian: the low bytes come first */
}

static bool min_i(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    return put_i(leaf, stats->of.i.min, out);
}

static bool max_i(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    return put_i(leaf, stats->of.i.max, out);
}

static int compare_bool(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    (void)a_len, (void)b_len;
    return *a - *b;
}

static int compare_bytes_i32(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    (void)a_len, (void)b_len;
    int32_t x, y;
    memcpy(&x, a, 4);
    memcpy(&y, b, 4);
    return compare_i64(x, y);
}

static int compare_bytes_i64(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    (void)a_len, (void)b_len;
    int64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return compare_i64(x, y);
}

/* ---- unsigned integers ---- */

static void widen_u(rvi_pq_stats *stats, uint64_t min, uint64_t max)
{
    if (!stats->set || min < stats->of.u.min)
        stats->of.u.min = min;
    if (!stats->set || max > stats->of.u.max)
        stats->of.u.max = max;
    stats->set = true;
}

static void update_u64(rvi_pq_stats *stats, const rvi_pq_leaf *leaf, const rvi_pq_values *values)
{
    (void)leaf;
    uint64_t min = UINT64_MAX, max = 0;
    for (int32_t i = 0; i < values->n; i++) {
        uint64_t value;
        memcpy(&value, values->fixed + (size_t)i * 8, 8);
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    widen_u(stats, min, max);
}

static void merge_u(rvi_pq_stats *into, const rvi_pq_stats *from)
{
    widen_u(into, from->of.u.min, from->of.u.max);
}

static bool min_u(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    return put_bound(out, &stats->of.u.min, leaf->width);
}

static bool max_u(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    return put_bound(out, &stats->of.u.max, leaf->width);
}

static int compare_u64(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    (void)a_len, (void)b_len;
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return (x > y) - (x < y);
}

/* ---- floating point ---- */

/* min > max stands for "none so far": every comparison with a NaN is false, so NaNs fall through. */
static void widen_f(rvi_pq_stats *stats, double min, double max)
{
    if (min > max)
        return;
    if (!stats->set || min < stats->of.f.min)
        stats->of.f.min = min;
    if (!stats->set || max > stats->of.f.max)
        stats->of.f.max = max;
    stats->set = true;
}

static void update_f32(rvi_pq_stats *stats, const rvi_pq_leaf *leaf, const rvi_pq_values *values)
{
    (void)leaf;
    float min = INFINITY, max = -INFINITY;
    int32_t n_nan = 0;
    for (int32_t i = 0; i < values->n; i++) {
        float value;
        memcpy(&value, values->fixed + (size_t)i * 4, 4);
        min = value < min ? value : min;
        max = value > max ? value : max;
        n_nan += value != value;
    }
    stats->n_nan += n_nan;
    if (n_nan < values->n)
        widen_f(stats, (double)min, (double)max);
}

static void update_f64(rvi_pq_stats *stats, const rvi_pq_leaf *leaf, const rvi_pq_values *values)
{
    (void)leaf;
    double min = INFINITY, max = -INFINITY;
    int32_t n_nan = 0;
    for (int32_t i = 0; i < values->n; i++) {
        double value;
        memcpy(&value, values->fixed + (size_t)i * 8, 8);
        min = value < min ? value : min;
        max = value > max ? value : max;
        n_nan += value != value;
    }
    stats->n_nan += n_nan;
    if (n_nan < values->n)
        widen_f(stats, min, max);
}

static void merge_f(rvi_pq_stats *into, const rvi_pq_stats *from)
{
    widen_f(into, from->of.f.min, from->of.f.max);
}

static bool put_f(const rvi_pq_leaf *leaf, double value, rvi_pq_bound *out)
{
    if (leaf->width == sizeof value)
        return put_bound(out, &value, sizeof value);
    float narrow = (float)value;
    return put_bound(out, &narrow, sizeof narrow);
}

/* The format leaves NaN out of the bounds, but readers disagree about where NaN sorts: for PostgreSQL, Spark and
 * DuckDB it is larger than every number, and DuckDB 1.5 counts the NaN rows too where both bounds equal what a filter
 * asks for. Without bounds every reader looks at the rows. A zero bound stands for both zeros, which the order of
 * values does not tell apart. */
static bool min_f(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    double min = stats->of.f.min;
    return stats->n_nan == 0 && put_f(leaf, min == 0.0 ? -0.0 : min, out);
}

static bool max_f(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    double max = stats->of.f.max;
    return stats->n_nan == 0 && put_f(leaf, max == 0.0 ? 0.0 : max, out);
}

static int compare_f32(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    (void)a_len, (void)b_len;
    float x, y;
    memcpy(&x, a, 4);
    memcpy(&y, b, 4);
    return (x > y) - (x < y);
}

static int compare_f64(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    (void)a_len, (void)b_len;
    double x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return (x > y) - (x < y);
}

/* ---- bytes ---- */

static uint64_t head_of(const uint8_t *bytes, size_t len)
{
    uint64_t head = 0;
    if (len >= 8) {
        memcpy(&head, bytes, 8);
        return __builtin_bswap64(head);
    }
    for (size_t i = 0; i < len; i++)
        head |= (uint64_t)bytes[i] << (56 - 8 * i);
    return head;
}

static void prefix_set(rvi_pq_prefix *prefix, const uint8_t *bytes, size_t len, uint64_t head)
{
    size_t kept = len < RVI_PQ_BOUND_BYTES ? len : RVI_PQ_BOUND_BYTES;
    prefix->head = head;
    prefix->len = (uint8_t)kept;
    prefix->longer = len > RVI_PQ_BOUND_BYTES;
    if (kept > 0)
        memcpy(prefix->bytes, bytes, kept);
}

/* Order of a value and a kept prefix: exact up to RVI_PQ_BOUND_BYTES bytes, then the longer one is the larger. Two
 * that are longer compare equal: as bounds they are the same. */
static int compare_prefix(const uint8_t *bytes, size_t len, const rvi_pq_prefix *prefix)
{
    size_t kept = len < RVI_PQ_BOUND_BYTES ? len : RVI_PQ_BOUND_BYTES;
    size_t shared = kept < prefix->len ? kept : prefix->len;
    int order = shared > 0 ? memcmp(bytes, prefix->bytes, shared) : 0;
    if (order != 0)
        return order;
    if (kept != prefix->len)
        return kept < prefix->len ? -1 : 1;
    return (len > RVI_PQ_BOUND_BYTES) - prefix->longer;
}

static void widen_b(rvi_pq_stats *stats, const uint8_t *bytes, size_t len)
{
    uint64_t head = head_of(bytes, len);
    rvi_pq_prefix *min = &stats->of.b.min, *max = &stats->of.b.max;
    if (!stats->set) {
        prefix_set(min, bytes, len, head);
        prefix_set(max, bytes, len, head);
        stats->set = true;
        return;
    }
    if (head < min->head || (head == min->head && compare_prefix(bytes, len, min) < 0))
        prefix_set(min, bytes, len, head);
    if (head > max->head || (head == max->head && compare_prefix(bytes, len, max) > 0))
        prefix_set(max, bytes, len, head);
}

static void update_bytes(rvi_pq_stats *stats, const rvi_pq_leaf *leaf, const rvi_pq_values *values)
{
    if (leaf->width != 0) {
        for (int32_t i = 0; i < values->n; i++)
            widen_b(stats, values->fixed + (size_t)i * leaf->width, leaf->width);
        return;
    }
    for (int32_t i = 0; i < values->n; i++)
        widen_b(stats, values->data + values->begin[i], (size_t)(values->end[i] - values->begin[i]));
}

static void update_signed(rvi_pq_stats *stats, const rvi_pq_leaf *leaf, const rvi_pq_values *values)
{
    uint8_t flipped[32];
    assert(leaf->width <= sizeof flipped);
    for (int32_t i = 0; i < values->n; i++) {
        memcpy(flipped, values->fixed + (size_t)i * leaf->width, leaf->width);
        flipped[0] ^= 0x80;
        widen_b(stats, flipped, leaf->width);
    }
}

static void merge_b(rvi_pq_stats *into, const rvi_pq_stats *from)
{
    if (!into->set) {
        into->of.b = from->of.b;
        into->set = true;
        return;
    }
    /* A prefix that goes on compares as a value of one byte more. */
    const rvi_pq_prefix *min = &from->of.b.min, *max = &from->of.b.max;
    if (compare_prefix(min->bytes, (size_t)min->len + min->longer, &into->of.b.min) < 0)
        into->of.b.min = *min;
    if (compare_prefix(max->bytes, (size_t)max->len + max->longer, &into->of.b.max) > 0)
        into->of.b.max = *max;
}

static size_t kept_bytes(const rvi_pq_leaf *leaf, const rvi_pq_prefix *prefix)
{
    /* What was kept may end inside a character: look at it as one byte longer than the room there is. */
    if (!prefix->longer || !leaf->is_text)
        return prefix->len;
    size_t end = prefix->len;
    size_t start = end - 1;
    while (start > 0 && (prefix->bytes[start] & 0xc0) == 0x80)
        start--;
    size_t width = prefix->bytes[start] < 0x80   ? 1
                   : prefix->bytes[start] < 0xe0 ? 2
                   : prefix->bytes[start] < 0xf0 ? 3
                                                 : 4;
    return start + width <= end ? end : start;
}

static bool min_b(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    const rvi_pq_prefix *min = &stats->of.b.min;
    put_bound(out, min->bytes, kept_bytes(leaf, min));
    out->exact = !min->longer;
    return true;
}

/* The smallest byte string above all that begin with bytes[0, *len): one more in the last byte that can take it. */
static bool increment_bytes(uint8_t *bytes, uint8_t *len)
{
    while (*len > 0 && bytes[*len - 1] == 0xff)
        --*len;
    if (*len == 0)
        return false;
    bytes[*len - 1]++;
    return true;
}

static uint32_t decode_char(const uint8_t *bytes, size_t width)
{
    static const uint8_t lead_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t value = bytes[0] & lead_mask[width];
    for (size_t i = 1; i < width; i++)
        value = value << 6 | (bytes[i] & 0x3fu);
    return value;
}

static size_t encode_char(uint32_t value, uint8_t *to)
{
    if (value < 0x80) {
        to[0] = (uint8_t)value;
        return 1;
    }
    size_t width = value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = width - 1; i > 0; i--, value >>= 6)
        to[i] = (uint8_t)(0x80 | (value & 0x3f));
    to[0] = (uint8_t)(lead[width] | value);
    return width;
}

/* The same for text, by characters, so that the bound is valid UTF-8 too. Its successor may be a byte longer than a
 * character (U+007F, U+07FF, U+FFFF): then it must still fit, or the character before it is taken. */
static bool increment_text(uint8_t *bytes, uint8_t *len)
{
    enum { LAST = 0x10ffff, SURROGATES = 0xd800, AFTER_SURROGATES = 0xe000 };
    size_t end = *len;
    while (end > 0) {
        size_t start = end - 1;
        while (start > 0 && (bytes[start] & 0xc0) == 0x80)
            start--;
        uint32_t next = decode_char(bytes + start, end - start) + 1;
        next = next == SURROGATES ? AFTER_SURROGATES : next;
        uint8_t encoded[4];
        if (next <= LAST) {
            size_t width = encode_char(next, encoded);
            if (start + width <= RVI_PQ_BOUND_BYTES) {
                memcpy(bytes + start, encoded, width);
                *len = (uint8_t)(start + width);
                return true;
            }
        }
        end = start;
    }
    return false;
}

static bool max_b(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    const rvi_pq_prefix *max = &stats->of.b.max;
    put_bound(out, max->bytes, kept_bytes(leaf, max));
    if (!max->longer)
        return true;
    out->exact = false;
    return leaf->is_text ? increment_text(out->bytes, &out->len) : increment_bytes(out->bytes, &out->len);
}

static bool min_signed(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    put_bound(out, stats->of.b.min.bytes, leaf->width);
    out->bytes[0] ^= 0x80;
    return true;
}

static bool max_signed(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    put_bound(out, stats->of.b.max.bytes, leaf->width);
    out->bytes[0] ^= 0x80;
    return true;
}

static int compare_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t shared = a_len < b_len ? a_len : b_len;
    int order = shared > 0 ? memcmp(a, b, shared) : 0;
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_signed(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    if ((a[0] ^ b[0]) & 0x80)
        return (a[0] & 0x80) != 0 ? -1 : 1;
    return compare_bytes(a, a_len, b, b_len);
}

static const order_ops ORDERS[RVI_PQ_ORDERS] = {
    [RVI_PQ_ORDER_BOOL] = {update_bool, merge_i, min_i, max_i, compare_bool},
    [RVI_PQ_ORDER_I32] = {update_i32, merge_i, min_i, max_i, compare_bytes_i32},
    [RVI_PQ_ORDER_I64] = {update_i64, merge_i, min_i, max_i, compare_bytes_i64},
    [RVI_PQ_ORDER_U64] = {update_u64, merge_u, min_u, max_u, compare_u64},
    [RVI_PQ_ORDER_F32] = {update_f32, merge_f, min_f, max_f, compare_f32},
    [RVI_PQ_ORDER_F64] = {update_f64, merge_f, min_f, max_f, compare_f64},
    [RVI_PQ_ORDER_BYTES] = {update_bytes, merge_b, min_b, max_b, compare_bytes},
    [RVI_PQ_ORDER_SIGNED] = {update_signed, merge_b, min_signed, max_signed, compare_signed},
};

void rvi_pq_stats_clear(rvi_pq_stats *stats)
{
    stats->set = false;
    stats->n_nan = 0;
}

void rvi_pq_stats_update(const rvi_pq_leaf *leaf, rvi_pq_stats *stats, const rvi_pq_values *values)
{
    if (values->n > 0)
        ORDERS[leaf->order].update(stats, leaf, values);
}

void rvi_pq_stats_update_bytes(rvi_pq_stats *stats, const uint8_t *bytes, size_t len)
{
    widen_b(stats, bytes, len);
}

void rvi_pq_stats_merge(const rvi_pq_leaf *leaf, rvi_pq_stats *into, const rvi_pq_stats *from)
{
    into->n_nan += from->n_nan;
    if (from->set)
        ORDERS[leaf->order].merge(into, from);
}

bool rvi_pq_stats_min(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    return stats->set && ORDERS[leaf->order].min(leaf, stats, out);
}

bool rvi_pq_stats_max(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out)
{
    return stats->set && ORDERS[leaf->order].max(leaf, stats, out);
}

int rvi_pq_bound_compare(const rvi_pq_leaf *leaf, const uint8_t *a, size_t a_len, const uint8_t *b,
                         size_t b_len)
{
    return ORDERS[leaf->order].compare(a, a_len, b, b_len);
}
