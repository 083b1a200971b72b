/* ops.c - the scripted source behind the same vtable as every other driver. */
#include "source/fake/internal.h"
#include "source/registry.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_PREFIX "snapshot of "

enum {
    ARENA_MAX_BYTES = 512 << 20,
    ROWS_BETWEEN_CHECKS = 1024,
    US_PER_MS = 1000,
};

typedef struct fake {
    rv_source base;
    rv_arena *arena;
    const char *path;       /* of the script, in the arena */
    rvi_fake_script script; /* in the arena; only the counters of failures change */
    rv_read_options options;
    int n_horizons, n_pressures; /* answers given so far */
    pthread_mutex_t lock;        /* guards `interrupted`; leaf */
    pthread_cond_t woken;
    bool interrupted; /* somebody asked a hanging page to end */
} fake;

typedef struct fake_scan {
    rv_scan base;
    fake *source;
    const rvi_fake_table *table;
    const rv_schema *schema; /* borrowed from the request */
    int64_t next, end;       /* what is left: [next, end) of the table's rows, or of `order` */
    int64_t *order;    /* owned: positions of the rows in the order of the scan; NULL: the table's own */
    bool *inside;      /* owned: which rows the ranges hold; NULL: all */
    const rv_key *key; /* of a scan along one, borrowed from the request */
    int64_t per_unit;  /* rows in one unit of this scan */
    int64_t pages;     /* asked for so far */
    uint64_t max_value_bytes;
    rv_bytes scratch;
} fake_scan;

static void fake_free(fake *f)
{
    if (f == NULL)
        return;
    pthread_cond_destroy(&f->woken);
    pthread_mutex_destroy(&f->lock);
    rv_arena_free(f->arena);
    free(f);
}
RV_DEFINE_AUTO(fake, fake_free)

static int table_index(const fake *f, const rvi_fake_table *table)
{
    return table != NULL ? (int)(table - f->script.tables) : -1;
}

/* Only the first of all connections finds that the file is not there. */
static bool is_the_first(const fake *f)
{
    const char *path = rv_arena_printf(f->arena, "%s.failed", f->path);
    FILE *file = path != NULL ? fopen(path, "wxe") : NULL;
    return file != NULL && fclose(file) == 0;
}

/* The first failure of the script that applies; `end` is where the rows of a page end. */
static rv_code fail_as_scripted(fake *f, rvi_fake_where where, const rvi_fake_table *table, int64_t end,
                                rv_error *err)
{
    for (int i = 0; i < f->script.n_failures; i++) {
        rvi_fake_failure *failure = &f->script.failures[i];
        bool applies = failure->where == where && failure->times_left != 0 &&
                       (failure->table < 0 || failure->table == table_index(f, table)) &&
                       (where != RVI_FAKE_PAGE || end > failure->after_rows);
        if (!applies || (failure->once && !is_the_first(f)))
            continue;
        if (failure->times_left > 0)
            failure->times_left--;
        rv_fail(err, failure->code, "the script says so");
        if (err != NULL)
            err->retry = failure->retry;
        return failure->code;
    }
    return RV_OK;
}

static rv_code fake_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel, rv_error *err)
{
    if (cfg->path == NULL)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "no script is named");
    fake *made = calloc(1, sizeof *made);
    if (made == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening the script %s", cfg->path);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->woken, NULL);
    made->base.cancel = cancel;
    RV_AUTO(fake_free) fake *f = made;
    RV_TRY(rv_arena_new(&f->arena, ARENA_MAX_BYTES, err));
    f->path = rv_arena_strdup(f->arena, cfg->path);
    if (f->path == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening the script %s", cfg->path);
    RV_TRY(rvi_fake_load(f->arena, cfg->path, &f->script, err));
    RV_TRY(fail_as_scripted(f, RVI_FAKE_OPEN, NULL, 0, err));
    *out = &f->base;
    f = NULL;
    return RV_OK;
}

static rv_code fake_server(rv_source *src, rv_server_info *out, rv_error *err)
{
    const fake *f = (const fake *)src;
    (void)err;
    *out = (rv_server_info){.product = "Script", .version_number = 1, .pooled = f->script.pooled};
    snprintf(out->version, sizeof out->version, "%s", f->script.version);
    return RV_OK;
}

static rv_code find_table(fake *f, const rv_relation *relation, const rvi_fake_table **out, rv_error *err)
{
    if (relation->kind == RV_RELATION_QUERY) {
        *out = rvi_fake_query_table(&f->script, f->arena, relation->query);
        return *out != NULL ? RV_OK : rv_fail(err, RV_E_SOURCE_QUERY, "not a query that a script can answer");
    }
    bool known_schema = relation->schema == NULL || strcmp(relation->schema, "script") == 0;
    for (int i = 0; known_schema && i < f->script.n_tables; i++) {
        if (strcmp(f->script.tables[i].name, relation->table) == 0) {
            *out = &f->script.tables[i];
            return RV_OK;
        }
    }
    return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "the script has no table '%s'", relation->table);
}

