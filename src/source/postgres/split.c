/* split.c - places that cut an index's rows into parts of about equal size, without a scan.
 *
 * Only the index's first column is looked at. What the server's statistics say about it becomes points in ascending
 * order: each with the share of rows between it and the point before (a histogram's bucket), and the share of rows
 * that hold it (a most common value). Cuts fall where the sum of shares passes 1/n, 2/n … of all. Within a bucket of
 * numbers or times they are interpolated, else they are the bucket's end, a value that is really there.
 *
 * Without statistics the index itself is asked, for numbers and times: the widest span of values is cut in the middle,
 * and two descents tell the values next to it, which closes gaps. What remains after some dozens of those is taken for
 * evenly filled.
 *
 * Numbers and times go by their ordinals: themselves, days or microseconds. Places that only an estimate needs may be
 * a microsecond off; that they ascend, and lie between the ends, is what the server says in the end. */
#include "where.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum {
    SCRATCH_BYTES = 64 << 20,
    MAX_PROBES = 48,
};

/* Types with ordinals; `to` and `from` are SQL around a value, and around an ordinal as an int8 literal. */
typedef struct ordinal_type {
    const char *name;
    const char *to_before, *to_after, *from_before, *from_after;
} ordinal_type;

static const ordinal_type ordinal_types[] = {
    {"smallint", "", "::pg_catalog.int8", "", "::pg_catalog.int2"},
    {"integer", "", "::pg_catalog.int8", "", "::pg_catalog.int4"},
    {"bigint", "", "::pg_catalog.int8", "", "::pg_catalog.int8"},
    {"date", "(", " - '2000-01-01'::pg_catalog.date)::pg_catalog.int8", "('2000-01-01'::pg_catalog.date + ",
     "::pg_catalog.int4)"},
    {"timestamp without time zone", "(EXTRACT(epoch FROM ", ") * 1000000)::pg_catalog.int8",
     "('epoch'::pg_catalog.timestamp + '1 microsecond'::pg_catalog.interval * ", "::pg_catalog.int8)"},
    {"timestamp with time zone", "(EXTRACT(epoch FROM ", ") * 1000000)::pg_catalog.int8",
     "('epoch'::pg_catalog.timestamptz + '1 microsecond'::pg_catalog.interval * ", "::pg_catalog.int8)"},
};

/* A value of the column, in ascending order; shares of all rows, in any unit. */
typedef struct point {
    const char *text;
    int64_t ordinal;
    double below; /* between the point before and this one */
    double here;
} point;

typedef struct split {
    rvi_pg_from from;
    rvi_pg_operand column;
    rv_key key;
    const ordinal_type *ordinals; /* NULL: the type has none */
    const char *collation;        /* " COLLATE …" of the column, or "" */
    rv_key_value first, last;     /* its ends */
    int64_t low, high;            /* the same as ordinals */
    rv_arena *arena;              /* for this call */
    point *points;
    int64_t n_points;
} split;

static rv_code no_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "the places that cut a key");
}

/* ---- SQL ---- */

static rv_code append_end(const split *s, const rv_key_value *end, rv_bytes *sql, rv_error *err)
{
    RV_TRY(rvi_pg_append_literal(s->from.pg, sql, end->cells[0], err));
    RV_TRY(rv_bytes_append_str(sql, "::", err));
    return rv_bytes_append_str(sql, s->column.types[0], err);
}

/* " WHERE v > first AND v < last" */
static rv_code append_between_ends(const split *s, rv_bytes *sql, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, " WHERE v > ", err));
    RV_TRY(append_end(s, &s->first, sql, err));
    RV_TRY(rv_bytes_append_str(sql, " AND v < ", err));
    return append_end(s, &s->last, sql, err);
}

static rv_code append_ordinal_of(const split *s, const char *value, rv_bytes *sql, rv_error *err)
{
    if (s->ordinals == NULL)
        return rv_bytes_append_str(sql, "0", err);
    return rv_bytes_printf(sql, err, "%s%s%s", s->ordinals->to_before, value, s->ordinals->to_after);
}

static rv_code query(const split *s, rv_bytes *sql, const char *const *params, int n_params, PGresult **out,
                     rv_error *err)
{
    rvi_pg_statement statement = {.params = params, .n_params = n_params};
    RV_TRY(rv_bytes_cstr(sql, &statement.sql, err));
    return rvi_pg_query(s->from.pg, &statement, rvi_pg_statement_deadline(s->from.pg), out, err);
}

