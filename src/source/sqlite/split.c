/* split.c - where a key begins and ends, and where to cut it into parts of equal rows.
 *
 * SQLite keeps no histogram (sqlite_stat4 is not in the libraries that distributions build), and its trees know
 * no rank: the only cheap questions are "the next values from here on" and "the value before". So an integer key
 * is felt out. It begins as one interval between its ends. Again and again an interval is cut in the middle and
 * its halves shrunk to the values that are there, so gaps fall out by themselves, however wide. What an interval
 * weighs is guessed from the distance over which its first few values lie. The next one to be cut is in turn the
 * heaviest, which corrects what a dense beginning made seem heavy, and the widest, which finds what a sparse
 * beginning hid. The number of cuts is bounded, whatever the table holds.
 *
 * Nothing depends on the guess but how even the parts are: an island of neighbours far inside a thin sea of values can
 * stay unseen, and then lies in one part. */
#include "source/sqlite/select.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE_ROWS = 16,  /* read from an interval's beginning */
    CUTS_BASE = 64,    /* enough to find a dense island in the whole range of 64 bits */
    CUTS_PER_PART = 4, /* and then this many more for every part that is wanted */
    CUTS_MAX = 4096,   /* some 100 ms of work */
};

/* ---- ends ---- */

/* What both ends are asked with. */
typedef struct ends_request {
    rvi_sqlite *session;
    const rv_relation *relation;
    const rv_relation_info *info;
    const rv_key *key;
    const char *fallback;
    const rv_range *const *within;
    int n_within;
} ends_request;

/* SELECT value FROM … WHERE … AND value IS `is` */
static rv_code start_select(const ends_request *request, rvi_sqlite_select *select, const char *is,
                            rv_error *err)
{
    const char *column = request->key->columns[0];
    RV_TRY(rv_bytes_append_str(&select->sql, "SELECT ", err));
    RV_TRY(rvi_sqlite_select_value(select, column, request->fallback, err));
    RV_TRY(rvi_sqlite_select_from(select, request->relation, err));
    RV_TRY(rvi_sqlite_select_ranges(select, request->within, request->n_within, err));
    RV_TRY(rvi_sqlite_select_and(select, err));
    RV_TRY(rvi_sqlite_select_value(select, column, request->fallback, err));
    return rv_bytes_append_str(&select->sql, is, err);
}

/* The first row of such a SELECT; *stmt NULL: there is none. */
static rv_code first_row(const ends_request *request, const char *is, const char *order, sqlite3_stmt **out,
                         rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    rvi_sqlite_select select;
    bool row = false;
    rvi_sqlite_select_init(&select, request->session, &request->info->schema);
    rv_code rc = start_select(request, &select, is, err);
    if (rc == RV_OK && order != NULL)
        rc = rv_bytes_append_str(&select.sql, " ORDER BY 1", err);
    if (rc == RV_OK && order != NULL)
        rc = rv_bytes_append_str(&select.sql, order, err);
    if (rc == RV_OK)
        rc = rv_bytes_append_str(&select.sql, " LIMIT 1", err);
    if (rc == RV_OK)
        rc = rvi_sqlite_select_finish(&select, &stmt, err);
    rvi_sqlite_select_deinit(&select);
    RV_TRY(rc);
    RV_TRY(rvi_sqlite_step(request->session, stmt, &row, "asking for the end of a key", err));
    if (row)
        RV_MOVE(out, stmt);
    return RV_OK;
}

static rv_code read_end(const ends_request *request, bool descending, rv_arena *arena, rv_key_value *out,
                        rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    rvi_sqlite_cell cell;
    const rv_field *field = rv_schema_field(&request->info->schema, request->key->columns[0]);
    RV_TRY(first_row(request, " IS NOT NULL", descending ? " DESC" : "", &stmt, err));
    if (stmt == NULL || field == NULL)
        return RV_OK;
    RV_TRY(rvi_sqlite_fetch(request->session, stmt, 0, &cell, err));
    RV_TRY(rvi_sqlite_value_text(&cell, field->native_type, arena, &out->cells[0], err));
    out->n = 1;
    return RV_OK;
}

