/* increment.c - mode: incremental. DESIGN 5.5: each run fixes its window (lo, hi] before it reads.
 *
 * lo is where the last successful run stopped; hi is the last cursor value there is now. Where the source can tell what
 * earlier runs could not see (history), hi is the last value among what is decided: row versions before the mark
 * `until`, before which every transaction has ended. Versions at or above it wait for the next run. Rows that were
 * committed behind lo after the last run's own mark are looked for from lo minus cursor_lookback on. So each row
 * version is exported by exactly one run. Where the source has no history, what others are writing when hi is fixed is
 * waited for, and late rows are told by their digests (lookback.c).
 *
 * Rows whose cursor is NULL are in no window. The first run exports them beside its window; later ones only say that
 * there are some: cursor_fallback_column is the way to follow them. */
#include "internal.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum { TEXT_BYTES = 64 << 10 };

typedef struct increment {
    const rv_key *key;
    const rv_field *fields[RV_MAX_KEY_COLUMNS];
    const rv_field *fallback;   /* NULL: none */
    const rv_index *index;      /* leads with the cursor's first column; NULL: none, or COALESCE */
    const char *columns, *type; /* as they are stored */
    bool first_run;
    rv_key_value lo; /* n 0: the first run */
    rv_key_value hi;
    bool empty;             /* nothing above lo */
    const char *until;      /* the mark that this run leaves; NULL: none */
    const char *since;      /* the last run's mark; NULL: it left none */
    bool has_history;       /* of the source */
    rv_key_value from;      /* n > 0: the window begins here and not above lo; no history */
    rv_key_value below;     /* n > 0: hi lies below this; no history */
    rv_key_value late_from; /* n 0: no late rows */
} increment;

/* ---- what the cursor is ---- */

static bool can_order(rv_type_id id)
{
    return id != RV_TYPE_LIST && id != RV_TYPE_JSON && id != RV_TYPE_BOOL && id != RV_TYPE_INTERVAL;
}

static rv_code find_field(rvi_planner *p, const char *key, const char *column, const rv_field **out,
                          rv_error *err)
{
    RV_TRY(rvi_plan_field(p, key, column, out, err));
    if (can_order((*out)->natural.id))
        return RV_OK;
    rv_fail(err, RV_E_CONFIG_VALUE, "%s: column '%s' (%s) is of a type whose values do not grow", key, column,
            (*out)->native_type);
    rv_hint(err, "a cursor is a timestamp, a date, or a number that grows with each new or changed row");
    return RV_E_CONFIG_VALUE;
}

static rv_code find_columns(rvi_planner *p, increment *w, rv_error *err)
{
    const rv_cursor_config *cursor = &p->config->cursor;
    w->key = &cursor->key;
    for (int i = 0; i < w->key->n_columns; i++)
        RV_TRY(find_field(p, "cursor_column", w->key->columns[i], &w->fields[i], err));
    if (cursor->fallback == NULL) {
        w->index = rvi_plan_leading(p, &(rv_key){.n_columns = 1, .columns = {w->key->columns[0]}}, false);
        return RV_OK;
    }
    RV_TRY(find_field(p, "cursor_fallback_column", cursor->fallback, &w->fallback, err));
    if (rv_type_equal(w->fields[0]->natural, w->fallback->natural))
        return RV_OK;
    return rv_fail(
        err, RV_E_CONFIG_VALUE, "cursor_fallback_column: column '%s' (%s) is not of the type of '%s' (%s)",
        w->fallback->name, w->fallback->native_type, w->fields[0]->name, w->fields[0]->native_type);
}

static rv_code put_names(const increment *w, rv_bytes *columns, rv_bytes *types, rv_error *err)
{
    const char *text = NULL;
    for (int i = 0; i < w->key->n_columns; i++) {
        char type[RV_TYPE_TEXT_BYTES];
        (void)rv_type_text(type, w->fields[i]->natural);
        RV_TRY(rv_bytes_printf(columns, err, "%s%s", i > 0 ? ", " : "", w->key->columns[i]));
        RV_TRY(rv_bytes_printf(types, err, "%s%s", i > 0 ? ", " : "", type));
    }
    if (w->fallback != NULL)
        RV_TRY(rv_bytes_printf(columns, err, " or %s", w->fallback->name));
    RV_TRY(rv_bytes_cstr(columns, &text, err));
    return rv_bytes_cstr(types, &text, err);
}