static rv_field describe_column(const rvi_fake_column *column, int c, bool of_query)
{
    rv_fidelity fidelity = RV_FIDELITY_EXACT;
    if (column->type.id == RV_TYPE_LIST || column->type.id == RV_TYPE_ENUM ||
        column->type.id == RV_TYPE_INTERVAL)
        fidelity = RV_FIDELITY_COMPATIBLE;
    return (rv_field){
        .name = column->name,
        .native_type = column->native,
        .natural = column->type,
        .type = column->type,
        .nullable = of_query || !column->not_null,
        .is_key = !of_query && column->key,
        .fidelity = fidelity,
        .loose = true,
        .ordinal = (int16_t)(c + 1),
    };
}

static void describe_ranges(const rvi_fake_table *table, bool of_query, rv_physical *out)
{
    if (of_query || table->unit == NULL) {
        out->why_not = "the script gives no ranges";
        return;
    }
    *out = (rv_physical){
        .available = true,
        .strategy = table->strategy,
        .unit = table->unit,
        .first = 0,
        .last = (table->n_rows + table->per_unit - 1) / table->per_unit - 1,
        .needs_snapshot = table->needs_snapshot,
    };
}

static bool copy_index(const rv_index *from, rv_arena *arena, rv_index *out)
{
    *out = *from;
    out->name = rv_arena_strdup(arena, from->name);
    bool whole = out->name != NULL;
    for (int c = 0; whole && c < from->key.n_columns; c++) {
        out->key.columns[c] = rv_arena_strdup(arena, from->key.columns[c]);
        whole = out->key.columns[c] != NULL;
    }
    return whole;
}

/* The primary key first. */
static rv_code describe_indexes(const rvi_fake_table *table, rv_arena *arena, rv_relation_info *out,
                                rv_error *err)
{
    rv_index *indexes = rv_arena_alloc(arena, (size_t)table->n_indexes, sizeof *indexes);
    bool enough = indexes != NULL;
    for (int i = 0; enough && i < 2 * table->n_indexes; i++) {
        const rv_index *index = &table->indexes[i % table->n_indexes];
        bool in_turn = index->primary == (i < table->n_indexes);
        if (in_turn)
            enough = copy_index(index, arena, &indexes[out->n_indexes++]);
    }
    out->indexes = indexes;
    return enough ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "describing %s", table->name);
}

/* A description outlives its connection, so its texts move into the arena of whoever asked. */
static bool keep_text(rv_arena *arena, const char **text)
{
    if (*text != NULL)
        *text = rv_arena_strdup(arena, *text);
    return *text != NULL;
}

static rv_code keep_texts(rv_arena *arena, rv_relation_info *info, rv_error *err)
{
    bool enough = keep_text(arena, &info->kind);
    if (info->physical.available)
        enough =
            enough && keep_text(arena, &info->physical.strategy) && keep_text(arena, &info->physical.unit);
    for (int i = 0; enough && i < info->schema.n_fields; i++)
        enough = keep_text(arena, &info->schema.fields[i].name) &&
                 keep_text(arena, &info->schema.fields[i].native_type);
    return enough ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "describing %s", info->schema.origin);
}

