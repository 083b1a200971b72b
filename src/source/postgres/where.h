/* postgres/where.h - relations, their columns, keys and ranges as SQL.
 *
 * Whatever is read goes by the name _rivet, and columns are written as _rivet."x": a bare name in ORDER BY would mean
 * an output column first, and that one may be cast to text. Values of keys are literals, quoted by libpq and cast to
 * the column's own type, so that the server compares them as it compares the column. */
#ifndef SOURCE_POSTGRES_WHERE_H
#define SOURCE_POSTGRES_WHERE_H

#include "internal.h"
#include "source/sql/range.h"

/* What is read. All of it is borrowed. */
typedef struct rvi_pg_from {
    rvi_pg *pg;
    const rv_relation *relation;
    const rv_relation_info *info;
    const char *leaf_schema, *leaf_table; /* a leaf of the relation instead of all of it; NULL: none */
} rvi_pg_from;

/* A key whose values are compared with literals of these types, spelled as casts take them. */
typedef struct rvi_pg_operand {
    const rv_key *key;
    const char *fallback;
    const char *types[RV_MAX_KEY_COLUMNS];
} rvi_pg_operand;

/* ONLY "schema"."table" AS _rivet, or (query) AS _rivet(c1, …). */
rv_code rvi_pg_append_from(const rvi_pg_from *from, rv_bytes *sql, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_append_column(const rvi_pg_from *from, rv_bytes *sql, const char *name,
                             rv_error *err) RV_MUST_CHECK;
/* Column i of the operand's key, or COALESCE of it and the fallback. */
rv_code rvi_pg_append_value(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand, int i,
                            rv_error *err) RV_MUST_CHECK;
/* _rivet."a", _rivet."b" DESC; the other way round if `backwards`. */
rv_code rvi_pg_append_order(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                            rvi_sql_order order, rv_error *err) RV_MUST_CHECK;
/* The rows on one side of a place, as a condition that is one operand of AND. A place of fewer values than the key
 * has columns stands for all rows that begin with them. */
rv_code rvi_pg_append_side(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                           rvi_sql_side side, const rv_key_value *place, rv_error *err) RV_MUST_CHECK;
/* The rows that begin with the first n values of the place, and come after its next one. */
rv_code rvi_pg_append_after_prefix(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                                   const rv_key_value *place, int n, rv_error *err) RV_MUST_CHECK;
/* The rows of a range, as operands of AND: each begins with " AND ". `operand` is the range's own. A range that is
 * open is nothing. The start can be left out where what is read lies behind it anyway. */
rv_code rvi_pg_append_range(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                            const rv_range *range, rvi_sql_start start, rv_error *err) RV_MUST_CHECK;
/* Can the range's history, if it has one, be asked of the relation? Fails SOURCE_UNSUPPORTED, INTERNAL. */
rv_code rvi_pg_check_history(const rvi_pg_from *from, const rv_range *range, rv_error *err) RV_MUST_CHECK;

/* Fill in the operands' types, asking the server what the values' are. In a transaction of the caller's. */
rv_code rvi_pg_bind_operands(const rvi_pg_from *from, rvi_pg_operand *operands, int n, rv_arena *arena,
                             rv_error *err) RV_MUST_CHECK;
/* The same from types already described: `refs` has one for each column of each operand. */
rv_code rvi_pg_name_operands(const rvi_pg_from *from, rvi_pg_operand *operands, int n,
                             const rvi_pg_type_ref *refs, rv_arena *arena, rv_error *err) RV_MUST_CHECK;

#endif