/* ---- the column ---- */

static const char collation_sql[] =
    "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(l.collname)"
    " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation"
    " JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace"
    " WHERE a.attname = $3::pg_catalog.text AND a.attrelid = (SELECT c.oid FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace"
    " WHERE c.relname = $2::pg_catalog.text AND cn.nspname = $1::pg_catalog.text)";

/* Statistics are values without a collation; they must be sorted as the column is. */
static rv_code find_collation(split *s, const char *const *names, rv_error *err)
{
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_pg_ask(s->from.pg, collation_sql, names, 3, &result, err));
    s->collation =
        PQntuples(result) == 1 ? rv_arena_printf(s->arena, " COLLATE %s", PQgetvalue(result, 0, 0)) : "";
    return s->collation != NULL ? RV_OK : no_memory(err);
}

/* Infinite ends have no ordinals; then the type is taken for one without. */
static rv_code find_ordinals(split *s, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(PQclear) PGresult *result = NULL;
    assert(s->column.types[0] != NULL);
    for (size_t i = 0; i < sizeof ordinal_types / sizeof ordinal_types[0]; i++)
        if (strcmp(s->column.types[0], ordinal_types[i].name) == 0)
            s->ordinals = &ordinal_types[i];
    if (s->ordinals == NULL)
        return RV_OK;
    if (strstr(s->first.cells[0], "infinity") != NULL || strstr(s->last.cells[0], "infinity") != NULL) {
        s->ordinals = NULL;
        return RV_OK;
    }
    RV_TRY(rv_bytes_append_str(&sql, "SELECT ", err));
    RV_TRY(append_ordinal_of(s, "t.a", &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, ", ", err));
    RV_TRY(append_ordinal_of(s, "t.b", &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, " FROM (SELECT ", err));
    RV_TRY(append_end(s, &s->first, &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, ", ", err));
    RV_TRY(append_end(s, &s->last, &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, ") AS t(a, b)", err));
    RV_TRY(query(s, &sql, NULL, 0, &result, err));
    s->low = rvi_pg_get_i64(result, 0, 0, 0);
    s->high = rvi_pg_get_i64(result, 0, 1, 0);
    return RV_OK;
}

/* ---- points from statistics ---- */

/* The share of rows that were added since the statistics were made, in units of what they counted. New keys are
 * mostly the highest ones. */
static double growth(const split *s, double counted)
{
    double now = (double)s->from.info->est_rows;
    return counted > 0 && now > counted ? now / counted - 1 : 0;
}

static rv_code append_points_sql(const split *s, rv_bytes *sql, rv_error *err)
{
    const char *type = s->column.types[0];
    RV_TRY(rv_bytes_append_str(
        sql,
        "WITH s AS (SELECT st.histogram_bounds::pg_catalog.text::pg_catalog.text[] AS h,"
        " st.most_common_vals::pg_catalog.text::pg_catalog.text[] AS m, st.most_common_freqs AS f,"
        " 1 - st.null_frac - COALESCE((SELECT pg_catalog.sum(u) FROM pg_catalog.unnest("
        "st.most_common_freqs) AS u), 0) AS rest FROM pg_catalog.pg_stats st"
        " WHERE st.schemaname = $1::pg_catalog.text AND st.tablename = $2::pg_catalog.text"
        " AND st.attname = $3::pg_catalog.text AND st.inherited = $4::pg_catalog.bool),"
        " p AS (SELECT u.t::",
        err));
    RV_TRY(rv_bytes_printf(sql, err, "%s%s", type, s->collation));
    RV_TRY(rv_bytes_append_str(
        sql,
        " AS v, CASE WHEN u.i > 1 THEN s.rest / (pg_catalog.cardinality(s.h) - 1) ELSE 0 END AS below,"
        " 0::pg_catalog.float8 AS here FROM s, pg_catalog.unnest(s.h) WITH ORDINALITY AS u(t, i)"
        " UNION ALL SELECT u.t::",
        err));
    RV_TRY(rv_bytes_printf(sql, err, "%s%s", type, s->collation));
    RV_TRY(rv_bytes_append_str(sql,
                               ", 0, u.f FROM s, ROWS FROM (pg_catalog.unnest(s.m), pg_catalog.unnest(s.f))"
                               " AS u(t, f)) SELECT v::pg_catalog.text, ",
                               err));
    RV_TRY(append_ordinal_of(s, "v", sql, err));
    RV_TRY(
        rv_bytes_append_str(sql,
                            ", pg_catalog.sum(below), pg_catalog.sum(here), (SELECT c.reltuples FROM"
                            " pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE c.relname = $2::pg_catalog.text AND n.nspname = $1::pg_catalog.text)"
                            " FROM p",
                            err));
    RV_TRY(append_between_ends(s, sql, err));
    return rv_bytes_append_str(sql, " GROUP BY p.v ORDER BY p.v", err);
}

