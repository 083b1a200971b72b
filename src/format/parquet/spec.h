/* spec.h - the numbers of the Parquet format. Spec: parquet-format, src/main/thrift/parquet.thrift. */
#ifndef RIVET_PARQUET_SPEC_H
#define RIVET_PARQUET_SPEC_H

typedef enum rvi_pq_physical {
    RVI_PQ_BOOLEAN = 0,
    RVI_PQ_INT32 = 1,
    RVI_PQ_INT64 = 2,
    RVI_PQ_FLOAT = 4,
    RVI_PQ_DOUBLE = 5,
    RVI_PQ_BYTE_ARRAY = 6,
    RVI_PQ_FIXED = 7, /* FIXED_LEN_BYTE_ARRAY */
} rvi_pq_physical;

typedef enum rvi_pq_repetition {
    RVI_PQ_REQUIRED = 0,
    RVI_PQ_OPTIONAL = 1,
    RVI_PQ_REPEATED = 2,
} rvi_pq_repetition;

typedef enum rvi_pq_page_type {
    RVI_PQ_DATA_PAGE = 0,
    RVI_PQ_DICTIONARY_PAGE = 2,
} rvi_pq_page_type;

typedef enum rvi_pq_encoding_id {
    RVI_PQ_PLAIN = 0,
    RVI_PQ_RLE = 3,
    RVI_PQ_DELTA_BINARY_PACKED = 5,
    RVI_PQ_DELTA_LENGTH_BYTE_ARRAY = 6,
    RVI_PQ_DELTA_BYTE_ARRAY = 7,
    RVI_PQ_RLE_DICTIONARY = 8,
    RVI_PQ_BYTE_STREAM_SPLIT = 9,
    RVI_PQ_ENCODINGS = 10, /* one more than the largest */
} rvi_pq_encoding_id;

typedef enum rvi_pq_codec_id {
    RVI_PQ_UNCOMPRESSED = 0,
    RVI_PQ_SNAPPY = 1,
    RVI_PQ_GZIP = 2,
    RVI_PQ_LZO = 3,
    RVI_PQ_BROTLI = 4,
    RVI_PQ_LZ4_HADOOP = 5, /* "LZ4": deprecated, never written */
    RVI_PQ_ZSTD = 6,
    RVI_PQ_LZ4_RAW = 7,
} rvi_pq_codec_id;

typedef enum rvi_pq_converted {
    RVI_PQ_CONVERTED_NONE = -1,
    RVI_PQ_CONVERTED_UTF8 = 0,
    RVI_PQ_CONVERTED_LIST = 3,
    RVI_PQ_CONVERTED_DECIMAL = 5,
    RVI_PQ_CONVERTED_DATE = 6,
    RVI_PQ_CONVERTED_TIME_MICROS = 8,
    RVI_PQ_CONVERTED_TIMESTAMP_MICROS = 10,
    RVI_PQ_CONVERTED_UINT_64 = 14,
    RVI_PQ_CONVERTED_INT_16 = 16,
    RVI_PQ_CONVERTED_JSON = 19,
} rvi_pq_converted;

/* Fields of the LogicalType union. */
typedef enum rvi_pq_logical {
    RVI_PQ_LOGICAL_NONE = 0,
    RVI_PQ_LOGICAL_STRING = 1,
    RVI_PQ_LOGICAL_LIST = 3,
    RVI_PQ_LOGICAL_DECIMAL = 5,
    RVI_PQ_LOGICAL_DATE = 6,
    RVI_PQ_LOGICAL_TIME = 7,
    RVI_PQ_LOGICAL_TIMESTAMP = 8,
    RVI_PQ_LOGICAL_INTEGER = 10,
    RVI_PQ_LOGICAL_JSON = 12,
    RVI_PQ_LOGICAL_UUID = 14,
} rvi_pq_logical;

/* Fields of the TimeUnit union. */
typedef enum rvi_pq_unit { RVI_PQ_UNIT_NONE = 0, RVI_PQ_UNIT_MICROS = 2, RVI_PQ_UNIT_NANOS = 3 } rvi_pq_unit;

typedef enum rvi_pq_boundary {
    RVI_PQ_UNORDERED = 0,
    RVI_PQ_ASCENDING = 1,
    RVI_PQ_DESCENDING = 2,
} rvi_pq_boundary;

#endif