static rv_code name_cursor(rvi_planner *p, increment *w, rv_error *err)
{
    rv_bytes columns = RV_BYTES_INIT(TEXT_BYTES), types = RV_BYTES_INIT(TEXT_BYTES);
    rv_code rc = put_names(w, &columns, &types, err);
    if (rc == RV_OK) {
        w->columns = rv_arena_strdup(p->arena, (const char *)columns.data);
        w->type = rv_arena_strdup(p->arena, (const char *)types.data);
        rc = w->columns != NULL && w->type != NULL ? RV_OK : rvi_plan_out_of_memory(p, err);
    }
    rv_bytes_deinit(&columns);
    rv_bytes_deinit(&types);
    return rc;
}

/* ---- where the last run stopped ---- */

static rv_code refuse_stored(const rvi_planner *p, const increment *w, const rv_cursor *stored, rv_error *err)
{
    rv_fail(err, RV_E_CONFIG_VALUE,
            "export '%s' stands at a cursor of %s (%s), and its configuration now asks for one of %s (%s)",
            p->config->name, stored->columns, stored->type, w->columns, w->type);
    rv_hint(err, "to begin again from the first row: rivet state reset -e %s", p->config->name);
    return RV_E_CONFIG_VALUE;
}

/* A cursor of one table says nothing about another's rows. What the run before read is compared only where both are
 * tables: a query may be written anew and still be of the same rows. */
static rv_code check_table(const rvi_planner *p, rv_error *err)
{
    const char *schema = NULL, *table = NULL, *now = p->config->relation.table;
    const char *text = p->input->memory->source_json;
    json_t *source = text != NULL ? json_loads(text, 0, NULL) : NULL;
    bool named = source != NULL && json_unpack(source, "{s:s,s:s}", "schema", &schema, "table", &table) == 0;
    bool other = named && now != NULL && p->info->namespace != NULL &&
                 (strcmp(schema, p->info->namespace) != 0 || strcmp(table, now) != 0);
    if (other) {
        rv_fail(err, RV_E_CONFIG_VALUE,
                "export '%s' stands at a cursor of table %s.%s (run %s), and is now of %s", p->config->name,
                schema, table, p->input->memory->last_run_id, p->info->schema.origin);
        rv_hint(err,
                "give the export another name; to begin this one again from the first row: rivet state reset "
                "-e %s",
                p->config->name);
    }
    json_decref(source);
    return other ? RV_E_CONFIG_VALUE : RV_OK;
}

static rv_code read_stored(rvi_planner *p, increment *w, rv_error *err)
{
    const rv_export_memory *memory = p->input->memory;
    const rv_cursor *stored = memory != NULL && memory->has_cursor ? &memory->cursor : NULL;
    w->first_run = stored == NULL;
    if (stored == NULL)
        return RV_OK;
    RV_TRY(check_table(p, err));
    if (strcmp(stored->columns, w->columns) != 0 || strcmp(stored->type, w->type) != 0)
        return refuse_stored(p, w, stored, err);
    RV_TRY_CTX(rv_key_value_parse(stored->value, p->arena, &w->lo, err), err, "the cursor of export '%s'",
               p->config->name);
    if (w->lo.n < 1 || w->lo.n > w->key->n_columns)
        return refuse_stored(p, w, stored, err);
    w->since = stored->mark;
    return RV_OK;
}

/* ---- late rows ---- */

static rv_code find_late(rvi_planner *p, increment *w, rv_error *err)
{
    int64_t lookback = 0, place = 0;
    if (!w->has_history)
        return RV_OK;
    RV_TRY(rvi_lookback_of(p, w->fields[0], &lookback, err));
    if (lookback == 0 || w->since == NULL || w->lo.n == 0)
        return RV_OK;
    if (!rvi_scale_read(w->fields[0], w->lo.cells[0], &place))
        return rv_fail(err, RV_E_CONFIG_VALUE,
                       "the cursor of export '%s' holds '%.80s', which is no value of '%s'", p->config->name,
                       w->lo.cells[0], w->fields[0]->name);
    w->late_from = rvi_scale_value(p->arena, w->fields[0], rvi_lookback_lower(w->fields[0], place, lookback));
    return w->late_from.n > 0 ? RV_OK : rvi_plan_out_of_memory(p, err);
}

/* ---- where this run stops ---- */

static rv_code history_of(rvi_planner *p, const increment *w, bool late, const rv_history **out,
                          rv_error *err)
{
    *out = NULL;
    if (!w->has_history)
        return RV_OK;
    rv_history *history = rv_arena_alloc(p->arena, 1, sizeof *history);
    if (history == NULL)
        return rvi_plan_out_of_memory(p, err);
    *history = (rv_history){.until = w->until};
    if (late && w->late_from.n > 0) {
        history->since = w->since;
        history->late_from = w->late_from;
    }
    *out = history;
    return RV_OK;
}