static rv_code read_points(split *s, const PGresult *result, rv_error *err)
{
    int n = PQntuples(result);
    point *points = rv_arena_alloc(s->arena, (size_t)n + 2, sizeof *points);
    double sum = 0;
    if (points == NULL)
        return no_memory(err);
    points[0] = (point){.ordinal = s->low, .text = s->first.cells[0]};
    for (int i = 0; i < n; i++) {
        point *p = &points[i + 1];
        *p = (point){.text = rv_arena_strdup(s->arena, PQgetvalue(result, i, 0)),
                     .ordinal = rvi_pg_get_i64(result, i, 1, 0),
                     .below = strtod(PQgetvalue(result, i, 2), NULL),
                     .here = strtod(PQgetvalue(result, i, 3), NULL)};
        if (p->text == NULL)
            return no_memory(err);
        sum += p->below + p->here;
    }
    /* The last bucket ends at the end that was left out, or it lies behind a histogram that is out of date. */
    double counted = n > 0 ? strtod(PQgetvalue(result, 0, 4), NULL) : 0;
    double last_bucket = n > 0 ? points[n].below : 0;
    points[n + 1] = (point){
        .ordinal = s->high, .text = s->last.cells[0], .below = last_bucket + sum * growth(s, counted)};
    s->points = points;
    s->n_points = n > 0 ? n + 2 : 0;
    return RV_OK;
}

static rv_code points_from_statistics(split *s, const char *const *names, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(find_collation(s, names, err));
    RV_TRY(append_points_sql(s, &sql, err));
    RV_TRY(query(s, &sql, names, 4, &result, err));
    return read_points(s, result, err);
}

/* ---- points from the index ---- */

static uint64_t width(const point *from, const point *to)
{
    return (uint64_t)to->ordinal - (uint64_t)from->ordinal;
}

/* (SELECT ordinal FROM t WHERE c >= middle ORDER BY c LIMIT 1), or the last one below it. */
static rv_code append_neighbour(const split *s, int64_t middle, rvi_sql_order order, rv_bytes *sql,
                                rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, "(SELECT ", err));
    RV_TRY(append_ordinal_of(s, "t.v", sql, err));
    RV_TRY(rv_bytes_append_str(sql, " FROM (SELECT ", err));
    RV_TRY(rvi_pg_append_value(&s->from, sql, &s->column, 0, err));
    RV_TRY(rv_bytes_append_str(sql, " AS v FROM ", err));
    RV_TRY(rvi_pg_append_from(&s->from, sql, err));
    RV_TRY(rv_bytes_append_str(sql, " WHERE ", err));
    RV_TRY(rvi_pg_append_value(&s->from, sql, &s->column, 0, err));
    RV_TRY(rv_bytes_printf(sql, err, " %s %s'%" PRId64 "'::pg_catalog.int8%s ORDER BY ",
                           order == RVI_SQL_FORWARDS ? ">=" : "<", s->ordinals->from_before, middle,
                           s->ordinals->from_after));
    RV_TRY(rvi_pg_append_order(&s->from, sql, &s->column, order, err));
    return rv_bytes_append_str(sql, " LIMIT 1) AS t)", err);
}

/* The values on both sides of a middle that lies between two values which are there. */
static rv_code probe(const split *s, int64_t middle, int64_t *below, int64_t *from, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rv_bytes_append_str(&sql, "SELECT ", err));
    RV_TRY(append_neighbour(s, middle, RVI_SQL_BACKWARDS, &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, ", ", err));
    RV_TRY(append_neighbour(s, middle, RVI_SQL_FORWARDS, &sql, err));
    RV_TRY(query(s, &sql, NULL, 0, &result, err));
    *below = rvi_pg_get_i64(result, 0, 0, middle);
    *from = rvi_pg_get_i64(result, 0, 1, middle);
    return RV_OK;
}