static rv_code fake_describe(rv_source *src, const rv_relation *relation, rv_arena *arena,
                             rv_relation_info *out, rv_error *err)
{
    fake *f = (fake *)src;
    bool of_query = relation->kind == RV_RELATION_QUERY;
    const rvi_fake_table *table = NULL;
    RV_TRY(find_table(f, relation, &table, err));
    RV_TRY(fail_as_scripted(f, RVI_FAKE_DESCRIBE, table, 0, err));
    rv_relation_info info = {.est_rows = table->est_rows, .est_bytes = table->est_bytes};
    info.history = (src->ops->caps & RV_SOURCE_CAP_HISTORY) != 0;
    info.kind = of_query ? "query" : table->kind;
    info.namespace = of_query ? NULL : "script";
    info.schema.origin = of_query ? "query" : rv_arena_printf(arena, "script.%s", table->name);
    info.schema.fields = rv_arena_alloc(arena, (size_t)table->n_columns, sizeof *info.schema.fields);
    if (info.schema.origin == NULL || info.schema.fields == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "describing %s", table->name);
    for (int c = 0; c < table->n_columns; c++)
        info.schema.fields[c] = describe_column(&table->columns[c], c, of_query);
    info.schema.n_fields = table->n_columns;
    describe_ranges(table, of_query, &info.physical);
    if (!of_query)
        RV_TRY(describe_indexes(table, arena, &info, err));
    RV_TRY(keep_texts(arena, &info, err));
    *out = info;
    return RV_OK;
}

/* The table whose name is the least after that of `last` (NULL: of all); NULL: there is none. */
static const rvi_fake_table *next_by_name(const rvi_fake_script *script, const rvi_fake_table *last)
{
    const rvi_fake_table *next = NULL;
    for (int i = 0; i < script->n_tables; i++) {
        const rvi_fake_table *table = &script->tables[i];
        bool after = last == NULL || strcmp(table->name, last->name) > 0;
        if (after && (next == NULL || strcmp(table->name, next->name) < 0))
            next = table;
    }
    return next;
}

static rv_code fake_list(rv_source *src, const char *schema, rv_table_fn fn, void *context, rv_error *err)
{
    const fake *f = (const fake *)src;
    if (schema != NULL && strcmp(schema, "script") != 0)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "a script has only the schema 'script', not '%s'", schema);
    const rvi_fake_table *table = NULL;
    while ((table = next_by_name(&f->script, table)) != NULL) {
        rv_table_entry entry = {"script", table->name, table->kind, table->est_rows, table->est_bytes};
        RV_TRY(fn(context, &entry, err));
    }
    return RV_OK;
}

/* A name of a snapshot is good for every connection to the same script. */
static bool can_join(const fake *f, const char *name)
{
    size_t len = strlen(SNAPSHOT_PREFIX);
    return strncmp(name, SNAPSHOT_PREFIX, len) == 0 && strcmp(name + len, f->path) == 0;
}

static rv_code fake_begin(rv_source *src, const rv_read_options *options, rv_error *err)
{
    fake *f = (fake *)src;
    RV_TRY(fail_as_scripted(f, RVI_FAKE_BEGIN, NULL, 0, err));
    if (options->shared_snapshot != NULL && !can_join(f, options->shared_snapshot))
        return rv_fail(err, RV_E_SOURCE_QUERY, "there is no snapshot '%s'", options->shared_snapshot);
    f->options = *options;
    f->options.shared_snapshot = NULL; /* borrowed for the call */
    return RV_OK;
}

static void fake_end(rv_source *src)
{
    ((fake *)src)->options = (rv_read_options){0};
}

static void fake_scan_free(fake_scan *s)
{
    if (s == NULL)
        return;
    rv_bytes_deinit(&s->scratch);
    free(s->order);
    free(s->inside);
    free(s);
}
RV_DEFINE_AUTO(fake_scan, fake_scan_free)

static void set_units(fake_scan *s, const rv_bounds *bounds)
{
    bool by_range = bounds->kind == RV_BOUNDS_PHYSICAL;
    int64_t n_rows = s->table->n_rows;
    s->per_unit = by_range ? s->table->per_unit : 1;
    s->base.unit = by_range ? s->table->unit : "row";
    s->end = n_rows;
    if (!by_range)
        return;
    int64_t n_units = (n_rows + s->per_unit - 1) / s->per_unit;
    int64_t first = bounds->first < 0 ? 0 : bounds->first;
    int64_t last = bounds->last >= n_units ? n_units - 1 : bounds->last;
    s->next = first <= last ? first * s->per_unit : n_rows;
    s->end = last >= 0 && (last + 1) * s->per_unit < n_rows ? (last + 1) * s->per_unit : n_rows;
}