/* Everything above lo that is decided. */
static rv_code probe_of(rvi_planner *p, const increment *w, rv_range *out, rv_error *err)
{
    *out = (rv_range){.key = w->key,
                      .fallback = w->fallback != NULL ? w->fallback->name : NULL,
                      .lo = w->lo,
                      .hi = w->below};
    return history_of(p, w, false, &out->history, err);
}

static rv_code ask_ends(rvi_planner *p, const rv_key *key, const char *fallback, const rv_range *const *also,
                        int n, rv_key_ends *out, rv_error *err)
{
    const rv_range *within[RV_MAX_RANGES + 2];
    int n_within = 0;
    for (int i = 0; i < p->n_within; i++)
        within[n_within++] = p->within[i];
    for (int i = 0; i < n; i++)
        within[n_within++] = also[i];
    *out = (rv_key_ends){0};
    return rv_source_key_ends(p->input->source, &p->config->relation, p->info, key, fallback, within,
                              n_within, p->arena, out, err);
}

/* An infinite value would end all increments: nothing comes above it. */
static rv_code refuse_infinity(const rvi_planner *p, const increment *w, const char *cell, rv_error *err)
{
    rvi_scale scale = rvi_scale_of(w->fields[0]);
    if ((scale != RVI_SCALE_DAYS && scale != RVI_SCALE_US) || strcmp(cell, "infinity") != 0)
        return RV_OK;
    rv_fail(err, RV_E_CONFIG_VALUE,
            "cursor_column: '%s' of %s holds 'infinity', and nothing can come above that", w->fields[0]->name,
            p->info->schema.origin);
    rv_hint(err, "leave such rows out with `query:`, or correct them");
    return RV_E_CONFIG_VALUE;
}

/* The last whole tuple of the cursor, column by column: the last value of each among the rows that share the ones before.
 * *found false: the rows that had the last value of one column are gone, or have none of the next. */
static rv_code last_tuple(rvi_planner *p, const increment *w, rv_key_value *out, bool *found, rv_error *err)
{
    rv_range probe;
    rv_key_ends ends;
    rv_key prefix = *w->key;
    rv_key_value last = {0};
    RV_TRY(probe_of(p, w, &probe, err));
    *found = true;
    for (int i = 0; i < w->key->n_columns && *found; i++) {
        const rv_key one = {.n_columns = 1, .columns = {w->key->columns[i]}};
        const rv_range same = {
            .key = &prefix, .lo = last, .hi = last, .lo_inclusive = true, .hi_inclusive = true};
        const rv_range *const also[] = {&probe, &same};
        prefix.n_columns = i;
        RV_TRY(ask_ends(p, &one, probe.fallback, also, i > 0 ? 2 : 1, &ends, err));
        *found = !ends.empty;
        if (*found)
            last.cells[last.n++] = ends.last.cells[0];
    }
    *out = last;
    return last.n > 0 ? refuse_infinity(p, w, last.cells[0], err) : RV_OK;
}

static rv_code find_hi(rvi_planner *p, increment *w, rv_error *err)
{
    enum { ATTEMPTS = 5 }; /* rows may change between two questions */
    bool found = false;
    for (int i = 0; i < ATTEMPTS && !found; i++) {
        RV_TRY(last_tuple(p, w, &w->hi, &found, err));
        if (!found && w->hi.n == 0) {
            w->empty = true;
            return RV_OK;
        }
    }
    if (found)
        return RV_OK;
    rv_fail(err, RV_E_CONFIG_VALUE, "cursor_column: the rows of %s where '%s' is last have no '%s'",
            p->info->schema.origin, w->fields[w->hi.n - 1]->name, w->fields[w->hi.n]->name);
    rv_hint(err, "columns after the first tell equal rows apart, and need a value in every row");
    return RV_E_CONFIG_VALUE;
}

static rv_code find_mark(rvi_planner *p, increment *w, rv_error *err)
{
    w->has_history = (p->caps & RV_SOURCE_CAP_HISTORY) != 0 && p->info->history;
    if (!w->has_history)
        return RV_OK;
    return rv_source_horizon(p->input->source, p->arena, &w->until, &p->plan->held_since_us, err);
}

/* ---- the same without history: what others are writing is waited for, what comes late all the same is looked for ---- */

