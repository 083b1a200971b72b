/* source/sqlite/select.h - key values as text, and statements whose conditions are ranges of keys.
 *
 * A cell of a key value is the plain text that bounds.h speaks of where that text, read for its column, gives
 * the very value again: an integer in a column that is not of the TEXT affinity, a text that does not look like
 * such an integer (or any text, in a column of that affinity). Dates and times are texts to SQLite and stand as
 * they are; they compare as texts, so a window fits a column that keeps them in one ISO form. Every other value
 * is in a form of our own, after RV_KEY_OWN_FORM:
 *
 *   i123        INTEGER
 *   r0x1.8p+1   REAL, as C99 "%a"
 *   t…          TEXT as it is
 *   x00ff       TEXT that holds a NUL or is not UTF-8: its bytes, in UTF-8 as far as it is that
 *   w00d8       TEXT of a UTF-16 file that is not UTF-16: its bytes as the file has them
 *   b00ff       BLOB
 *
 * So a value comes back with its storage class, and only SQLite ever compares: by the column's affinity and
 * collation. */
#ifndef SOURCE_SQLITE_SELECT_H
#define SOURCE_SQLITE_SELECT_H

#include "source/sqlite/internal.h"

/* A cell that outlives the row it came from. */
typedef struct rvi_sqlite_value {
    rvi_sqlite_cell cell; /* its bytes, if any, are those below */
    rv_bytes bytes;
} rvi_sqlite_value;

enum {
    RVI_SQLITE_MAX_KEY_VALUE_BYTES = RV_BOUNDS_MAX_TEXT_BYTES / 4, /* two digits a byte still fit */
    RVI_SQLITE_MAX_PARAMETERS = 2 * RV_MAX_RANGES * RV_MAX_KEY_COLUMNS,
};

void rvi_sqlite_value_init(rvi_sqlite_value *value);
void rvi_sqlite_value_deinit(rvi_sqlite_value *value);
/* Keep a copy of a cell. Fails OUT_OF_MEMORY, LIMIT_EXCEEDED (larger than the limit above). */
rv_code rvi_sqlite_value_set(rvi_sqlite_value *value, const rvi_sqlite_cell *cell,
                             rv_error *err) RV_MUST_CHECK;
/* From the text of a cell of a key value, for a column of this declared type. Fails SOURCE_QUERY, OUT_OF_MEMORY. */
rv_code rvi_sqlite_value_parse(rvi_sqlite_value *value, const char *text, const char *declared,
                               rv_error *err) RV_MUST_CHECK;
/* And back; never of a NULL. Into the arena. Fails OUT_OF_MEMORY. */
rv_code rvi_sqlite_value_text(const rvi_sqlite_cell *cell, const char *declared, rv_arena *arena,
                              const char **out, rv_error *err) RV_MUST_CHECK;
/* Bind a copy. */
rv_code rvi_sqlite_value_bind(const rvi_sqlite *session, sqlite3_stmt *stmt, int parameter,
                              const rvi_sqlite_cell *cell, rv_error *err) RV_MUST_CHECK;

/* A statement in the making: the text so far, and the values of the parameters in it. */
typedef struct rvi_sqlite_select {
    rvi_sqlite *session;
    const rv_schema *columns; /* of the relation, as described; borrowed */
    rv_bytes sql;
    rvi_sqlite_value values[RVI_SQLITE_MAX_PARAMETERS];
    int n_values;     /* parameters ?1 to ?n_values; those of the caller follow */
    int n_conditions; /* the next one begins with WHERE or AND */
} rvi_sqlite_select;

void rvi_sqlite_select_init(rvi_sqlite_select *select, rvi_sqlite *session, const rv_schema *columns);
void rvi_sqlite_select_deinit(rvi_sqlite_select *select);
/* t."name", or COALESCE(t."name", t."fallback"). */
rv_code rvi_sqlite_select_value(rvi_sqlite_select *select, const char *name, const char *fallback,
                                rv_error *err) RV_MUST_CHECK;
/* FROM the relation AS t; a query stands in brackets. */
rv_code rvi_sqlite_select_from(rvi_sqlite_select *select, const rv_relation *relation,
                               rv_error *err) RV_MUST_CHECK;
/* " WHERE " or " AND ", whatever is next. */
rv_code rvi_sqlite_select_and(rvi_sqlite_select *select, rv_error *err) RV_MUST_CHECK;
/* The rows in all ranges. Fails SOURCE_QUERY (no such column, a value that cannot be read), OUT_OF_MEMORY. */
rv_code rvi_sqlite_select_ranges(rvi_sqlite_select *select, const rv_range *const *ranges, int n_ranges,
                                 rv_error *err) RV_MUST_CHECK;
/* The rows strictly after a place of the first n columns of a key, whose values are the parameters from ?first on. */
rv_code rvi_sqlite_select_after(rvi_sqlite_select *select, const rv_key *key, int n, int first,
                                rv_error *err) RV_MUST_CHECK;
rv_code rvi_sqlite_select_order(rvi_sqlite_select *select, const rv_key *key, rv_error *err) RV_MUST_CHECK;
/* Prepare the statement and bind the values of the ranges. */
rv_code rvi_sqlite_select_finish(rvi_sqlite_select *select, sqlite3_stmt **out, rv_error *err) RV_MUST_CHECK;

/* indexes.c. The indexes that pages and ranges can use, into info->indexes, whose schema is filled; key_is_rowid: the
 * primary key is another name for the row id. Fails as statements do, OUT_OF_MEMORY. */
rv_code rvi_sqlite_find_indexes(rvi_sqlite *session, const char *table, bool without_rowid, bool key_is_rowid,
                                rv_arena *arena, rv_relation_info *info, rv_error *err) RV_MUST_CHECK;
/* What the row id is called as an index: it has no name of its own. Known by this very pointer. */
extern const char rvi_sqlite_rowid_index[];

/* split.c. The slots. */
rv_code rvi_sqlite_key_ends(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                            const rv_key *key, const char *fallback, const rv_range *const *within,
                            int n_within, rv_arena *arena, rv_key_ends *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_sqlite_split(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                         const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                         rv_error *err) RV_MUST_CHECK;

#endif