/* Points in pairs, each pair a span of values; the index of the widest span's first point. */
static int64_t widest_span(const split *s)
{
    int64_t widest = 0;
    for (int64_t i = 2; i + 1 < s->n_points; i += 2)
        if (width(&s->points[i], &s->points[i + 1]) > width(&s->points[widest], &s->points[widest + 1]))
            widest = i;
    return widest;
}

/* What was deleted, or an ordinal that is a microsecond off, must not turn spans around. */
static void cut_span(split *s, int64_t at, int64_t below, int64_t from)
{
    point *span = &s->points[at];
    int64_t low = span[0].ordinal, high = span[1].ordinal;
    if (below < low || from > high || below > from)
        return;
    memmove(span + 3, span + 1, (size_t)(s->n_points - at - 1) * sizeof *span);
    span[1] = (point){.ordinal = below};
    span[2] = (point){.ordinal = from};
    s->n_points += 2;
}

static rv_code points_from_index(split *s, int64_t n, rv_error *err)
{
    int64_t n_probes = n < MAX_PROBES / 2 ? 2 * n : MAX_PROBES;
    s->points = rv_arena_alloc(s->arena, 2 * (size_t)n_probes + 2, sizeof *s->points);
    if (s->points == NULL)
        return no_memory(err);
    s->points[0].ordinal = s->low;
    s->points[1].ordinal = s->high;
    s->n_points = 2;
    for (int64_t i = 0; i < n_probes; i++) {
        int64_t at = widest_span(s), below = 0, from = 0;
        uint64_t wide = width(&s->points[at], &s->points[at + 1]);
        if (wide < 2)
            break;
        int64_t middle = (int64_t)((uint64_t)s->points[at].ordinal + wide / 2);
        RV_TRY(probe(s, middle, &below, &from, err));
        cut_span(s, at, below, from);
    }
    for (int64_t i = 0; i + 1 < s->n_points; i += 2)
        s->points[i + 1].below = (double)width(&s->points[i], &s->points[i + 1]) + 1;
    return RV_OK;
}

/* ---- cuts ---- */

typedef struct cuts {
    int64_t *ordinals;
    const char **texts; /* instead, where there are no ordinals */
    int64_t n;
} cuts;

static void add_cut(const split *s, cuts *out, int64_t ordinal, const char *text)
{
    if (s->ordinals == NULL) {
        if (text != s->first.cells[0] && text != s->last.cells[0] &&
            (out->n == 0 || out->texts[out->n - 1] != text))
            out->texts[out->n++] = text;
        return;
    }
    int64_t before = out->n > 0 ? out->ordinals[out->n - 1] : s->low;
    if (ordinal > before && ordinal < s->high)
        out->ordinals[out->n++] = ordinal;
}

/* The place in the bucket from `a` to `b`, `share` of it from its beginning. */
static int64_t between(const point *a, const point *b, double share)
{
    double offset = (double)width(a, b) * share;
    if (offset >= (double)width(a, b)) /* also when the double is the next power of two */
        return b->ordinal;
    return (int64_t)((uint64_t)a->ordinal + (uint64_t)offset);
}

static double sum_of(const split *s)
{
    double sum = 0;
    for (int64_t i = 0; i < s->n_points; i++)
        sum += s->points[i].below + s->points[i].here;
    return sum;
}

/* Every cut lies where the sum of shares passes a multiple of step. */
static void make_cuts(const split *s, int64_t n, cuts *out)
{
    double step = sum_of(s) / (double)n, passed = 0;
    int64_t next = 1;
    for (int64_t i = 1; i < s->n_points && step > 0; i++) {
        const point *p = &s->points[i];
        for (; next < n && (double)next * step <= passed + p->below; next++) {
            double share = p->below > 0 ? ((double)next * step - passed) / p->below : 1;
            add_cut(s, out, between(p - 1, p, share), p->text);
        }
        passed += p->below;
        for (; next < n && (double)next * step <= passed + p->here; next++)
            add_cut(s, out, p->ordinal, p->text);
        passed += p->here;
    }
}

/* ---- the result ---- */

static rv_code put(rv_arena *arena, const char *text, rv_key_value *out, rv_error *err)
{
    *out = (rv_key_value){.n = 1, .cells = {rv_arena_strdup(arena, text)}};
    return out->cells[0] != NULL ? RV_OK : no_memory(err);
}