/* Rows of ranges in the table's order, or along a key in its own. */
static rv_code list_rows(fake_scan *s, const rv_scan_request *request, rv_error *err)
{
    s->next = s->end = 0;
    if (s->key != NULL)
        return rvi_fake_order(s->table, s->key, s->inside, request->after, &s->order, &s->end, err);
    s->order = calloc((size_t)s->table->n_rows + 1, sizeof *s->order);
    if (s->order == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening a scan");
    for (int64_t row = 0; row < s->table->n_rows; row++)
        if (s->inside[row])
            s->order[s->end++] = row;
    return RV_OK;
}

/* A scan by units keeps counting them; the rows outside of its ranges are left out one by one. */
static rv_code set_bounds(fake_scan *s, const rv_scan_request *request, rv_error *err)
{
    const rv_bounds *bounds = &request->bounds;
    set_units(s, bounds);
    s->key = bounds->key;
    if (bounds->leaf_table != NULL)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "the tables of a script have no leaves");
    if (bounds->n_ranges == 0 && bounds->kind != RV_BOUNDS_KEY)
        return RV_OK;
    RV_TRY(rvi_fake_inside(s->table, bounds->ranges, bounds->n_ranges, &s->inside, err));
    return bounds->kind == RV_BOUNDS_PHYSICAL ? RV_OK : list_rows(s, request, err);
}