/* Below the moment since when somebody writes, if the cursor holds moments. */
static rv_code stop_below(rvi_planner *p, increment *w, int64_t since_us, rv_error *err)
{
    char since[RV_TIME_TEXT_BYTES];
    assert(w->fields[0] != NULL); /* a cursor has a column */
    p->plan->held_since_us = since_us;
    rv_time_rfc3339(since, since_us);
    if (w->fields[0]->natural.id != RV_TYPE_TIMESTAMP_TZ || w->fallback != NULL)
        return rvi_plan_note(p, err,
                             "a transaction is open since %s: what it commits below the mark is exported by "
                             "later runs, within cursor_lookback",
                             since);
    w->below = rvi_scale_value(p->arena, w->fields[0], since_us);
    if (w->below.n == 0)
        return rvi_plan_out_of_memory(p, err);
    w->hi = (rv_key_value){0};
    RV_TRY(find_hi(p, w, err));
    return rvi_plan_note(p, err, "a transaction is open since %s: what is later waits for the next run",
                         since);
}

static rv_code settle(rvi_planner *p, increment *w, rv_error *err)
{
    enum { PATIENCE_MS = 5000 };
    int64_t open_since_us = 0;
    if (w->has_history || w->empty || (p->caps & RV_SOURCE_CAP_SETTLE) == 0)
        return RV_OK;
    RV_TRY(rv_source_settle(p->input->source, PATIENCE_MS, &open_since_us, err));
    p->plan->settled = open_since_us >= 0;
    if (open_since_us > 0)
        return stop_below(p, w, open_since_us, err);
    if (open_since_us == 0)
        return RV_OK;
    return rvi_plan_note(p, err,
                         "this user may not see the transactions of others: rows that are committed late "
                         "are looked for within cursor_lookback alone");
}

static rv_code look_back(rvi_planner *p, increment *w, rv_error *err)
{
    const rvi_look_request request = {.key = w->key,
                                      .field = w->fields[0],
                                      .fallback = w->fallback,
                                      .lo = &w->lo,
                                      .hi = w->empty ? &w->lo : &w->hi};
    if (w->has_history)
        return RV_OK;
    return rvi_lookback_plan(p, &request, &w->from, &w->until, err);
}

/* ---- rows without a cursor ---- */

static bool may_be_null(const increment *w)
{
    bool nullable = false;
    for (int i = 0; i < w->key->n_columns; i++) {
        assert(w->fields[i] != NULL); /* found when the cursor was read */
        nullable = nullable || w->fields[i]->nullable;
    }
    return nullable && (w->fallback == NULL || w->fallback->nullable);
}

static rv_code nulls_of(rvi_planner *p, const increment *w, const rv_range **out, rv_error *err)
{
    rv_range range = {
        .key = w->key, .fallback = w->fallback != NULL ? w->fallback->name : NULL, .null_only = true};
    RV_TRY(history_of(p, w, false, &range.history, err));
    *out = rvi_plan_range(p, &range);
    return *out != NULL ? RV_OK : rvi_plan_out_of_memory(p, err);
}

/* The first run takes them; nothing can tell a later one which of them are new. */
static rv_code export_nulls(rvi_planner *p, const increment *w, rv_error *err)
{
    const rv_range *nulls = NULL;
    rv_bounds bounds = {.kind = RV_BOUNDS_ALL};
    if (p->one_stream)
        return rvi_plan_note(p, err, "rows without a value of '%s' are left out: a stream takes one chunk",
                             w->key->columns[0]);
    RV_TRY(nulls_of(p, w, &nulls, err));
    return rvi_plan_add_chunk(p, &bounds, nulls, err);
}

static rv_code report_nulls(rvi_planner *p, const increment *w, rv_error *err)
{
    static const char way_out[] = "with cursor_fallback_column they are placed by another column";
    const rv_range *nulls = NULL;
    rv_key_ends ends;
    if (w->index == NULL)
        return rvi_plan_note(p, err, "rows without a value of '%s', if there are any, are not exported; %s",
                             w->key->columns[0], way_out);
    const rv_key one = {.n_columns = 1, .columns = {w->key->columns[0]}};
    RV_TRY(nulls_of(p, w, &nulls, err));
    RV_TRY(ask_ends(p, &one, NULL, &nulls, 1, &ends, err));
    if (!ends.has_null && ends.empty)
        return RV_OK;
    return rvi_plan_note(p, err, "there are rows without a value of '%s', which are not exported; %s",
                         w->columns, way_out);
}

/* ---- the plan ---- */