/* Ordinals as values of the type: strictly ascending in it, and strictly between the ends. */
static rv_code ask_values(const split *s, const cuts *from, PGresult **out, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes list = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    const char *text = NULL;
    for (int64_t i = 0; i < from->n; i++)
        RV_TRY(rv_bytes_printf(&list, err, "%c%" PRId64, i == 0 ? '{' : ',', from->ordinals[i]));
    RV_TRY(rv_bytes_append_str(&list, from->n == 0 ? "{}" : "}", err));
    RV_TRY(rv_bytes_cstr(&list, &text, err));
    RV_TRY(rv_bytes_printf(&sql, err,
                           "SELECT v::pg_catalog.text FROM (SELECT %so%s AS v FROM"
                           " pg_catalog.unnest($1::pg_catalog.int8[]) AS u(o)) AS t",
                           s->ordinals->from_before, s->ordinals->from_after));
    RV_TRY(append_between_ends(s, &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, " GROUP BY t.v ORDER BY t.v", err));
    return query(s, &sql, &text, 1, out, err);
}

/* In the index's own order. */
static rv_code finish(const split *s, const cuts *from, bool descending, rv_arena *arena, rv_key_value *out,
                      int64_t *n_out, rv_error *err)
{
    RV_AUTO(PQclear) PGresult *values = NULL;
    if (s->ordinals != NULL)
        RV_TRY(ask_values(s, from, &values, err));
    int64_t n = values != NULL ? PQntuples(values) : from->n;
    for (int64_t i = 0; i < n; i++) {
        const char *text = values != NULL ? PQgetvalue(values, (int)i, 0) : from->texts[i];
        RV_TRY(put(arena, text, &out[descending ? n - 1 - i : i], err));
    }
    *n_out = n;
    return RV_OK;
}

static rv_code split_in_transaction(split *s, int64_t n, bool descending, rv_arena *arena, rv_key_value *out,
                                    int64_t *n_out, rv_error *err)
{
    const rv_relation_info *info = s->from.info;
    bool inherited = strcmp(info->kind, RVI_PG_PARTITIONED) == 0;
    const char *names[] = {info->namespace, s->from.relation->table, s->key.columns[0],
                           inherited ? "true" : "false"};
    cuts made = {.ordinals = rv_arena_alloc(s->arena, (size_t)n, sizeof *made.ordinals),
                 .texts = rv_arena_alloc(s->arena, (size_t)n, sizeof *made.texts)};
    if (made.ordinals == NULL || made.texts == NULL)
        return no_memory(err);
    RV_TRY(rvi_pg_bind_operands(&s->from, &s->column, 1, s->arena, err));
    RV_TRY(find_ordinals(s, err));
    RV_TRY(points_from_statistics(s, names, err));
    if (s->n_points == 0 && s->ordinals != NULL)
        RV_TRY(points_from_index(s, n, err));
    make_cuts(s, n, &made);
    return finish(s, &made, descending, arena, out, n_out, err);
}

static rv_code split_between(split *s, int64_t n, bool descending, rv_arena *arena, rv_key_value *out,
                             int64_t *n_out, rv_error *err)
{
    rvi_pg *pg = s->from.pg;
    RV_AUTO(rv_arena_free) rv_arena *scratch = NULL;
    RV_TRY(rv_arena_new(&scratch, SCRATCH_BYTES, err));
    s->arena = scratch;
    if (!pg->snapshot)
        RV_TRY(rvi_pg_txn_open(pg, &pg->options, err));
    rv_code rc = split_in_transaction(s, n, descending, arena, out, n_out, err);
    rvi_pg_txn_close(pg);
    return rc == RV_OK ? RV_OK : rvi_pg_fail_for_good(rc, err);
}

rv_code rvi_pg_split(rv_source *source, const rv_relation *relation, const rv_relation_info *info,
                     const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                     rv_error *err)
{
    rv_key_ends ends = {0};
    split s = {.from = {.pg = (rvi_pg *)source, .relation = relation, .info = info},
               .key = {.n_columns = 1, .columns = {index->key.columns[0]}}};
    assert(relation->kind == RV_RELATION_TABLE && index->key.n_columns > 0);
    *n_out = 0;
    RV_TRY(rvi_pg_key_ends(source, relation, info, &s.key, NULL, NULL, 0, arena, &ends, err));
    if (ends.empty || n < 2)
        return RV_OK;
    s.column.key = &s.key;
    s.first = ends.first;
    s.last = ends.last;
    return split_between(&s, n, index->key.descending[0], arena, out, n_out, err);
}
