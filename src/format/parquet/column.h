/* column.h - one column of the open row group: the open page, the dictionary, and what is known of finished pages.
 *
 * A page closes before the row that would take it over its weight, or at RVI_PQ_PAGE_ROWS rows; so boundaries
 * depend on the rows alone, a list never spans pages, and a value larger than a page has a page to itself. Weight
 * is the size as PLAIN whatever the encoding, so a page may change its encoding without changing its rows. */
#ifndef RIVET_PARQUET_COLUMN_H
#define RIVET_PARQUET_COLUMN_H

#include "bloom.h"
#include "dict.h"
#include "encoding.h"
#include "leaf.h"
#include "levels.h"
#include "packing.h"
#include "stats.h"
#include "store.h"

enum { RVI_PQ_PAGE_ROWS = 20000 }; /* as arrow, arrow-rs and parquet-java; keeps num_values far from 2^31 */

/* Where a page ends before its weight would end it, if a further stretch of so many rows does not fit: DuckDB reads
 * vectors of this many rows from a row group's first row on, and leaves values that it does not need undecoded only
 * where a vector lies in one page. */
enum { RVI_PQ_STRIDE_ROWS = 2048 };

/* Where pages must be smaller, memory is so short that nothing is done for what comes later: pages do not wait for the
 * end of a stride, and chunks do not trust earlier ones. */
enum { RVI_PQ_SMALL_PAGE = 64 << 10 };

/* Slices whose pages may still be under way; see rowgroup.h. */
enum { RVI_PQ_LAG = 12 };

/* What the columns of one writer share. Pages under way and in the store outlive a call, the buffers do not. */
typedef struct rvi_pq_workspace {
    rvi_pq_memory *memory; /* counts towards the row group's limit */
    rvi_pq_packing packing;
    rvi_pq_store pages; /* finished pages of the open row group, headers included */
    uint64_t slice;     /* number of the open slice within the file */
    rvi_pq_gather_space *gather;
    rvi_pq_buf body;    /* of a page: levels, encoded values */
    rvi_pq_buf packed;  /* compressed form of a page or a dictionary */
    rvi_pq_buf header;  /* of a page; a piece of metadata */
    rvi_pq_buf scratch; /* of the encodings */
    size_t page_weight; /* bytes as PLAIN after which a page is full, unless its values are long */
    size_t dict_bytes;  /* most bytes of a dictionary page */
    size_t bloom_bytes; /* most bytes of a Bloom filter */
    const rv_parquet_options *options; /* borrowed */
} rvi_pq_workspace;

/* Give back what a huge value made the buffers grow to. Called where all columns have the same rows, so that what
 * is kept does not depend on the order in which their pages closed. */
void rvi_pq_workspace_trim(rvi_pq_workspace *work);
/* Whether a buffer holds, or held, far more than an ordinary page. */
bool rvi_pq_workspace_is_huge(const rvi_pq_workspace *work, const rvi_pq_buf *buf);

typedef struct rvi_pq_open_page {
    int64_t rows, n_present;
    uint64_t weight;
    uint64_t data_bytes; /* variable width: sum of the lengths */
    rvi_pq_buf values;   /* PLAIN bytes, or uint32_t dictionary indices */
    rvi_pq_levels levels;
    rvi_pq_stats stats;
} rvi_pq_open_page;

/* A finished page, as the indexes of the file describe it. */
typedef struct rvi_pq_page_info {
    uint64_t stored_at;  /* in the page store */
    uint64_t stored_len; /* header and body */
    int64_t rows, n_levels, n_null, n_nan;
    uint64_t data_bytes;
    bool has_bounds;
    uint8_t min_len, max_len;
    uint32_t bounds_at; /* in the column's `bounds`: min, then max */
    int64_t def_histogram[RVI_PQ_MAX_DEF + 1], rep_histogram[RVI_PQ_MAX_REP + 1];
} rvi_pq_page_info;

typedef enum rvi_pq_dict_state {
    RVI_PQ_DICT_OFF = 0, /* not tried, or it did not pay */
    RVI_PQ_DICT_TRIED,   /* no page with values has closed yet; everything can still go without it */
    RVI_PQ_DICT_ON,      /* it pays */
    RVI_PQ_DICT_FULL,    /* earlier pages use it, later ones do not */
} rvi_pq_dict_state;

typedef enum rvi_pq_codec_choice {
    RVI_PQ_CODEC_OPEN = 0, /* no page has closed yet */
    RVI_PQ_CODEC_PACKED,
    RVI_PQ_CODEC_STORED,
} rvi_pq_codec_choice;

/* Bytes before encoding and compression, and after. */
typedef struct rvi_pq_page_bytes {
    uint64_t raw, stored;
} rvi_pq_page_bytes;

/* Where the pages of a chunk went. */
typedef struct rvi_pq_chunk_place {
    uint64_t dictionary_at; /* file offset; used only if the column has a dictionary */
    uint64_t data_at;       /* of the first data page */
    rvi_pq_codec_id codec;
} rvi_pq_chunk_place;

struct rvi_pq_column {
    rvi_pq_leaf leaf;
    rvi_pq_open_page page;
    size_t page_weight; /* bytes as PLAIN after which its page is full; rowgroup.h sets it between slices */
    rvi_pq_dict dict;
    rvi_pq_dict_state dict_state;
    const rvi_pq_encoding_ops *named;    /* by the user; NULL: chosen by the data */
    const rvi_pq_encoding_ops *encoding; /* of the chunk's pages without dictionary; NULL: not chosen yet */
    rvi_pq_codec_choice codec;

