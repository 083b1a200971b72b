/* mysql/where.h - relations, their columns, keys and ranges as SQL with parameters.
 *
 * Whatever is read goes by the name _rivet, and columns are written as _rivet.`x`. Values of keys are parameters of the
 * column's own type and character set, so that the server compares them as it compares the column, and an index on it
 * can be used. */
#ifndef SOURCE_MYSQL_WHERE_H
#define SOURCE_MYSQL_WHERE_H

#include "internal.h"
#include "place.h"
#include "source/sql/range.h"

/* What is read. All of it is borrowed. */
typedef struct rvi_my_from {
    rvi_my *my;
    const rv_relation *relation;
    const rv_relation_info *info;
    const char *partition; /* of the relation instead of all of it; NULL: none */
    const char *index;     /* the only one that may be used; NULL: the server decides */
} rvi_my_from;

/* A key whose values are compared with values of these types. */
typedef struct rvi_my_operand {
    const rv_key *key;
    const char *fallback;
    rvi_my_key_type types[RV_MAX_KEY_COLUMNS];
} rvi_my_operand;

/* Two sides of each range and a place, each compared column by column, and a limit. */
enum { RVI_MY_MAX_PARAMS = (2 * RV_MAX_RANGES + 1) * RV_MAX_KEY_COLUMNS * (RV_MAX_KEY_COLUMNS + 1) / 2 + 2 };

/* A statement in the making. */
typedef struct rvi_my_query {
    rv_bytes sql;
    rv_bytes values; /* what the parameters point into */
    rvi_my_param params[RVI_MY_MAX_PARAMS];
    size_t starts[RVI_MY_MAX_PARAMS]; /* in `values` */
    size_t marks[RVI_MY_MAX_PARAMS];  /* where the "?" stands in `sql` */
    int n_params;
} rvi_my_query;

void rvi_my_query_init(rvi_my_query *query);
void rvi_my_query_deinit(rvi_my_query *query);
static inline void rvi_my_query_auto(rvi_my_query *query) /* RV_AUTO(rvi_my_query) on the struct itself */
{
    rvi_my_query_deinit(query);
}
void rvi_my_query_clear(rvi_my_query *query);
/* The statement; from here until the query changes, its params are good as well. Fails OUT_OF_MEMORY. */
rv_code rvi_my_query_finish(rvi_my_query *query, const char **sql, rv_error *err) RV_MUST_CHECK;
/* The same statement with literals instead of parameters, appended to `out`. */
rv_code rvi_my_query_literally(const rvi_my_query *query, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
/* "?", and its value. */
rv_code rvi_my_append_number(rvi_my_query *query, int64_t number, rv_error *err) RV_MUST_CHECK;

/* `schema`.`table` PARTITION (`p`) AS _rivet FORCE INDEX (`i`), or (query) AS _rivet. */
rv_code rvi_my_append_from(const rvi_my_from *from, rv_bytes *sql, rv_error *err) RV_MUST_CHECK;
/* _rivet.`name`. Fails SOURCE_NOT_FOUND. */
rv_code rvi_my_append_column(const rvi_my_from *from, rv_bytes *sql, const char *name,
                             rv_error *err) RV_MUST_CHECK;
/* Column i of the operand's key, or COALESCE of it and the fallback. */
rv_code rvi_my_append_value(const rvi_my_from *from, rv_bytes *sql, const rvi_my_operand *operand, int i,
                            rv_error *err) RV_MUST_CHECK;
/* The same as a cell that tells the value exactly; *wire: how it arrives, unchanged if as the value itself. */
rv_code rvi_my_append_cell(const rvi_my_from *from, rv_bytes *sql, const rvi_my_operand *operand, int i,
                           rvi_my_wire *wire, rv_error *err) RV_MUST_CHECK;
/* _rivet.`a`, _rivet.`b` DESC; the other way round if `backwards`. */
rv_code rvi_my_append_order(const rvi_my_from *from, rv_bytes *sql, const rvi_my_operand *operand,
                            rvi_sql_order order, rv_error *err) RV_MUST_CHECK;
/* The rows on one side of a place, as a condition that is one operand of AND. A place of fewer values than the key
 * has columns stands for all rows that begin with them. Fails CONFIG_VALUE when a value is none of its column. */
rv_code rvi_my_append_side(const rvi_my_from *from, rvi_my_query *query, const rvi_my_operand *operand,
                           rvi_sql_side side, const rv_key_value *place, rv_error *err) RV_MUST_CHECK;
/* The rows of a range, as operands of AND: each begins with " AND ". `operand` is the range's own. A range that is
 * open is nothing. The start can be left out where what is read lies behind it anyway. */
rv_code rvi_my_append_range(const rvi_my_from *from, rvi_my_query *query, const rvi_my_operand *operand,
                            const rv_range *range, rvi_sql_start start, rv_error *err) RV_MUST_CHECK;

/* operand.c: fill in the operands' types; asks the server for character sets where columns have one. Fails
 * SOURCE_UNSUPPORTED (a column without an order), SOURCE_NOT_FOUND and SOURCE_QUERY (a table that was altered since it
 * was described). */
rv_code rvi_my_bind_operands(const rvi_my_from *from, rvi_my_operand *operands, int n, rv_arena *arena,
                             rv_error *err) RV_MUST_CHECK;
/* Do the values of bound operands still sort as they did? Fails as rvi_my_bind_operands() does. */
rv_code rvi_my_check_operands(const rvi_my_from *from, rvi_my_operand *operands, int n,
                              rv_error *err) RV_MUST_CHECK;

/* The index whose own order begins with this key, read either way; NULL: none, or the server decides because a range is
 * over another column, which another index and a sort may serve better. */
const char *rvi_my_index_to_force(const rv_relation_info *info, const rv_key *key,
                                  const rv_range *const *ranges, int n);

#endif
