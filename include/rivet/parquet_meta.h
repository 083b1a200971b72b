/* rivet/parquet_meta.h - what a Parquet file says about itself, as structs.
 *
 * Numbers that the format defines (types, encodings, codecs) are kept as they stand in the file, so that one which
 * this program does not know can be shown and skipped; the enums name those that it knows. -1 stands for "absent" in
 * every count, offset and number where it cannot be a value. Everything is owned by the reader it came from.
 *
 * Spec: parquet-format, src/main/thrift/parquet.thrift and LogicalTypes.md. */
#ifndef RIVET_PARQUET_META_H
#define RIVET_PARQUET_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum rv_parquet_physical {
    RV_PARQUET_BOOLEAN = 0,
    RV_PARQUET_INT32 = 1,
    RV_PARQUET_INT64 = 2,
    RV_PARQUET_INT96 = 3, /* 8 bytes nanoseconds of the day, 4 bytes Julian day; only ever a timestamp */
    RV_PARQUET_FLOAT = 4,
    RV_PARQUET_DOUBLE = 5,
    RV_PARQUET_BYTE_ARRAY = 6,
    RV_PARQUET_FIXED = 7, /* FIXED_LEN_BYTE_ARRAY */
    RV_PARQUET_PHYSICALS
} rv_parquet_physical;

typedef enum rv_parquet_repetition {
    RV_PARQUET_REQUIRED = 0,
    RV_PARQUET_OPTIONAL = 1,
    RV_PARQUET_REPEATED = 2,
} rv_parquet_repetition;

typedef enum rv_parquet_encoding_id {
    RV_PARQUET_PLAIN = 0,
    RV_PARQUET_PLAIN_DICTIONARY = 2, /* the old name of RLE_DICTIONARY, and of PLAIN in a dictionary page */
    RV_PARQUET_RLE = 3,
    RV_PARQUET_BIT_PACKED = 4, /* levels of ancient files, most significant bit first */
    RV_PARQUET_DELTA_BINARY_PACKED = 5,
    RV_PARQUET_DELTA_LENGTH_BYTE_ARRAY = 6,
    RV_PARQUET_DELTA_BYTE_ARRAY = 7,
    RV_PARQUET_RLE_DICTIONARY = 8,
    RV_PARQUET_BYTE_STREAM_SPLIT = 9,
} rv_parquet_encoding_id;

typedef enum rv_parquet_codec {
    RV_PARQUET_UNCOMPRESSED = 0,
    RV_PARQUET_SNAPPY = 1,
    RV_PARQUET_GZIP = 2,
    RV_PARQUET_LZO = 3,
    RV_PARQUET_BROTLI = 4,
    RV_PARQUET_LZ4_HADOOP = 5,
    RV_PARQUET_ZSTD = 6,
    RV_PARQUET_LZ4_RAW = 7,
} rv_parquet_codec;

typedef enum rv_parquet_page_type {
    RV_PARQUET_DATA_PAGE = 0,
    RV_PARQUET_INDEX_PAGE = 1,
    RV_PARQUET_DICTIONARY_PAGE = 2,
    RV_PARQUET_DATA_PAGE_V2 = 3,
} rv_parquet_page_type;

/* Fields of the LogicalType union. A converted type without a logical one is translated to it. */
typedef enum rv_parquet_logical {
    RV_PARQUET_LOGICAL_NONE = 0,
    RV_PARQUET_LOGICAL_STRING = 1,
    RV_PARQUET_LOGICAL_MAP = 2,
    RV_PARQUET_LOGICAL_LIST = 3,
    RV_PARQUET_LOGICAL_ENUM = 4,
    RV_PARQUET_LOGICAL_DECIMAL = 5,
    RV_PARQUET_LOGICAL_DATE = 6,
    RV_PARQUET_LOGICAL_TIME = 7,
    RV_PARQUET_LOGICAL_TIMESTAMP = 8,
    RV_PARQUET_LOGICAL_INTERVAL = 9, /* reserved in the union; comes from ConvertedType only */
    RV_PARQUET_LOGICAL_INTEGER = 10,
    RV_PARQUET_LOGICAL_NULL = 11, /* UNKNOWN in the specification: only NULLs */
    RV_PARQUET_LOGICAL_JSON = 12,
    RV_PARQUET_LOGICAL_BSON = 13,
    RV_PARQUET_LOGICAL_UUID = 14,
    RV_PARQUET_LOGICAL_FLOAT16 = 15,
    RV_PARQUET_LOGICAL_VARIANT = 16,
    RV_PARQUET_LOGICAL_GEOMETRY = 17,
    RV_PARQUET_LOGICAL_GEOGRAPHY = 18,
} rv_parquet_logical;

typedef enum rv_parquet_unit {
    RV_PARQUET_UNIT_NONE = 0,
    RV_PARQUET_UNIT_MILLIS = 1,
    RV_PARQUET_UNIT_MICROS = 2,
    RV_PARQUET_UNIT_NANOS = 3,
} rv_parquet_unit;

typedef enum rv_parquet_boundary {
    RV_PARQUET_UNORDERED = 0,
    RV_PARQUET_ASCENDING = 1,
    RV_PARQUET_DESCENDING = 2,
} rv_parquet_boundary;

/* Names as the specification spells them, static; "unknown" for other numbers. */
const char *rv_parquet_physical_name(int32_t physical);
const char *rv_parquet_repetition_name(int32_t repetition);
const char *rv_parquet_encoding_id_name(int32_t encoding);
const char *rv_parquet_codec_name(int32_t codec);
const char *rv_parquet_page_type_name(int32_t type);
const char *rv_parquet_logical_name(int32_t logical);
const char *rv_parquet_converted_name(int32_t converted);
const char *rv_parquet_boundary_name(int32_t order);