    /* The chunk: all pages finished so far. */
    rvi_pq_buf infos; /* rvi_pq_page_info */
    size_t n_pages;
    rvi_pq_buf bounds; /* of pages, as written */
    rvi_pq_stats stats;
    int64_t rows, n_levels, n_null;
    uint64_t data_bytes;
    uint64_t raw_bytes, stored_bytes; /* page headers and the dictionary page included */
    uint64_t plain_bytes;             /* of closed pages, as rvi_pq_column_open_bytes() counts */
    int64_t def_histogram[RVI_PQ_MAX_DEF + 1], rep_histogram[RVI_PQ_MAX_REP + 1];
    int32_t n_pages_of[RVI_PQ_ENCODINGS]; /* data pages by encoding */
    rvi_pq_bloom bloom;
    rvi_pq_chunk_place place; /* once the chunk is written */

    /* What a chunk without dictionary was encoded as, for the chunks behind it: while `trusted_bytes`, the PLAIN bytes for
     * which that holds, last, they try nothing. NULL: the next chunk does. */
    const rvi_pq_encoding_ops *trusted;
    uint64_t trusted_bytes;

    /* Of this file, for what its rows will weigh; what is longer ago counts less. */
    uint64_t seen_weight;
    int64_t seen_rows;

    /* Of the previous chunk of this file, for estimates; zero before there is one. */
    rvi_pq_page_bytes data_shrank, dict_shrank;

    /* What the end of a row group is decided by: data pages of slices that are settled, and those of the last ones,
     * by slice number. */
    rvi_pq_page_bytes settled, fresh[RVI_PQ_LAG];
};

/* Fails FORMAT_UNSUPPORTED, CONFIG_VALUE (a named encoding), OUT_OF_MEMORY, MEMORY_BUDGET. On failure `column` is fit
 * for deinit. */
rv_code rvi_pq_column_init(rvi_pq_column *column, const rv_field *field, rvi_pq_workspace *work,
                           rv_error *err) RV_MUST_CHECK;
void rvi_pq_column_deinit(rvi_pq_column *column); /* zeroed memory is fine */

/* What a stretch of RVI_PQ_STRIDE_ROWS rows of the column will most likely weigh at most; 0 before there are rows. */
uint64_t rvi_pq_column_stride_weight(const rvi_pq_column *column);
/* What such a stretch will most likely have become in finished pages. */
uint64_t rvi_pq_column_stride_finished(const rvi_pq_column *column);
/* Whether a buffer of the column's page holds, or held, a value far larger than a page. */
bool rvi_pq_column_has_huge(const rvi_pq_column *column, const rvi_pq_workspace *work, const rvi_pq_buf *buf);
/* Whether its pages may take more than other pages: rvi_pq_column.page_weight. */
static inline bool rvi_pq_column_is_long(const rvi_pq_column *column, const rvi_pq_workspace *work)
{
    return column->page_weight > work->page_weight;
}

/* Rows [from, to) of a batch's column. Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_column_append(rvi_pq_column *column, const rv_column *source, int64_t from, int64_t to,
                             rvi_pq_workspace *work, rv_error *err) RV_MUST_CHECK;

/* Finish the open page, if it has rows: it becomes the last of the chunk and is on its way to work->pages. */
rv_code rvi_pq_column_close_page(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err) RV_MUST_CHECK;
/* The same, if it holds a huge value. Appending does so before the next row, but not at once: compressed, the value would
 * take its memory once more, which is to be had when the batch that it came in has been given back. */
rv_code rvi_pq_column_close_huge(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err) RV_MUST_CHECK;
/* The same, if a stride has just ended and the page would end with it once the next row came. */
rv_code rvi_pq_column_end_stride(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err) RV_MUST_CHECK;
/* Begin the next chunk. The page must have been closed and stowed. */
rv_code rvi_pq_column_clear(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err) RV_MUST_CHECK;

/* The slice with counters fresh[i] is settled: all its pages are in the store. */
void rvi_pq_column_settle(rvi_pq_column *column, uint64_t i);
/* The column's data pages that are finished; unsettled ones as settled pages of the chunk shrank, or with their raw size
 * before there is one. */
uint64_t rvi_pq_column_finished_bytes(const rvi_pq_column *column);
/* The open page before it is encoded: PLAIN values, or packed indices; and levels. */
uint64_t rvi_pq_column_open_bytes(const rvi_pq_column *column);
/* What the open chunk would add to the file: settled pages, and the encoded size of all else, shrunk as settled pages
 * were, or the last chunk's, or by half before there is one. */
uint64_t rvi_pq_column_pending(const rvi_pq_column *column);

static inline const rvi_pq_page_info *rvi_pq_column_page(const rvi_pq_column *column, size_t i)
{
    return (const rvi_pq_page_info *)(const void *)column->infos.data + i;
}
static inline rvi_pq_page_info *rvi_pq_column_page_mut(rvi_pq_column *column, size_t i)
{
    return (rvi_pq_page_info *)(void *)column->infos.data + i;
}
/* Whether the open page gathers indices, not values. */
static inline bool rvi_pq_column_uses_dictionary(const rvi_pq_column *column)
{
    return column->dict_state == RVI_PQ_DICT_TRIED || column->dict_state == RVI_PQ_DICT_ON;
}
static inline bool rvi_pq_column_has_dictionary(const rvi_pq_column *column)
{
    return column->n_pages_of[RVI_PQ_RLE_DICTIONARY] > 0;
}

#endif
