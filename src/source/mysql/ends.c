/* ends.c - the first and the last value of a key among the rows of some ranges.
 *
 * `ORDER BY c LIMIT 1` both ways is what an index that leads with c answers with two descents. NULLs are looked for
 * only where the catalog allows them. They are three statements: one would have to be a SELECT of subqueries, in which
 * the server plans what it likes. */
#include "probe.h"

#include <assert.h>
#include <string.h>

enum { ENDS_ARENA_BYTES = 1 << 20 };

/* All of it lives for one call. */
typedef struct ends_query {
    rvi_my_from from;
    const rv_range *const *within;
    int n_within;
    rvi_my_operand operands[1 + RV_MAX_RANGES]; /* the key, then the ranges */
    rvi_my_query query;
} ends_query;

/* SELECT `what` FROM … WHERE TRUE AND …; NULL: the value, as a cell */
static rv_code start_query(ends_query *q, const char *what, rv_error *err)
{
    rv_bytes *sql = &q->query.sql;
    rvi_my_wire wire = RVI_MY_WIRE_TEXT;
    rvi_my_query_clear(&q->query);
    RV_TRY(rv_bytes_append_str(sql, "SELECT ", err));
    if (what != NULL)
        RV_TRY(rv_bytes_append_str(sql, what, err));
    else
        RV_TRY(rvi_my_append_cell(&q->from, sql, &q->operands[0], 0, &wire, err));
    RV_TRY(rv_bytes_append_str(sql, " FROM ", err));
    RV_TRY(rvi_my_append_from(&q->from, sql, err));
    RV_TRY(rv_bytes_append_str(sql, " WHERE TRUE", err));
    for (int i = 0; i < q->n_within; i++)
        RV_TRY(rvi_my_append_range(&q->from, &q->query, &q->operands[1 + i], q->within[i], RVI_SQL_WITH_START,
                                   err));
    return RV_OK;
}

static rv_code find_end(ends_query *q, rvi_sql_order order, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    rv_bytes *sql = &q->query.sql;
    RV_TRY(start_query(q, NULL, err));
    RV_TRY(rv_bytes_append_str(sql, " AND ", err));
    RV_TRY(rvi_my_append_value(&q->from, sql, &q->operands[0], 0, err));
    RV_TRY(rv_bytes_append_str(sql, " IS NOT NULL ORDER BY ", err));
    RV_TRY(rvi_my_append_order(&q->from, sql, &q->operands[0], order, err));
    RV_TRY(rv_bytes_append_str(sql, " LIMIT 1", err));
    return rvi_my_probe(q->from.my, &q->query, &q->operands[0], 1, arena, out, err);
}

static bool can_be_null(const ends_query *q)
{
    const rvi_my_operand *key = &q->operands[0];
    const rv_field *field = rv_schema_field(&q->from.info->schema, key->key->columns[0]);
    const rv_field *fallback =
        key->fallback != NULL ? rv_schema_field(&q->from.info->schema, key->fallback) : NULL;
    return field->nullable && (fallback == NULL || fallback->nullable);
}

/* A number comes back, and not the value, which is NULL. */
static rv_code find_null(ends_query *q, rv_arena *scratch, bool *out, rv_error *err)
{
    const rvi_my_operand *key = &q->operands[0];
    const rv_range nulls = {.key = key->key, .fallback = key->fallback, .null_only = true};
    const rvi_my_operand number = {.key = key->key, .types = {{.form = RVI_MY_KEY_NUMBER}}};
    rv_key_value found = {0};
    if (can_be_null(q)) {
        RV_TRY(start_query(q, "1", err));
        RV_TRY(rvi_my_append_range(&q->from, &q->query, key, &nulls, RVI_SQL_WITH_START, err));
        RV_TRY(rv_bytes_append_str(&q->query.sql, " LIMIT 1", err));
        RV_TRY(rvi_my_probe(q->from.my, &q->query, &number, 1, scratch, &found, err));
    }
    *out = found.n > 0;
    return RV_OK;
}

static rv_code ask_ends(ends_query *q, rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *scratch = NULL;
    rv_key_ends ends = {0};
    RV_TRY(rv_arena_new(&scratch, ENDS_ARENA_BYTES, err));
    RV_TRY(rvi_my_bind_operands(&q->from, q->operands, 1 + q->n_within, scratch, err));
    if (q->operands[0].fallback == NULL)
        q->from.index = rvi_my_index_to_force(q->from.info, q->operands[0].key, q->within, q->n_within);
    RV_TRY(find_end(q, RVI_SQL_FORWARDS, arena, &ends.first, err));
    RV_TRY(find_end(q, RVI_SQL_BACKWARDS, arena, &ends.last, err));
    RV_TRY(find_null(q, scratch, &ends.has_null, err));
    ends.empty = ends.first.n == 0 || ends.last.n == 0; /* also when the last row went away in between */
    if (ends.empty)
        ends.first = ends.last = (rv_key_value){0};
    *out = ends;
    return RV_OK;
}

rv_code rvi_my_key_ends(rv_source *source, const rv_relation *relation, const rv_relation_info *info,
                        const rv_key *key, const char *fallback, const rv_range *const *within, int n_within,
                        rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    rvi_my *my = (rvi_my *)source;
    ends_query q = {.from = {.my = my, .relation = relation, .info = info},
                    .within = within,
                    .n_within = n_within,
                    .operands = {{.key = key, .fallback = fallback}}};
    assert(my->begun && key->n_columns == 1 && n_within <= RV_MAX_RANGES);
    for (int i = 0; i < n_within; i++)
        q.operands[1 + i] = (rvi_my_operand){.key = within[i]->key, .fallback = within[i]->fallback};
    rvi_my_query_init(&q.query);
    rv_code rc = ask_ends(&q, arena, out, err);
    rvi_my_query_deinit(&q.query);
    return rvi_my_probe_failed(rc, err);
}
