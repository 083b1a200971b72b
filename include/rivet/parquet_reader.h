/* rivet/parquet_reader.h - reads Parquet files: Rivet's to prove them, anybody's to show them.
 *
 * Nothing in a file is trusted. A reader holds the footer, one row group's metadata and, per open cursor, one page;
 * all of it is charged to a budget and bounded by limits. What is damaged fails FILE_DAMAGED; what this program
 * cannot read (encryption, a codec or an encoding it does not know) fails FILE_UNSUPPORTED. Messages name the file,
 * frames the row group, the column and the page with its offset.
 *
 * Any reader: a reader, its cursors and its input belong to one thread at a time. */
#ifndef RIVET_PARQUET_READER_H
#define RIVET_PARQUET_READER_H

#include "rivet/batch.h"
#include "rivet/input.h"
#include "rivet/parquet_meta.h"

typedef struct rv_parquet_reader rv_parquet_reader;
typedef struct rv_parquet_cursor rv_parquet_cursor;

typedef struct rv_parquet_limits {
    size_t footer_bytes; /* a larger footer is refused unread */
    size_t page_bytes;   /* a larger page, before or after decompression, is refused unread */
} rv_parquet_limits;
enum { RV_PARQUET_FOOTER_BYTES = 256 << 20, RV_PARQUET_PAGE_BYTES = 1 << 30 };

typedef struct rv_parquet_reader_options {
    rv_budget *budget;        /* borrowed; NULL: unlimited */
    rv_parquet_limits limits; /* 0: the defaults above */
    /* What the budget cannot give a page of one huge value is lent it (rv_budget_lend) while it is read, up to
     * limits.page_bytes for each of its forms. Only for files that this program wrote: the page's size is then the
     * value's. Of anybody's file the budget is the limit. */
    bool lends;
} rv_parquet_reader_options;

/* Reads the footer: schema, key values, and where each row group's metadata lies. `input` is borrowed.
 * Fails FILE_DAMAGED, FILE_UNSUPPORTED, IO, OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rv_parquet_open(rv_parquet_reader **out, rv_input *input, const rv_parquet_reader_options *options,
                        rv_error *err) RV_MUST_CHECK;
void rv_parquet_close(rv_parquet_reader *reader); /* NULL is fine; cursors are closed before */
RV_DEFINE_AUTO(rv_parquet_reader, rv_parquet_close)

const rv_parquet_metadata *rv_parquet_metadata_of(const rv_parquet_reader *reader);
/* "tags.list.element" of a leaf, cut to fit; returns `out`. */
enum { RV_PARQUET_PATH_BYTES = 256 };
const char *rv_parquet_leaf_path(char out[RV_PARQUET_PATH_BYTES], const rv_parquet_metadata *metadata,
                                 int32_t leaf);
static inline const rv_parquet_node *rv_parquet_leaf_node(const rv_parquet_metadata *metadata, int32_t leaf)
{
    return &metadata->nodes[metadata->leaves[leaf]];
}

/* The metadata of row group `index`, parsed now; valid until the next call. Fails FILE_DAMAGED, MEMORY_BUDGET … */
rv_code rv_parquet_row_group_read(rv_parquet_reader *reader, int32_t index, const rv_parquet_row_group **out,
                                  rv_error *err) RV_MUST_CHECK;

/* The page index of a leaf's chunk in the row group read last; *out NULL: it has none. Valid until the next row group
 * is read. */
rv_code rv_parquet_column_index_read(rv_parquet_reader *reader, int32_t leaf,
                                     const rv_parquet_column_index **out, rv_error *err) RV_MUST_CHECK;
rv_code rv_parquet_offset_index_read(rv_parquet_reader *reader, int32_t leaf,
                                     const rv_parquet_offset_index **out, rv_error *err) RV_MUST_CHECK;

/* ---- columns as Rivet's types ---- */

