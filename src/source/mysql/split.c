/* split.c - places that cut an index's rows into parts of about equal size, without a scan.
 *
 * Only the index's first column is looked at. How many rows lie between two of its values, the optimizer itself finds
 * out with a descent of the index for each: that is the row count in `EXPLAIN SELECT … WHERE k BETWEEN x AND y`, exact
 * for few pages and a good estimate for many, for every engine with ordered indexes. So the span from the first value to
 * the last is cut in the middle, again and again the heaviest of what there is, until no span is heavier than a
 * quarter of a part. Each cut asks for the values next to the middle, which closes gaps, however wide; spans begin and end with
 * values that are there. A span of integers or times in which every value is there need not be cut.
 *
 * Histograms (COLUMN_STATISTICS, mysql.column_stats) are not read: docs/adr/0016 says why.
 *
 * The number of cuts is bounded, whatever the table holds. How even the parts are depends on guesses, nothing else
 * does: that places ascend is what the server said, or arithmetic where that is the server's own order.
 *
 * Source: MySQL 8.0 manual, "Optimizing Index Dives", "Optimizer Statistics"; storage/innobase/btr/btr0cur.cc,
 * btr_estimate_n_rows_in_range(). */
#include "middle.h"
#include "probe.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum {
    SCRATCH_BYTES = 64 << 20,
    SPANS_BASE = 32, /* enough to find a dense island in the whole range of 64 bits */
    SPANS_PER_PART = 6,
    SPANS_WANTED = 4, /* for each part: estimates of spans of one size are wrong by the same factor */
    SPANS_MAX = 4096, /* four statements each: some seconds at most */
    DENSE_PERCENT = 80,
};

/* Values of the column from one that is there to another, both included. */
typedef struct span {
    const char *low, *high;
    double rows;
    bool whole; /* there is nothing to gain from cutting it */
} span;

typedef struct split {
    rvi_my_from from;
    rvi_my_operand column;
    rv_key key;
    bool has_scale;
    rvi_my_scale scale;
    rv_arena *arena; /* for this call */
    rvi_my_query query;
    span *spans;
    int64_t n_spans;
} split;

static rv_code no_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "the places that cut a key");
}

static rv_code append_side(split *s, rvi_sql_side side, const char *text, rv_error *err)
{
    const rv_key_value place = {.n = 1, .cells = {text}};
    RV_TRY(rv_bytes_append_str(&s->query.sql, " AND ", err));
    return rvi_my_append_side(&s->from, &s->query, &s->column, side, &place, err);
}

/* … FROM t WHERE TRUE AND k >= low AND k <= high */
static rv_code append_span(split *s, const span *within, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(&s->query.sql, " FROM ", err));
    RV_TRY(rvi_my_append_from(&s->from, &s->query.sql, err));
    RV_TRY(rv_bytes_append_str(&s->query.sql, " WHERE TRUE", err));
    RV_TRY(append_side(s, RVI_SQL_FROM, within->low, err));
    return append_side(s, RVI_SQL_UP_TO, within->high, err);
}

/* ---- how many rows ---- */

static double rows_of(MYSQL_RES *plan)
{
    unsigned n = mysql_num_fields(plan);
    const MYSQL_FIELD *fields = mysql_fetch_fields(plan);
    MYSQL_ROW row = mysql_fetch_row(plan);
    for (unsigned i = 0; row != NULL && i < n; i++)
        if (strcmp(fields[i].name, "rows") == 0 && row[i] != NULL)
            return strtod(row[i], NULL);
    return 1; /* a span has at least a row, even if the server sees none any more */
}