static rv_code fake_scan_open(rv_scan **out, rv_source *src, const rv_scan_request *request, rv_error *err)
{
    fake *f = (fake *)src;
    const rvi_fake_table *table = NULL;
    RV_TRY(find_table(f, request->relation, &table, err));
    RV_TRY(fail_as_scripted(f, RVI_FAKE_SCAN, table, 0, err));
    RV_AUTO(fake_scan_free) fake_scan *s = calloc(1, sizeof *s);
    if (s == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening a scan");
    s->source = f;
    s->table = table;
    s->schema = request->schema;
    s->max_value_bytes = request->max_value_bytes;
    s->scratch = RV_BYTES_INIT(2 * (size_t)RVI_FAKE_VALUE_MAX_BYTES);
    RV_TRY(set_bounds(s, request, err));
    *out = &s->base;
    s = NULL;
    return RV_OK;
}

static void wake(void *object)
{
    fake *f = object;
    pthread_mutex_lock(&f->lock);
    f->interrupted = true;
    pthread_cond_broadcast(&f->woken);
    pthread_mutex_unlock(&f->lock);
}

static rv_code hang(fake *f, rv_error *err)
{
    rv_waker waker = {.wake = wake, .object = f};
    rv_cancel_add_waker(f->base.cancel, &waker);
    pthread_mutex_lock(&f->lock);
    while (!f->interrupted)
        pthread_cond_wait(&f->woken, &f->lock);
    f->interrupted = false;
    pthread_mutex_unlock(&f->lock);
    rv_cancel_remove_waker(f->base.cancel, &waker);
    return rv_fail(err, RV_E_CANCELLED, "the page was interrupted");
}

/* What the script says about this page: how long it takes, whether it ends at all. */
static rv_code play_page(fake_scan *s, int64_t *delay_us, rv_error *err)
{
    int64_t limit_ms = s->source->options.statement_timeout_ms;
    s->pages++;
    for (int i = 0; i < s->table->n_pages; i++) {
        const rvi_fake_page *page = &s->table->pages[i];
        if (page->number != s->pages)
            continue;
        if (page->hang)
            return hang(s->source, err);
        if (limit_ms > 0 && page->delay_ms > limit_ms)
            return rv_fail(err, RV_E_SOURCE_STATEMENT_TIMEOUT, "the page would take %" PRId64 " ms",
                           page->delay_ms);
        *delay_us += page->delay_ms * US_PER_MS;
    }
    return RV_OK;
}

static rv_code append_row(fake_scan *s, int64_t row, rv_batch *out, rv_error *err)
{
    RV_TRY(rv_batch_begin_row(out, err));
    for (int i = 0; i < s->schema->n_fields; i++) {
        const rv_field *field = &s->schema->fields[i];
        RV_TRY(rvi_fake_append(s->table, field->ordinal - 1, row, &out->columns[i], field, s->max_value_bytes,
                               &s->scratch, err));
    }
    rv_batch_end_row(out);
    return RV_OK;
}

/* Rows [next, end) into the batch; gives up a page that becomes too large, unless it is as small as can
 * be. */
static rv_code append_rows(fake_scan *s, int64_t end, int64_t units, size_t max_bytes, rv_batch *out,
                           rv_error *err)
{
    for (int64_t i = s->next; i < end; i++) {
        int64_t row = s->order != NULL ? s->order[i] : i;
        if (i % ROWS_BETWEEN_CHECKS == 0 && rv_cancel_requested(s->source->base.cancel))
            return rv_fail(err, RV_E_CANCELLED, "stopped inside a page");
        if (s->inside != NULL && !s->inside[row])
            continue;
        RV_TRY_CTX(append_row(s, row, out, err), err, "row number %" PRId64, row + 1);
        if (units <= 1 || max_bytes == 0 || rv_batch_bytes(out) <= max_bytes)
            continue;
        rv_fail(err, RV_E_LIMIT_EXCEEDED, "a page of %" PRId64 " %ss is larger than %zu bytes", units,
                s->base.unit, max_bytes);
        if (err != NULL)
            err->retry = RV_RETRY_SMALLER;
        return RV_E_LIMIT_EXCEEDED;
    }
    return RV_OK;
}

/* Where in the table the rows [next, end) of the scan end. */
static int64_t end_in_table(const fake_scan *s, int64_t end)
{
    int64_t most = 0;
    if (s->order == NULL)
        return end;
    for (int64_t i = s->next; i < end; i++)
        most = s->order[i] >= most ? s->order[i] + 1 : most;
    return most;
}

static rv_code fake_scan_next(rv_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                              rv_error *err)
{
    fake_scan *s = (fake_scan *)scan;
    int64_t units = limits->units, delay_us = 0;
    RV_TRY(play_page(s, &delay_us, err));
    if (s->per_unit == 1 && strcmp(s->base.unit, "row") == 0)
        units = rv_page_rows(limits);
    int64_t units_left = (s->end - s->next + s->per_unit - 1) / s->per_unit;
    units = units < units_left ? units : units_left;
    int64_t end = units == units_left ? s->end : s->next + units * s->per_unit;
    RV_TRY(fail_as_scripted(s->source, RVI_FAKE_PAGE, s->table, end_in_table(s, end), err));
    RV_TRY(append_rows(s, end, units, limits->max_bytes, out, err));
    s->next = end;
    *page = (rv_page){
        .units = units,
        .statement_us = delay_us + out->rows, /* as if a row took a microsecond */
        .wire_bytes = rv_batch_bytes(out),
        .end = s->next >= s->end,
    };
    return RV_OK;
}

static void fake_scan_close(rv_scan *scan)
{
    fake_scan_free((fake_scan *)scan);
}

static rv_code fake_scan_position(rv_scan *scan, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    const fake_scan *s = (const fake_scan *)scan;
    if (s->key == NULL || s->next == 0)
        return RV_OK;
    return rvi_fake_place(s->table, s->key, s->order[s->next - 1], arena, out, err);
}

static rv_code fake_key_ends(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                             const rv_key *key, const char *fallback, const rv_range *const *within,
                             int n_within, rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    fake *f = (fake *)src;
    const rvi_fake_table *table = NULL;
    (void)info;
    RV_TRY(find_table(f, relation, &table, err));
    RV_TRY(fail_as_scripted(f, RVI_FAKE_KEY_ENDS, table, 0, err));
    return rvi_fake_ends(table, key, fallback, within, n_within, arena, out, err);
}

static rv_code fake_split(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                          const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out,
                          int64_t *n_out, rv_error *err)
{
    fake *f = (fake *)src;
    const rvi_fake_table *table = NULL;
    (void)info;
    RV_TRY(find_table(f, relation, &table, err));
    RV_TRY(fail_as_scripted(f, RVI_FAKE_SPLIT, table, 0, err));
    return rvi_fake_split(table, &index->key, n, arena, out, n_out, err);
}

static rv_code fake_horizon(rv_source *src, rv_arena *arena, const char **out, int64_t *held_since_us,
                            rv_error *err)
{
    static const rvi_fake_horizon none = {.mark = "1"};
    fake *f = (fake *)src;
    const rvi_fake_horizon *answer = &none;
    RV_TRY(fail_as_scripted(f, RVI_FAKE_HORIZON, NULL, 0, err));
    if (f->script.n_horizons > 0)
        answer = &f->script.horizons[f->n_horizons];
    if (f->n_horizons + 1 < f->script.n_horizons)
        f->n_horizons++;
    *out = rv_arena_strdup(arena, answer->mark);
    *held_since_us = answer->held_since_us;
    return *out != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "a mark");
}

