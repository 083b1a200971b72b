/* dict.h - the distinct values of a column chunk, numbered by first appearance.
 *
 * The entries lie in one buffer as PLAIN bytes, so the dictionary page is that buffer. Lookup is open addressing
 * over 32-bit slots; hashing has a fixed seed, and a chain of more than RVI_PQ_DICT_PROBES slots counts as full,
 * so values made to collide cost a dictionary and not the run. What happens depends on the values alone. */
#ifndef RIVET_PARQUET_DICT_H
#define RIVET_PARQUET_DICT_H

#include "stats.h"
#include "values.h"

enum {
    RVI_PQ_DICT_MAX_BYTES = 1 << 20, /* of PLAIN entries; the limit of arrow, arrow-rs and parquet-java too */
    RVI_PQ_DICT_MAX_VALUE = 4096,    /* bytes of one entry: longer values hardly repeat */
    RVI_PQ_DICT_PROBES = 256,
};

typedef struct rvi_pq_dict {
    const rvi_pq_leaf *leaf; /* borrowed */
    rvi_pq_buf entries;      /* PLAIN */
    uint32_t n;              /* entries */
    size_t max_bytes;        /* of `entries` */
    uint32_t *slots;         /* n_slots, a power of two; see dict.c */
    uint32_t n_slots;
    rvi_pq_buf starts; /* variable width: uint32_t offset of each entry */
    rvi_pq_buf seen;   /* variable width: uint32_t, the last round in which rvi_pq_dict_touch met it */
    uint32_t round;
} rvi_pq_dict;

/* max_bytes: of the dictionary page, at most RVI_PQ_DICT_MAX_BYTES. Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_dict_init(rvi_pq_dict *dict, const rvi_pq_leaf *leaf, size_t max_bytes, rvi_pq_memory *memory,
                         rv_error *err) RV_MUST_CHECK;
void rvi_pq_dict_deinit(rvi_pq_dict *dict);
void rvi_pq_dict_clear(rvi_pq_dict *dict); /* no entries; keeps the memory */
/* No more lookups in this chunk: gives back all but the entries. */
void rvi_pq_dict_freeze(rvi_pq_dict *dict);

/* Number the values, adding new ones. out: room for values->n. *n_done: how many were numbered; less than
 * values->n when the next one would pass a limit (the dictionary stays usable). Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_dict_add(rvi_pq_dict *dict, const rvi_pq_values *values, uint32_t *out, int32_t *n_done,
                        rv_error *err) RV_MUST_CHECK;

/* Let `stats` see each entry behind the indices, once per round (variable width only). */
void rvi_pq_dict_touch(rvi_pq_dict *dict, const uint32_t *indices, int32_t n, rvi_pq_stats *stats);
void rvi_pq_dict_next_round(rvi_pq_dict *dict);

/* PLAIN size of the values behind n indices, and the values themselves. */
uint64_t rvi_pq_dict_plain_bytes(const rvi_pq_dict *dict, const uint32_t *indices, size_t n);
rv_code rvi_pq_dict_expand(const rvi_pq_dict *dict, const uint32_t *indices, size_t n, rvi_pq_buf *out,
                           rv_error *err) RV_MUST_CHECK;

#endif