static rv_code read_has_null(const ends_request *request, bool *out, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    const rv_field *field = rv_schema_field(&request->info->schema, request->key->columns[0]);
    if (field != NULL && !field->nullable)
        return RV_OK;
    RV_TRY(first_row(request, " IS NULL", NULL, &stmt, err));
    *out = stmt != NULL;
    return RV_OK;
}

rv_code rvi_sqlite_key_ends(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                            const rv_key *key, const char *fallback, const rv_range *const *within,
                            int n_within, rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    const ends_request request = {(rvi_sqlite *)src, relation, info, key, fallback, within, n_within};
    rv_key_ends ends = {0};
    rvi_sqlite_start(request.session);
    RV_TRY(read_end(&request, key->descending[0], arena, &ends.first, err));
    RV_TRY(read_end(&request, !key->descending[0], arena, &ends.last, err));
    RV_TRY(read_has_null(&request, &ends.has_null, err));
    ends.empty = ends.first.n == 0 || ends.last.n == 0;
    if (ends.empty)
        ends.first.n = ends.last.n = 0;
    *out = ends;
    return RV_OK;
}

/* ---- cuts ---- */

/* Values that are there, inclusive, and the rows between them as far as can be guessed. */
typedef struct interval {
    int64_t lo, hi;
    double weight;
    bool known; /* every value of it was seen: nothing is to be learnt by cutting it */
} interval;

typedef struct feeler {
    rvi_sqlite *session;
    const char *column;
    sqlite3_stmt *from;   /* up to SAMPLE_ROWS values from ?1 to ?2, ascending */
    sqlite3_stmt *before; /* the value before ?1 */
    interval *intervals;  /* ascending */
    int n, n_most;
} feeler;

static void feeler_deinit(feeler *f)
{
    sqlite3_finalize(f->from);
    sqlite3_finalize(f->before);
    free(f->intervals);
}

static rv_code make_probe(feeler *f, const rv_relation *relation, const rv_relation_info *info,
                          const rv_index *index, const char *condition, sqlite3_stmt **out, rv_error *err)
{
    rvi_sqlite_select select;
    bool is_rowid = index->name == rvi_sqlite_rowid_index;
    rvi_sqlite_select_init(&select, f->session, &info->schema);
    rv_code rc = rv_bytes_append_str(&select.sql, "SELECT ", err);
    if (rc == RV_OK)
        rc = rvi_sqlite_select_value(&select, f->column, NULL, err);
    if (rc == RV_OK)
        rc = rvi_sqlite_select_from(&select, relation, err);
    if (rc == RV_OK)
        rc = rv_bytes_append_str(&select.sql, is_rowid ? " NOT INDEXED" : " INDEXED BY ", err);
    if (rc == RV_OK && !is_rowid)
        rc = rvi_sqlite_quote(&select.sql, index->name, err);
    if (rc == RV_OK)
        rc = rvi_sqlite_select_and(&select, err);
    if (rc == RV_OK)
        rc = rvi_sqlite_select_value(&select, f->column, NULL, err);
    if (rc == RV_OK)
        rc = rv_bytes_append_str(&select.sql, condition, err);
    if (rc == RV_OK)
        rc = rvi_sqlite_select_finish(&select, out, err);
    rvi_sqlite_select_deinit(&select);
    return rc;
}

static rv_code bind_probe(feeler *f, sqlite3_stmt *stmt, int parameter, int64_t value, rv_error *err)
{
    int result = sqlite3_bind_int64(stmt, parameter, value);
    return result == SQLITE_OK ? RV_OK : rvi_sqlite_fail(f->session, result, "feeling out a key", err);
}

