/* cli/inspect.h - what `rivet inspect` has found out about a Parquet file, and the two ways of showing it.
 *
 * Everything is read before the first line is printed: a file that cannot be understood prints nothing on stdout. */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "cli.h"

#include "rivet/parquet_reader.h"
#include "rivet/parquet_verify.h"

enum {
    RVI_INSPECT_ROWS = 5, /* of the sample, unless chosen */
    RVI_INSPECT_ROWS_MOST = 1000,
    RVI_INSPECT_SAMPLE_BYTES = 64 << 20,
    RVI_INSPECT_BUDGET_BYTES = 1 << 30, /* what the reader may hold */
};

/* How the bounds of a column's chunks add up. */
typedef enum rvi_bounds {
    RVI_BOUNDS_NONE = 0, /* no chunk with a value so far */
    RVI_BOUNDS_KNOWN,
    RVI_BOUNDS_LOST, /* a chunk with values has none, or they have no order */
} rvi_bounds;

/* A leaf's chunks in all row groups together. */
typedef struct rvi_inspect_column {
    uint64_t raw_bytes, stored_bytes;
    int64_t n_values, n_nulls;                                 /* levels; n_nulls -1: a chunk does not say */
    int64_t n_pages;                                           /* data pages; -1: a chunk does not say */
    uint32_t codecs, encodings;                                /* sets of numbers; above 31: bit 31 */
    int32_t n_dictionaries, n_blooms, n_indexes, n_unreadable; /* chunks */
    rvi_bounds bounds;
    rv_bytes min, max; /* as in the file */
} rvi_inspect_column;

/* The first rows. Cells are texts: JSON, or for people. */
typedef struct rvi_inspect_sample {
    rv_bytes text;
    size_t *cells; /* [row * n_fields + field]: where in `text` it begins; SIZE_MAX: it cannot be read */
    int64_t n_rows;
    int n_fields;
    rv_error problem; /* the first that kept a column from being read; code RV_OK: none */
} rvi_inspect_sample;

typedef struct rvi_inspection {
    const char *path;
    uint64_t size; /* bytes of the file */
    bool as_json;
    rv_parquet_reader *reader;           /* NULL: the file cannot be opened, and --verify says why */
    const rv_parquet_metadata *metadata; /* of the reader */
    rvi_inspect_column *columns;         /* one per leaf */
    rvi_inspect_sample sample;
    rv_parquet_report *report; /* NULL: --verify was not given */
} rvi_inspection;

/* inspect_columns.c: reads the metadata of every row group. Fails as the reader does. */
rv_code rvi_inspect_columns(rvi_inspection *in, rv_error *err) RV_MUST_CHECK;
/* Data pages of a chunk of the row group read last; -1: it does not say. */
rv_code rvi_inspect_chunk_pages(rv_parquet_reader *reader, int32_t leaf, const rv_parquet_chunk *chunk,
                                int64_t *out, rv_error *err) RV_MUST_CHECK;
bool rvi_inspect_has_dictionary(const rv_parquet_chunk *chunk);
/* NULLs of a chunk; -1: it does not say. */
int64_t rvi_inspect_chunk_nulls(const rv_parquet_node *leaf, const rv_parquet_chunk *chunk);

/* inspect_rows.c: fills in->sample with the first n_rows rows. Columns that cannot be read are left out. */
rv_code rvi_inspect_rows(rvi_inspection *in, int64_t n_rows, rv_error *err) RV_MUST_CHECK;

/* inspect_value.c: values and types as text. */
typedef enum rvi_value_form {
    RVI_VALUE_PLAIN = 0, /* canonical text as it is */
    RVI_VALUE_PEOPLE,    /* texts in quotes, with escapes; all else as it is */
    RVI_VALUE_JSON,      /* numbers and booleans bare, all else in quotes */
} rvi_value_form;
rv_code rvi_inspect_value(const rv_parquet_node *leaf, rv_parquet_bytes value, rvi_value_form form,
                          rv_bytes *out, rv_error *err) RV_MUST_CHECK;
/* The same for a bound, which may be no value of its type: *known is false then, and `out` as it was. */
rv_code rvi_inspect_bound(const rv_parquet_node *leaf, rv_parquet_bytes bound, rvi_value_form form,
                          rv_bytes *out, bool *known, rv_error *err) RV_MUST_CHECK;
/* In quotes, as a JSON string. What is no UTF-8 becomes U+FFFD; control characters are escaped. */
rv_code rvi_inspect_quoted(const uint8_t *text, size_t len, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
/* The same as a JSON value; NULL: out of memory. */
json_t *rvi_inspect_json_text(const uint8_t *text, size_t len);
enum { RVI_TYPE_NAME_BYTES = 64 };
/* "DECIMAL(10,2)", "TIMESTAMP(MICROS, UTC)"; "" where there is none. Returns `out`. */
const char *rvi_inspect_logical(char out[RVI_TYPE_NAME_BYTES], const rv_parquet_node *node);
/* "INT64", "FIXED_LEN_BYTE_ARRAY(16)"; "" for a group. Returns `out`. */
const char *rvi_inspect_physical(char out[RVI_TYPE_NAME_BYTES], const rv_parquet_node *node);
/* What Rivet noted about a top-level column (rivet.column.<name>): a new reference to an object, or NULL. */
json_t *rvi_inspect_noted(const rv_parquet_metadata *metadata, const char *name);

/* inspect_text.c, inspect_json.c: print all of it. Fail OUT_OF_MEMORY, LIMIT_EXCEEDED, and as the reader does. */
rv_code rvi_inspect_print(const rvi_inspection *in, rv_error *err) RV_MUST_CHECK;
rv_code rvi_inspect_print_json(const rvi_inspection *in, rv_error *err) RV_MUST_CHECK;
/* "row group 0, column a.b, page 3, offset 4096"; "file" for what is about none of these. Returns `out`. */
enum { RVI_PLACE_BYTES = RV_PARQUET_PATH_BYTES + 120 };
const char *rvi_inspect_place(char out[RVI_PLACE_BYTES], const rv_parquet_metadata *metadata,
                              const rv_parquet_finding *finding);

#endif
