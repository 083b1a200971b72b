/* stats.h - smallest and largest value, exact and in the order that the column's logical type has.
 *
 * Text and bytes keep the first RVI_PQ_BOUND_BYTES bytes of each extreme and whether more followed; that is all
 * that a truncated bound needs, so no value is held. NaN is counted; values with a NaN among them have no bounds.
 *
 * Spec: parquet-format, parquet.thrift, Statistics and ColumnOrder. */
#ifndef RIVET_PARQUET_STATS_H
#define RIVET_PARQUET_STATS_H

#include "values.h"

enum { RVI_PQ_BOUND_BYTES = 64 };

typedef struct rvi_pq_prefix {
    uint64_t head; /* the first 8 bytes as a big-endian number, zero-padded */
    uint8_t len;   /* of bytes[] */
    bool longer;   /* the value has more bytes than bytes[] */
    uint8_t bytes[RVI_PQ_BOUND_BYTES];
} rvi_pq_prefix;

typedef struct rvi_pq_stats {
    bool set; /* at least one value that can be a bound was seen */
    int64_t n_nan;
    union {
        struct {
            int64_t min, max;
        } i; /* BOOL, I32, I64 */
        struct {
            uint64_t min, max;
        } u; /* U64 */
        struct {
            double min, max;
        } f; /* F32 (every float is a double), F64 */
        struct {
            rvi_pq_prefix min, max;
        } b; /* BYTES; SIGNED with the sign bit flipped, so that bytes compare as numbers do */
    } of;
} rvi_pq_stats;

/* A bound as it is written: PLAIN without length. */
typedef struct rvi_pq_bound {
    uint8_t len;
    bool exact;
    uint8_t bytes[RVI_PQ_BOUND_BYTES];
} rvi_pq_bound;

void rvi_pq_stats_clear(rvi_pq_stats *stats);
void rvi_pq_stats_update(const rvi_pq_leaf *leaf, rvi_pq_stats *stats, const rvi_pq_values *values);
/* One value of an order that is kept as bytes; `bytes` as in the file. */
void rvi_pq_stats_update_bytes(rvi_pq_stats *stats, const uint8_t *bytes, size_t len);
void rvi_pq_stats_merge(const rvi_pq_leaf *leaf, rvi_pq_stats *into, const rvi_pq_stats *from);

/* Which bounds can be written. false: there is none (no value, or a NaN), or, for the upper one, a truncated value has
 * no successor of at most RVI_PQ_BOUND_BYTES bytes (all 0xff, or all U+10FFFF). */
bool rvi_pq_stats_min(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out);
bool rvi_pq_stats_max(const rvi_pq_leaf *leaf, const rvi_pq_stats *stats, rvi_pq_bound *out);
/* <0, 0, >0 of two written bounds of one leaf, in the column's order. */
int rvi_pq_bound_compare(const rvi_pq_leaf *leaf, const uint8_t *a, size_t a_len, const uint8_t *b,
                         size_t b_len);

#endif