/* Shrink the interval's lower end to a value that is there, and weigh it. Its upper end is there. */
static rv_code weigh(feeler *f, interval *i, rv_error *err)
{
    int64_t n = 0, value = i->lo;
    bool row = false;
    RV_TRY(bind_probe(f, f->from, 1, i->lo, err));
    RV_TRY(bind_probe(f, f->from, 2, i->hi, err));
    RV_TRY(bind_probe(f, f->from, 3, SAMPLE_ROWS, err));
    for (; n < SAMPLE_ROWS; n++) {
        RV_TRY(rvi_sqlite_step(f->session, f->from, &row, "feeling out a key", err));
        if (!row)
            break;
        value = sqlite3_column_int64(f->from, 0);
        if (n == 0)
            i->lo = value;
    }
    sqlite3_reset(f->from);
    double width = (double)((uint64_t)i->hi - (uint64_t)i->lo) + 1;
    double seen = (double)((uint64_t)value - (uint64_t)i->lo) + 1;
    i->known = n < SAMPLE_ROWS || i->lo == i->hi;
    i->weight = n < SAMPLE_ROWS ? (double)n : width / seen * (double)n;
    return RV_OK;
}

static rv_code value_before(feeler *f, int64_t bound, int64_t *out, rv_error *err)
{
    bool row = false;
    RV_TRY(bind_probe(f, f->before, 1, bound, err));
    RV_TRY(rvi_sqlite_step(f->session, f->before, &row, "feeling out a key", err));
    if (row)
        *out = sqlite3_column_int64(f->before, 0);
    sqlite3_reset(f->before);
    return RV_OK;
}

/* The one to cut next: the heaviest or the widest; NULL: all are known. */
static interval *choose(feeler *f, bool heaviest)
{
    interval *best = NULL;
    for (int i = 0; i < f->n; i++) {
        interval *at = &f->intervals[i];
        if (at->known)
            continue;
        bool better = best == NULL || (heaviest ? at->weight > best->weight
                                                : (uint64_t)at->hi - (uint64_t)at->lo >
                                                      (uint64_t)best->hi - (uint64_t)best->lo);
        if (better)
            best = at;
    }
    return best;
}

/* In the middle. Both halves hold a value: the lower its lo, the upper its hi. */
static rv_code cut(feeler *f, interval *whole, rv_error *err)
{
    uint64_t half = ((uint64_t)whole->hi - (uint64_t)whole->lo) / 2;
    int64_t middle = (int64_t)((uint64_t)whole->lo + half) + 1; /* lo < middle <= hi */
    interval lower = {.lo = whole->lo, .hi = whole->lo}, upper = {.lo = middle, .hi = whole->hi};
    RV_TRY(value_before(f, middle, &lower.hi, err));
    RV_TRY(weigh(f, &lower, err));
    RV_TRY(weigh(f, &upper, err));
    size_t at = (size_t)(whole - f->intervals);
    memmove(whole + 1, whole, ((size_t)f->n - at) * sizeof *whole);
    f->intervals[at] = lower;
    f->intervals[at + 1] = upper;
    f->n++;
    return RV_OK;
}

static rv_code feel(feeler *f, rv_error *err)
{
    for (int turn = 0; f->n < f->n_most; turn++) {
        interval *next = choose(f, turn % 2 == 0);
        if (next == NULL)
            return RV_OK;
        if (rv_cancel_requested(f->session->base.cancel))
            return rv_fail(err, RV_E_CANCELLED, "stopped while feeling out a key");
        rvi_sqlite_start(f->session);
        RV_TRY(cut(f, next, err));
    }
    return RV_OK;
}

/* The first interval, between the ends. *usable: both are integers, and so is what lies between, because SQLite sorts
 * numbers together. (A real number among them is passed by its whole part.) */