static rv_code fake_share_snapshot(rv_source *src, rv_arena *arena, const char **out, rv_error *err)
{
    fake *f = (fake *)src;
    RV_TRY(fail_as_scripted(f, RVI_FAKE_SHARE_SNAPSHOT, NULL, 0, err));
    if (!f->options.snapshot)
        return rv_fail(err, RV_E_SOURCE_QUERY, "there is no snapshot to share");
    *out = rv_arena_printf(arena, "%s%s", SNAPSHOT_PREFIX, f->path);
    return *out != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "naming a snapshot");
}

static rv_code fake_pressure(rv_source *src, rv_pressure *out, rv_error *err)
{
    fake *f = (fake *)src;
    RV_TRY(fail_as_scripted(f, RVI_FAKE_PRESSURE, NULL, 0, err));
    if (f->script.n_pressures > 0)
        *out = f->script.pressures[f->n_pressures];
    if (f->n_pressures + 1 < f->script.n_pressures)
        f->n_pressures++;
    return RV_OK;
}

static rv_code fake_begin_aligned(rv_source *const *sources, int n, const rv_read_options *options,
                                  const char **why_not, rv_error *err)
{
    fake *first = (fake *)sources[0];
    if (n > first->script.most_aligned) {
        *why_not = "the script lets no more begin together";
        return RV_OK;
    }
    RV_TRY(fail_as_scripted(first, RVI_FAKE_BEGIN_ALIGNED, NULL, 0, err));
    for (int i = 0; i < n; i++)
        RV_TRY(fake_begin(sources[i], options, err));
    return RV_OK;
}

static rv_code fake_settle(rv_source *src, int64_t timeout_ms, int64_t *open_since_us, rv_error *err)
{
    fake *f = (fake *)src;
    (void)timeout_ms;
    RV_TRY(fail_as_scripted(f, RVI_FAKE_SETTLE, NULL, 0, err));
    *open_since_us = f->script.open_since_us;
    return RV_OK;
}

static void fake_interrupt(rv_source *src)
{
    wake(src);
}

static void fake_close(rv_source *src)
{
    fake_free((fake *)src);
}

const rv_source_ops rvi_fake_ops = {
    .kind = "fake",
    .caps = RV_SOURCE_CAP_PHYSICAL | RV_SOURCE_CAP_STREAM | RV_SOURCE_CAP_SNAPSHOT | RV_SOURCE_CAP_INTERRUPT |
            RV_SOURCE_CAP_KEYS | RV_SOURCE_CAP_SHARED_SNAPSHOT | RV_SOURCE_CAP_HISTORY |
            RV_SOURCE_CAP_PRESSURE,
    .default_port = 0,
    .open = fake_open,
    .server = fake_server,
    .describe = fake_describe,
    .list = fake_list,
    .begin = fake_begin,
    .end = fake_end,
    .scan_open = fake_scan_open,
    .scan_next = fake_scan_next,
    .scan_close = fake_scan_close,
    .scan_position = fake_scan_position,
    .key_ends = fake_key_ends,
    .split = fake_split,
    .horizon = fake_horizon,
    .share_snapshot = fake_share_snapshot,
    .pressure = fake_pressure,
    .interrupt = fake_interrupt,
    .close = fake_close,
};

/* The same, as a source is whose snapshots cannot be joined and whose rows do not tell who wrote them. */
const rv_source_ops rvi_fake_apart_ops = {
    .kind = "fake_apart",
    .caps = RV_SOURCE_CAP_PHYSICAL | RV_SOURCE_CAP_STREAM | RV_SOURCE_CAP_SNAPSHOT | RV_SOURCE_CAP_INTERRUPT |
            RV_SOURCE_CAP_KEYS | RV_SOURCE_CAP_PRESSURE | RV_SOURCE_CAP_ALIGNED_SNAPSHOT |
            RV_SOURCE_CAP_SETTLE,
    .default_port = 0,
    .open = fake_open,
    .server = fake_server,
    .describe = fake_describe,
    .list = fake_list,
    .begin = fake_begin,
    .end = fake_end,
    .scan_open = fake_scan_open,
    .scan_next = fake_scan_next,
    .scan_close = fake_scan_close,
    .scan_position = fake_scan_position,
    .key_ends = fake_key_ends,
    .split = fake_split,
    .begin_aligned = fake_begin_aligned,
    .settle = fake_settle,
    .pressure = fake_pressure,
    .interrupt = fake_interrupt,
    .close = fake_close,
};