static rv_code estimate(split *s, span *of, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    RV_AUTO(mysql_free_result) MYSQL_RES *plan = NULL;
    const char *text = NULL;
    rvi_my_query_clear(&s->query);
    RV_TRY(rv_bytes_append_str(&s->query.sql, "EXPLAIN SELECT 1", err));
    RV_TRY(append_span(s, of, err));
    RV_TRY(rvi_my_query_literally(&s->query, &sql, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    RV_TRY(rvi_my_ask(s->from.my, text, &plan, err));
    of->rows = rows_of(plan);
    return RV_OK;
}

/* ---- cutting ---- */

/* Is every value of the line there once, or nearly? Then arithmetic cuts the span as well as any look at it would. */
static bool is_dense(const split *s, const span *of)
{
    uint64_t low = 0, high = 0;
    if (!s->has_scale || !rvi_my_scale_read(s->scale, of->low, &low) ||
        !rvi_my_scale_read(s->scale, of->high, &high) || high < low)
        return false;
    double values = (double)(high - low) + 1;
    return of->rows * 100 >= values * DENSE_PERCENT && values * 100 >= of->rows * DENSE_PERCENT;
}

static bool middle_of(const split *s, const span *of, double share, char out[RVI_MY_MIDDLE_BYTES])
{
    uint64_t low = 0, high = 0;
    if (!s->has_scale)
        return rvi_my_guess(&s->column.types[0], of->low, of->high, share, out);
    if (!rvi_my_scale_read(s->scale, of->low, &low) || !rvi_my_scale_read(s->scale, of->high, &high) ||
        high <= low)
        return false;
    rvi_my_scale_text(s->scale, low + (high - low) / 2 + (high - low) % 2, out);
    return true;
}

/* The value of the span next to `middle`: the last one before it, or the first one from it on; NULL: none. */
static rv_code neighbour(split *s, const span *within, const char *middle, rvi_sql_side side,
                         const char **out, rv_error *err)
{
    rvi_my_wire wire = RVI_MY_WIRE_TEXT;
    rv_key_value found = {0};
    rvi_my_query_clear(&s->query);
    RV_TRY(rv_bytes_append_str(&s->query.sql, "SELECT ", err));
    RV_TRY(rvi_my_append_cell(&s->from, &s->query.sql, &s->column, 0, &wire, err));
    RV_TRY(append_span(s, within, err));
    RV_TRY(append_side(s, side, middle, err));
    RV_TRY(rv_bytes_append_str(&s->query.sql, " ORDER BY ", err));
    RV_TRY(rvi_my_append_order(&s->from, &s->query.sql, &s->column,
                               side == RVI_SQL_FROM ? RVI_SQL_FORWARDS : RVI_SQL_BACKWARDS, err));
    RV_TRY(rv_bytes_append_str(&s->query.sql, " LIMIT 1", err));
    RV_TRY(rvi_my_probe(s->from.my, &s->query, &s->column, 1, s->arena, &found, err));
    *out = found.n > 0 ? found.cells[0] : NULL;
    return RV_OK;
}

/* Guesses at a middle that have the whole span on one side of them are followed by others. */
static rv_code find_middle(split *s, const span *of, const char **below, const char **from, rv_error *err)
{
    static const double shares[] = {0.5, 0.25, 0.75, 0.05, 0.95};
    char middle[RVI_MY_MIDDLE_BYTES];
    size_t n = s->has_scale ? 1 : sizeof shares / sizeof *shares;
    *below = *from = NULL;
    for (size_t i = 0; i < n && (*below == NULL || *from == NULL); i++) {
        if (!middle_of(s, of, shares[i], middle))
            return RV_OK;
        RV_TRY(neighbour(s, of, middle, RVI_SQL_BEFORE, below, err));
        if (*below != NULL)
            RV_TRY(neighbour(s, of, middle, RVI_SQL_FROM, from, err));
    }
    return RV_OK;
}

static rv_code cut(split *s, int64_t at, rv_error *err)
{
    const char *below = NULL, *from = NULL;
    span *here = &s->spans[at];
    RV_TRY(find_middle(s, here, &below, &from, err));
    if (below == NULL || from == NULL) {
        here->whole = true;
        return RV_OK;
    }
    span left = {.low = here->low, .high = below}, right = {.low = from, .high = here->high};
    RV_TRY(estimate(s, &left, err));
    RV_TRY(estimate(s, &right, err));
    left.whole = is_dense(s, &left);
    right.whole = is_dense(s, &right);
    memmove(here + 2, here + 1, (size_t)(s->n_spans - at - 1) * sizeof *here);
    here[0] = left;
    here[1] = right;
    s->n_spans++;
    return RV_OK;
}

static double total_of(const split *s)
{
    double total = 0;
    for (int64_t i = 0; i < s->n_spans; i++)
        total += s->spans[i].rows;
    return total;
}

/* The heaviest span that can be cut; -1: none is heavier than `least`. */
static int64_t heaviest(const split *s, double least)
{
    int64_t found = -1;
    for (int64_t i = 0; i < s->n_spans; i++)
        if (!s->spans[i].whole && s->spans[i].rows > least) {
            least = s->spans[i].rows;
            found = i;
        }
    return found;
}

static rv_code make_spans(split *s, const rv_key_ends *ends, int64_t n, rv_error *err)
{
    int64_t most =
        n < (SPANS_MAX - SPANS_BASE) / SPANS_PER_PART ? SPANS_BASE + n * SPANS_PER_PART : SPANS_MAX;
    s->spans = rv_arena_alloc(s->arena, (size_t)most, sizeof *s->spans);
    if (s->spans == NULL)
        return no_memory(err);
    s->spans[0] = (span){.low = ends->first.cells[0], .high = ends->last.cells[0]};
    s->n_spans = 1;
    s->has_scale = rvi_my_scale_of(&s->column.types[0], s->spans[0].low, s->spans[0].high, &s->scale);
    RV_TRY(estimate(s, &s->spans[0], err));
    /* InnoDB never says that a range has more than half of the rows. */
    if (s->spans[0].rows < (double)s->from.info->est_rows)
        s->spans[0].rows = (double)s->from.info->est_rows;
    s->spans[0].whole = is_dense(s, &s->spans[0]);
    while (s->n_spans < most) {
        int64_t at = heaviest(s, total_of(s) / (SPANS_WANTED * (double)n));
        if (at < 0)
            break;
        RV_TRY(cut(s, at, err));
    }
    return RV_OK;
}

/* ---- the result ---- */

typedef struct cuts {
    const char **texts;
    int64_t n;
    uint64_t last; /* on a line: the place of the cut before, or of the first value */
    uint64_t end;  /* and of the last value */
} cuts;

static rv_code add_on_line(const split *s, const span *in, double share, cuts *out, rv_error *err)
{
    char text[RVI_MY_MIDDLE_BYTES];
    uint64_t low = 0, high = 0;
    if (!rvi_my_scale_read(s->scale, in->low, &low) || !rvi_my_scale_read(s->scale, in->high, &high) ||
        high < low)
        return RV_OK;
    double offset = (double)(high - low) * share;
    uint64_t at = offset >= (double)(high - low) ? high : low + (uint64_t)offset;
    if (at <= out->last || at >= out->end)
        return RV_OK;
    rvi_my_scale_text(s->scale, at, text);
    out->texts[out->n] = rv_arena_strdup(s->arena, text);
    if (out->texts[out->n++] == NULL)
        return no_memory(err);
    out->last = at;
    return RV_OK;
}

/* Only a value that is there: a span's end, the nearer one. */
static void add_value(const split *s, int64_t at, double share, cuts *out)
{
    const span *first = &s->spans[0], *last = &s->spans[s->n_spans - 1];
    const span *in = share < 0.5 ? &s->spans[at] - 1 : &s->spans[at];
    if (in < first || in->high == last->high || strcmp(in->high, first->low) == 0 ||
        (out->n > 0 && out->texts[out->n - 1] == in->high))
        return;
    out->texts[out->n++] = in->high;
}

/* Every cut lies where the sum of rows passes a multiple of step. */
static rv_code make_cuts(const split *s, int64_t n, cuts *out, rv_error *err)
{
    double step = total_of(s) / (double)n, passed = 0;
    int64_t next = 1;
    if (s->has_scale && (!rvi_my_scale_read(s->scale, s->spans[0].low, &out->last) ||
                         !rvi_my_scale_read(s->scale, s->spans[s->n_spans - 1].high, &out->end)))
        return RV_OK;
    for (int64_t i = 0; i < s->n_spans && step > 0; i++) {
        double rows = s->spans[i].rows;
        for (; next < n && (double)next * step <= passed + rows; next++) {
            double share = rows > 0 ? ((double)next * step - passed) / rows : 1;
            if (s->has_scale)
                RV_TRY(add_on_line(s, &s->spans[i], share, out, err));
            else
                add_value(s, i, share, out);
        }
        passed += rows;
    }
    return RV_OK;
}

/* In the index's own order. */
static rv_code finish(const cuts *from, bool descending, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                      rv_error *err)
{
    for (int64_t i = 0; i < from->n; i++) {
        rv_key_value value = {.n = 1, .cells = {rv_arena_strdup(arena, from->texts[i])}};
        if (value.cells[0] == NULL)
            return no_memory(err);
        out[descending ? from->n - 1 - i : i] = value;
    }
    *n_out = from->n;
    return RV_OK;
}

static rv_code split_between(split *s, const rv_key_ends *ends, int64_t n, bool descending, rv_arena *arena,
                             rv_key_value *out, int64_t *n_out, rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *scratch = NULL;
    cuts made = {0};
    RV_TRY(rv_arena_new(&scratch, SCRATCH_BYTES, err));
    s->arena = scratch;
    made.texts = rv_arena_alloc(s->arena, (size_t)n, sizeof *made.texts);
    if (made.texts == NULL)
        return no_memory(err);
    RV_TRY(rvi_my_bind_operands(&s->from, &s->column, 1, s->arena, err));
    RV_TRY(make_spans(s, ends, n, err));
    RV_TRY(make_cuts(s, n, &made, err));
    return finish(&made, descending, arena, out, n_out, err);
}

rv_code rvi_my_split(rv_source *source, const rv_relation *relation, const rv_relation_info *info,
                     const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                     rv_error *err)
{
    rv_key_ends ends = {0};
    split s = {.from = {.my = (rvi_my *)source, .relation = relation, .info = info, .index = index->name},
               .key = {.n_columns = 1, .columns = {index->key.columns[0]}}};
    assert(relation->kind == RV_RELATION_TABLE && index->key.n_columns > 0);
    *n_out = 0;
    RV_TRY(rvi_my_key_ends(source, relation, info, &s.key, NULL, NULL, 0, arena, &ends, err));
    if (ends.empty || n < 2)
        return RV_OK;
    s.column.key = &s.key;
    rvi_my_query_init(&s.query);
    rv_code rc = split_between(&s, &ends, n, index->key.descending[0], arena, out, n_out, err);
    rvi_my_query_deinit(&s.query);
    return rvi_my_probe_failed(rc, err);
}