/* One field per top-level column. A flat column, or a list of flat elements, of a type that Rivet has gets that
 * type; any other field has type RV_TYPE_INVALID and is read leaf by leaf. native_type is the file's own type as
 * text, or what Rivet noted as the source's type. Owned by the reader. */
const rv_schema *rv_parquet_schema(const rv_parquet_reader *reader);
/* The one leaf of a field that has a type; -1: it has none. */
int32_t rv_parquet_field_leaf(const rv_parquet_reader *reader, int field);

/* ---- values ---- */

/* Levels and values of a piece of one page. Borrowed from the cursor until its next call. */
typedef struct rv_parquet_values {
    int32_t n_levels;
    const uint8_t *def, *rep; /* n_levels each; NULL where the leaf's maximum is 0 */
    int32_t n;                /* values there: levels whose `def` is the leaf's maximum */
    uint32_t width;       /* bytes of a value as in the file; BOOLEAN: one byte of 0 or 1; 0: BYTE_ARRAY */
    const uint8_t *fixed; /* n * width bytes */
    const rv_parquet_bytes *slices; /* BYTE_ARRAY: n */
} rv_parquet_values;

/* Opens the chunk of `leaf` in the row group read last; other row groups may be read meanwhile. Reads nothing yet.
 * Fails FILE_UNSUPPORTED (chunk->unreadable), FILE_DAMAGED (offsets outside the file), OUT_OF_MEMORY. */
rv_code rv_parquet_cursor_open(rv_parquet_cursor **out, rv_parquet_reader *reader, int32_t leaf,
                               rv_error *err) RV_MUST_CHECK;
void rv_parquet_cursor_close(rv_parquet_cursor *cursor); /* NULL is fine */
RV_DEFINE_AUTO(rv_parquet_cursor, rv_parquet_cursor_close)

/* Go on to the next page, whatever is left of this one: reads and decompresses it, checks its CRC and decodes its
 * levels. *page NULL: the chunk has ended, and held as many values as it says. The dictionary page is shown too, as
 * the first page; it has no values to read. Valid until the next page. */
rv_code rv_parquet_cursor_page(rv_parquet_cursor *cursor, const rv_parquet_page **page,
                               rv_error *err) RV_MUST_CHECK;
/* The next levels of the current page, at most `most`; n_levels 0: the page has ended. */
enum { RV_PARQUET_RUN = 2048 }; /* most levels of one call */
rv_code rv_parquet_cursor_values(rv_parquet_cursor *cursor, int32_t most, rv_parquet_values *out,
                                 rv_error *err) RV_MUST_CHECK;

/* Append at most `most` rows to `column`, across pages, whose type is the field's (rv_parquet_schema). *rows less
 * than `most`: the chunk has ended. Not to be mixed with the two calls above. Fails FILE_DAMAGED also for values
 * that the type cannot hold (text that is not UTF-8, a decimal beyond its precision). */
rv_code rv_parquet_cursor_rows(rv_parquet_cursor *cursor, rv_column *column, int64_t most, int64_t *rows,
                               rv_error *err) RV_MUST_CHECK;

/* Canonical text of one value of a leaf, as rv_column_text() has it where the type is one of Rivet's; INT96 as a
 * timestamp, FLOAT16 as a number, other bytes as text if they are said to be text, else as lowercase hex.
 * Fails FILE_DAMAGED (not the width of its type, or nothing that it can hold), OUT_OF_MEMORY, LIMIT_EXCEEDED. */
rv_code rv_parquet_value_text(const rv_parquet_node *leaf, const uint8_t *value, size_t len,
                              struct rv_bytes *out, rv_error *err) RV_MUST_CHECK;

/* Two values of a leaf in the order that its bounds are meant in: *order <0, 0, >0. false: its type has no order, or one
 * of them is no value of it, or NaN. */
bool rv_parquet_value_compare(const rv_parquet_node *leaf, rv_parquet_bytes a, rv_parquet_bytes b,
                              int *order);

#endif