static rv_code begin_feeling(feeler *f, const rv_relation *relation, const rv_relation_info *info,
                             bool *usable, rv_error *err)
{
    const rv_key ascending = {.n_columns = 1, .columns = {f->column}};
    const ends_request request = {f->session, relation, info, &ascending, NULL, NULL, 0};
    for (int end = 0; end < 2; end++) {
        RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
        RV_TRY(first_row(&request, " IS NOT NULL", end == 0 ? "" : " DESC", &stmt, err));
        *usable = stmt != NULL && sqlite3_column_type(stmt, 0) == SQLITE_INTEGER;
        if (!*usable)
            return RV_OK;
        int64_t value = sqlite3_column_int64(stmt, 0);
        f->intervals[0].lo = end == 0 ? value : f->intervals[0].lo;
        f->intervals[0].hi = value;
    }
    *usable = f->intervals[0].lo < f->intervals[0].hi;
    f->n = 1;
    return *usable ? weigh(f, &f->intervals[0], err) : RV_OK;
}

/* Where `share` of all weight lies below. */
static int64_t value_at(const feeler *f, double target)
{
    int i = 0;
    for (; i + 1 < f->n && f->intervals[i].weight <= target; i++)
        target -= f->intervals[i].weight;
    const interval *at = &f->intervals[i];
    double width = (double)((uint64_t)at->hi - (uint64_t)at->lo);
    double part = at->weight > 0 ? target / at->weight : 0;
    if (part >= 1)
        return at->hi;
    return (int64_t)((uint64_t)at->lo + (uint64_t)(part > 0 ? part * width : 0));
}

static rv_code list_places(const feeler *f, const rv_index *index, int64_t n, rv_arena *arena,
                           rv_key_value *out, int64_t *n_out, rv_error *err)
{
    double total = 0;
    bool descending = index->key.descending[0];
    int64_t first = f->intervals[0].lo, last = f->intervals[f->n - 1].hi, before = first, n_places = 0;
    for (int i = 0; i < f->n; i++)
        total += f->intervals[i].weight;
    for (int64_t i = 1; i < n; i++) {
        int64_t value = value_at(f, total / (double)n * (double)i);
        if (value <= before || value >= last)
            continue;
        before = value;
        char *text = rv_arena_printf(arena, "%" PRId64, value);
        if (text == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "cutting a key");
        out[n_places++] = (rv_key_value){.n = 1, .cells = {text}};
    }
    for (int64_t i = 0; descending && i < n_places / 2; i++) {
        rv_key_value swapped = out[i];
        out[i] = out[n_places - 1 - i];
        out[n_places - 1 - i] = swapped;
    }
    *n_out = n_places;
    return RV_OK;
}

static rv_code split(feeler *f, const rv_relation *relation, const rv_relation_info *info,
                     const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                     rv_error *err)
{
    bool usable = false;
    int64_t n_cuts = n < CUTS_MAX ? CUTS_BASE + CUTS_PER_PART * n : CUTS_MAX;
    f->n_most = (int)(n_cuts < CUTS_MAX ? n_cuts : CUTS_MAX);
    f->intervals = calloc((size_t)f->n_most + 1, sizeof *f->intervals);
    if (f->intervals == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cutting a key");
    rvi_sqlite_start(f->session);
    RV_TRY(make_probe(f, relation, info, index, " BETWEEN ?1 AND ?2 ORDER BY 1 LIMIT ?3", &f->from, err));
    RV_TRY(make_probe(f, relation, info, index, " < ?1 ORDER BY 1 DESC LIMIT 1", &f->before, err));
    RV_TRY(begin_feeling(f, relation, info, &usable, err));
    if (!usable)
        return RV_OK;
    RV_TRY(feel(f, err));
    return list_places(f, index, n, arena, out, n_out, err);
}

rv_code rvi_sqlite_split(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                         const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                         rv_error *err)
{
    feeler f = {.session = (rvi_sqlite *)src, .column = index->key.columns[0]};
    *n_out = 0;
    rv_code rc = split(&f, relation, info, index, n, arena, out, n_out, err);
    feeler_deinit(&f);
    return rc;
}