static rv_code write_cursor(rvi_planner *p, const increment *w, const rv_key_value *at, rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(TEXT_BYTES << 8);
    const char *value = NULL;
    rv_code rc = rv_key_value_write(at, &text, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&text, &value, err);
    if (rc == RV_OK) {
        value = rv_arena_strdup(p->arena, value);
        p->plan->cursor =
            (rv_cursor){.columns = w->columns, .type = w->type, .value = value, .mark = w->until};
        rc = value != NULL ? RV_OK : rvi_plan_out_of_memory(p, err);
    }
    rv_bytes_deinit(&text);
    return rc;
}

/* Is there nothing to read? Late rows can lie below lo when nothing lies above it. */
static rv_code is_idle(rvi_planner *p, const increment *w, const rv_range *window, bool *idle, rv_error *err)
{
    rv_key_ends ends;
    *idle = w->empty;
    if (!w->empty || w->late_from.n + w->from.n == 0 || (w->has_history && strcmp(w->until, w->since) == 0))
        return RV_OK;
    const rv_key one = {.n_columns = 1, .columns = {w->key->columns[0]}};
    RV_TRY(ask_ends(p, &one, window->fallback, &window, 1, &ends, err));
    *idle = ends.empty;
    return RV_OK;
}

static rv_code plan_idle(rvi_planner *p, rv_error *err)
{
    RV_TRY(rvi_plan_use(p, err, RV_STRATEGY_STREAM, "stream", "nothing is new"));
    /* No chunk is no file, but whoever reads a stream waits for one. */
    return p->one_stream ? rvi_plan_add_chunk(p, &(rv_bounds){.kind = RV_BOUNDS_ALL}, NULL, err) : RV_OK;
}

static rv_code plan_window(rvi_planner *p, increment *w, rv_error *err)
{
    bool idle = false;
    rv_range window = {.key = w->key,
                       .fallback = w->fallback != NULL ? w->fallback->name : NULL,
                       .lo = w->from.n > 0 ? w->from : w->lo,
                       .lo_inclusive = w->from.n > 0,
                       .hi = w->empty ? w->lo : w->hi,
                       .hi_inclusive = true};
    RV_TRY(history_of(p, w, true, &window.history, err));
    const rv_range *range = rvi_plan_range(p, &window);
    if (range == NULL)
        return rvi_plan_out_of_memory(p, err);
    RV_TRY(is_idle(p, w, range, &idle, err));
    p->plan->window = range;
    p->within[p->n_within++] = range;
    if (window.hi.n > 0)
        RV_TRY(write_cursor(p, w, &window.hi, err));
    if (idle)
        return plan_idle(p, err);
    return w->first_run && p->config->partition.range == NULL ? rvi_plan_whole(p, err)
                                                              : rvi_plan_restricted(p, err);
}

/* A first run that finds no value leaves no mark either, so the next one is a first run again: rows without a value wait
 * until then, or they would be exported by both. Only a stream, which somebody waits for, gets what there is. */
static rv_code plan_nothing(rvi_planner *p, const increment *w, rv_error *err)
{
    const rv_range *nulls = NULL;
    RV_TRY(rvi_plan_use(p, err, RV_STRATEGY_STREAM, "stream", "no row has a value of %s", w->columns));
    if (may_be_null(w))
        RV_TRY(rvi_plan_note(
            p, err, "no row of %s has a value of %s yet; rows without one come with the first that has",
            p->info->schema.origin, w->columns));
    if (!p->one_stream)
        return RV_OK;
    RV_TRY(nulls_of(p, w, &nulls, err));
    return rvi_plan_add_chunk(p, &(rv_bounds){.kind = RV_BOUNDS_ALL}, nulls, err);
}

rv_code rvi_plan_increment(rvi_planner *p, rv_error *err)
{
    increment w = {0};
    RV_TRY(find_columns(p, &w, err));
    RV_TRY(name_cursor(p, &w, err));
    RV_TRY(read_stored(p, &w, err));
    RV_TRY(find_mark(p, &w, err));
    RV_TRY(find_late(p, &w, err));
    RV_TRY(find_hi(p, &w, err));
    RV_TRY(settle(p, &w, err));
    if (w.first_run && w.empty)
        return plan_nothing(p, &w, err);
    RV_TRY(look_back(p, &w, err));
    RV_TRY(plan_window(p, &w, err));
    if (!may_be_null(&w))
        return RV_OK;
    p->n_within--; /* rows without a cursor are outside of the window, but inside of a partition */
    return w.first_run ? export_nulls(p, &w, err) : report_nulls(p, &w, err);
}