/* Bytes of the file. `data` NULL: the field is absent (an empty one has data). */
typedef struct rv_parquet_bytes {
    const uint8_t *data;
    size_t len;
} rv_parquet_bytes;

/* One element of the schema tree, in the file's order: depth first, the root is node 0. */
typedef struct rv_parquet_node {
    const char *name;
    int32_t physical; /* -1: a group */
    int32_t type_length;
    int32_t repetition;       /* of the root: REQUIRED */
    int32_t converted;        /* -1: none */
    int32_t logical;          /* rv_parquet_logical, or the number of one that is not known */
    int32_t unit;             /* TIME, TIMESTAMP */
    bool utc;                 /* TIME, TIMESTAMP: isAdjustedToUTC */
    bool is_signed;           /* INTEGER */
    int32_t bit_width;        /* INTEGER */
    int32_t precision, scale; /* DECIMAL */
    int32_t field_id;         /* -1: none */
    int32_t parent;           /* index of the group; -1: the root */
    int32_t n_children;
    int32_t end;  /* index behind the last node below this one */
    int32_t leaf; /* number of this leaf; -1: a group */
    uint8_t max_def, max_rep;
} rv_parquet_node;

/* Statistics of a chunk or of a page. The deprecated pair is kept apart: its order was never defined for all types. */
typedef struct rv_parquet_statistics {
    rv_parquet_bytes min, max, deprecated_min, deprecated_max;
    int64_t null_count, distinct_count, nan_count;
    int8_t min_exact, max_exact; /* 1 yes, 0 no, -1 not said */
} rv_parquet_statistics;

typedef struct rv_parquet_encoding_count {
    int32_t page_type, encoding, n_pages;
} rv_parquet_encoding_count;

typedef struct rv_parquet_key_value {
    const char *key;
    rv_parquet_bytes value; /* UTF-8 by the specification */
} rv_parquet_key_value;

/* The column chunk of one leaf in one row group. */
typedef struct rv_parquet_chunk {
    /* Why its pages cannot be read ("encrypted", "codec 3 (LZO)" …); NULL: they can. Other chunks are not touched. */
    const char *unreadable;
    int32_t physical, codec;
    const int32_t *encodings;
    int32_t n_encodings;
    const rv_parquet_encoding_count *encoding_stats;
    int32_t n_encoding_stats;
    int64_t n_values;                /* levels: NULLs and empty lists included */
    int64_t raw_bytes, stored_bytes; /* page headers included */
    int64_t data_page_at, dictionary_page_at, index_page_at;
    rv_parquet_statistics statistics;
    int64_t data_bytes; /* BYTE_ARRAY: sum of the lengths */
    const int64_t *rep_histogram, *def_histogram;
    int32_t n_rep_histogram, n_def_histogram; /* 0: absent */
    int64_t bloom_at;
    int32_t bloom_len;
    int64_t column_index_at, offset_index_at;
    int32_t column_index_len, offset_index_len;
} rv_parquet_chunk;

typedef struct rv_parquet_sorting {
    int32_t leaf;
    bool descending, nulls_first;
} rv_parquet_sorting;

typedef struct rv_parquet_row_group {
    int32_t index;
    int64_t n_rows, raw_bytes, stored_bytes, at;
    int32_t ordinal;
    const rv_parquet_chunk *chunks; /* one per leaf, in the schema's order */
    const rv_parquet_sorting *sorting;
    int32_t n_sorting;
} rv_parquet_row_group;

typedef struct rv_parquet_metadata {
    int32_t version;
    const char *created_by; /* NULL: not said */
    int64_t n_rows;
    const rv_parquet_node *nodes;
    int32_t n_nodes;
    const int32_t *leaves; /* node index of each leaf */
    int32_t n_leaves;
    const int32_t *column_orders; /* per leaf, field of the ColumnOrder union; NULL: not said */
    int32_t n_row_groups;
    const rv_parquet_key_value *key_values;
    int32_t n_key_values;
    uint64_t footer_at; /* file offset of FileMetaData */
    uint32_t footer_len;
} rv_parquet_metadata;

/* The page index of a chunk. Lists have n_pages entries; NULL: absent. */
typedef struct rv_parquet_column_index {
    int32_t n_pages;
    const bool *null_pages;
    const rv_parquet_bytes *min, *max;
    int32_t boundary_order;
    const int64_t *null_counts, *nan_counts;
    const int64_t *rep_histograms, *def_histograms; /* max_rep + 1 and max_def + 1 entries per page */
} rv_parquet_column_index;

typedef struct rv_parquet_page_location {
    int64_t at, first_row;
    int32_t stored_bytes; /* header included */
} rv_parquet_page_location;

typedef struct rv_parquet_offset_index {
    int32_t n_pages;
    const rv_parquet_page_location *pages;
    const int64_t *data_bytes;
} rv_parquet_offset_index;

/* One page, as its header describes it. */
typedef struct rv_parquet_page {
    int32_t type;    /* rv_parquet_page_type */
    int32_t ordinal; /* among the chunk's data pages; -1: the dictionary page */
    uint64_t at;     /* file offset of the header */
    uint32_t header_bytes;
    int32_t raw_bytes, stored_bytes; /* of the body */
    bool has_crc;
    uint32_t crc;
    int32_t n_levels; /* entries of a dictionary page */
    int32_t encoding, def_encoding, rep_encoding;
    int32_t n_nulls, n_rows;          /* V2 only; else -1 */
    int32_t def_bytes, rep_bytes;     /* V2 only */
    bool is_compressed;               /* V2 only */
    rv_parquet_statistics statistics; /* bytes are valid until the next page */
} rv_parquet_page;

#endif
