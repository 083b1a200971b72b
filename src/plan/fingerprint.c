/* fingerprint.c - everything that decides which rows land in which files, as a number. A run is only resumed, and only
 * shared between machines, under the same one. How fast it is read, how often it is tried, and what it is judged by
 * do not belong to it.
 *
 * The number is made of a list with a hash for each key of the configuration, so that two lists also tell which key
 * is another. Only hashes are kept: a query may hold what nobody should read in the state store. */
#include "rivet/format.h"
#include "rivet/hash.h"

#include "internal.h"

#include <inttypes.h>
#include <string.h>

enum { TEXT_BYTES = 64 << 20, LIST_BYTES = 64 << 10 };

/* Of what the planner and the source say, beside the keys of the configuration. */
static const char strategy_line[] = "the strategy", columns_line[] = "the columns";

/* A list that is being made: text of the key at hand, lines of those before it. */
typedef struct recipe {
    rv_bytes text, list;
} recipe;

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* What was put into the text becomes the line of this key. */
static rv_code end_line(recipe *r, const char *what, rv_error *err)
{
    RV_TRY(
        rv_bytes_printf(&r->list, err, "%s=%016" PRIx64 "\n", what, rv_xxh3(r->text.data, r->text.len, 0)));
    rv_bytes_clear(&r->text);
    return RV_OK;
}

static rv_code put_text(recipe *r, const char *what, const char *value, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(&r->text, value != NULL ? value : "\n", err));
    return end_line(r, what, err);
}

static rv_code put_int(recipe *r, const char *what, int64_t value, rv_error *err)
{
    RV_TRY(rv_bytes_printf(&r->text, err, "%" PRId64, value));
    return end_line(r, what, err);
}

static rv_code put_key(recipe *r, const char *what, const rv_key *key, rv_error *err)
{
    for (int i = 0; i < key->n_columns; i++)
        RV_TRY(rv_bytes_printf(&r->text, err, "\"%s\"\n", key->columns[i]));
    return end_line(r, what, err);
}

/* The destination's path goes in as it was written: what its placeholders stood for is recorded with the run. */
static rv_code put_relation(recipe *r, const rv_export_config *e, rv_error *err)
{
    RV_TRY(put_text(r, "name", e->name, err));
    RV_TRY(
        rv_bytes_printf(&r->text, err, "%s\n%s", or_empty(e->relation.schema), or_empty(e->relation.table)));
    RV_TRY(end_line(r, "table", err));
    RV_TRY(put_text(r, "query", e->relation.query, err));
    RV_TRY(rv_bytes_printf(&r->text, err, "%s\n%s", e->dest.kind, or_empty(e->dest.path)));
    RV_TRY(end_line(r, "destination", err));
    return put_int(r, "consistency", (int)e->consistency, err);
}

static rv_code put_parquet(recipe *r, const rv_parquet_options *p, rv_error *err)
{
    RV_TRY(rv_bytes_printf(&r->text, err, "%d %" PRId64 " %" PRIu64 " %" PRIu64 " %d\n", (int)p->row_groups,
                           p->rows, p->target_bytes, p->max_bytes, (int)p->compat));
    for (int i = 0; i < p->n_columns; i++)
        RV_TRY(rv_bytes_printf(&r->text, err, "%s: %d\n", p->columns[i].column, (int)p->columns[i].encoding));
    for (int i = 0; i < p->n_bloom; i++)
        RV_TRY(rv_bytes_printf(&r->text, err, "bloom %s\n", p->bloom[i]));
    return end_line(r, "parquet", err);
}

static rv_code put_csv(recipe *r, const rv_csv_options *csv, rv_error *err)
{
    RV_TRY(rv_bytes_printf(&r->text, err, "%d\"%s\"%d\"%s\"", csv->delimiter, or_empty(csv->null_text),
                           (int)csv->header, or_empty(csv->line_ending)));
    return end_line(r, "csv", err);
}

static rv_code put_format(recipe *r, const rv_format_config *f, rv_error *err)
{
    RV_TRY(put_int(r, "format", (int)f->kind, err));
    RV_TRY(rv_bytes_printf(&r->text, err, "%d %d", (int)f->codec, f->level));
    RV_TRY(end_line(r, "compression", err));
    RV_TRY(rv_bytes_printf(&r->text, err, "%" PRIu64, f->max_file_bytes));
    RV_TRY(end_line(r, "max_file_size", err));
    return f->kind == RV_FORMAT_CSV ? put_csv(r, &f->csv, err) : put_parquet(r, &f->parquet, err);
}

static rv_code put_cursor(recipe *r, const rv_cursor_config *c, rv_error *err)
{
    RV_TRY(put_key(r, "cursor_column", &c->key, err));
    RV_TRY(put_text(r, "cursor_fallback_column", c->fallback, err));
    RV_TRY(rv_bytes_printf(&r->text, err, "%" PRId64 " %" PRId64, c->lookback_us, c->lookback_units));
    RV_TRY(end_line(r, "cursor_lookback", err));
    return put_int(r, "keyset_incremental", (int)c->by_key, err);
}

static rv_code put_time_window(recipe *r, const rv_time_window_config *w, rv_error *err)
{
    RV_TRY(put_text(r, "time_column", w->column, err));
    RV_TRY(put_int(r, "time_column_type", (int)w->unix_seconds, err));
    return put_int(r, "days_window", w->days, err);
}

static rv_code put_chunks(recipe *r, const rv_chunk_config *c, rv_error *err)
{
    RV_TRY(put_text(r, "chunk_column", c->column, err));
    RV_TRY(put_int(r, "chunk_size", c->size, err));
    RV_TRY(put_int(r, "chunk_size_memory_mb", c->size_memory_mb, err));
    RV_TRY(put_int(r, "chunk_count", c->count, err));
    RV_TRY(put_int(r, "chunk_by_days", c->by_days, err));
    RV_TRY(put_int(r, "chunk_dense", (int)c->dense, err));
    return put_key(r, "chunk_by_key", &c->by_key, err);
}

static rv_code put_partition(recipe *r, const rv_partition_config *p, rv_error *err)
{
    RV_TRY(rv_bytes_printf(&r->text, err, "%s\n%s\n%s", or_empty(p->column), or_empty(p->label),
                           or_empty(p->parent)));
    RV_TRY(end_line(r, "partition_by", err));
    return put_int(r, "partition_granularity", (int)p->granularity, err);
}

static rv_code put_mode(recipe *r, const rv_export_config *e, rv_error *err)
{
    RV_TRY(put_text(r, "mode", rv_mode_name(e->mode), err));
    if (e->mode == RV_MODE_INCREMENTAL)
        RV_TRY(put_cursor(r, &e->cursor, err));
    if (e->mode == RV_MODE_TIME_WINDOW)
        RV_TRY(put_time_window(r, &e->time_window, err));
    RV_TRY(put_chunks(r, &e->chunk, err));
    return put_partition(r, &e->partition, err);
}

static rv_code put_meta(recipe *r, const rv_meta_columns *m, rv_error *err)
{
    RV_TRY(rv_bytes_printf(&r->text, err, "%d %d\n", (int)m->exported_at, (int)m->row_hash));
    for (int i = 0; i < m->n_row_hash_columns; i++)
        RV_TRY(rv_bytes_printf(&r->text, err, "hash %s\n", m->row_hash_columns[i]));
    return end_line(r, "meta_columns", err);
}

static rv_code put_override(recipe *r, const rv_column_override *o, rv_error *err)
{
    char type[RV_TYPE_TEXT_BYTES] = "";
    if (o->type.id != RV_TYPE_INVALID)
        (void)rv_type_text(type, o->type);
    RV_TRY(rv_bytes_printf(&r->text, err, "%s: %s", o->column, type));
    for (int c = 0; c < RV_INVALID_CLASSES; c++)
        RV_TRY(rv_bytes_printf(&r->text, err, " %d", o->has_policy[c] ? (int)o->policy[c] : -1));
    return rv_bytes_append_str(&r->text, "\n", err);
}

static rv_code put_columns(recipe *r, const rv_schema_options *schema, rv_error *err)
{
    for (int i = 0; i < schema->n_overrides; i++)
        RV_TRY(put_override(r, &schema->overrides[i], err));
    RV_TRY(end_line(r, "columns", err));
    for (int c = 0; c < RV_INVALID_CLASSES; c++)
        RV_TRY(rv_bytes_printf(&r->text, err, "%d ", (int)schema->on_invalid[c]));
    return end_line(r, "on_invalid", err);
}

/* What the planner made of it, and of what. Where the relation lies it does not know: rv_plan_bind() adds it. */
static rv_code put_plan(recipe *r, const rv_plan *plan, rv_error *err)
{
    const rv_export_config *e = plan->export_config;
    RV_TRY(put_relation(r, e, err));
    RV_TRY(put_format(r, &e->format, err));
    RV_TRY(put_mode(r, e, err));
    RV_TRY(put_meta(r, &e->meta, err));
    RV_TRY(put_columns(r, &e->schema, err));
    RV_TRY(rv_bytes_printf(&r->text, err, "%s %d", plan->strategy_name, (int)plan->snapshot));
    RV_TRY(end_line(r, strategy_line, err));
    RV_TRY(rv_bytes_printf(&r->text, err, "%016" PRIx64 "\n", rv_schema_fingerprint(&plan->schema)));
    for (int i = 0; i < plan->schema.n_fields; i++) /* chunks of a text key are cut in its order */
        if (plan->schema.fields[i].collation != NULL)
            RV_TRY(rv_bytes_printf(&r->text, err, "%d %s\n", i, plan->schema.fields[i].collation));
    return end_line(r, columns_line, err);
}

static rv_code take_list(rv_plan *plan, const char *list, rv_error *err)
{
    if (list == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "planning export '%s'", plan->export_config->name);
    plan->ingredients = list;
    rv_xxh3_text(plan->fingerprint, rv_xxh3(list, strlen(list), 0));
    return RV_OK;
}

rv_code rvi_plan_fingerprint(rv_arena *arena, rv_plan *plan, rv_error *err)
{
    recipe r = {.text = RV_BYTES_INIT(TEXT_BYTES), .list = RV_BYTES_INIT(LIST_BYTES)};
    rv_code rc = put_plan(&r, plan, err);
    if (rc == RV_OK)
        rc = take_list(plan, rv_arena_strndup(arena, (const char *)r.list.data, r.list.len), err);
    rv_bytes_deinit(&r.text);
    rv_bytes_deinit(&r.list);
    return rc;
}

rv_code rv_plan_bind(rv_arena *arena, rv_plan *plan, const char *what, const char *value, rv_error *err)
{
    return take_list(plan,
                     rv_arena_printf(arena, "%s%s=%016" PRIx64 "\n", or_empty(plan->ingredients), what,
                                     rv_xxh3(value, strlen(value), 0)),
                     err);
}

/* ---- what has changed ---- */

/* The next "<what>=<hash>" of a list; false: there is none, or what comes is no line. */
typedef struct line {
    const char *at;
    size_t len, what_len;
} line;

static bool next_line(const char **list, line *out)
{
    const char *end = strchr(*list, '\n');
    const char *sign = end != NULL ? memchr(*list, '=', (size_t)(end - *list)) : NULL;
    if (sign == NULL)
        return false;
    *out = (line){.at = *list, .len = (size_t)(end - *list), .what_len = (size_t)(sign - *list)};
    *list = end + 1;
    return true;
}

/* The line of the same key; false: the list has none. */
static bool find_line(const char *list, const line *key, line *out)
{
    while (next_line(&list, out))
        if (out->what_len == key->what_len && memcmp(out->at, key->at, key->what_len) == 0)
            return true;
    return false;
}

static bool is_what(const line *l, const char *what)
{
    return l->what_len == strlen(what) && memcmp(l->at, what, l->what_len) == 0;
}

static rv_code note_change(const line *l, rv_arena *arena, rv_plan_difference *out, rv_error *err)
{
    if (is_what(l, strategy_line))
        out->strategy = true;
    else if (is_what(l, columns_line))
        out->columns = true;
    else
        out->keys = rv_arena_printf(arena, "%s%s%.*s", out->keys, out->keys[0] != '\0' ? ", " : "",
                                    (int)l->what_len, l->at);
    return out->keys != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "comparing plans");
}

rv_code rv_plan_compare(rv_arena *arena, const char *then, const char *now, rv_plan_difference *out,
                        rv_error *err)
{
    rv_plan_difference found = {.keys = ""};
    line one, other;
    const char *rest = then;
    found.known = next_line(&rest, &one);
    for (rest = now; found.known && next_line(&rest, &one);)
        if (!find_line(then, &one, &other) || other.len != one.len || memcmp(other.at, one.at, one.len) != 0)
            RV_TRY(note_change(&one, arena, &found, err));
    for (rest = then; found.known && next_line(&rest, &one);)
        if (!find_line(now, &one, &other))
            RV_TRY(note_change(&one, arena, &found, err));
    *out = found;
    return RV_OK;
}

/* ---- under another name ---- */

/* "2024-01" of "orders__2024-01"; NULL: no partition of `parent` is called that. */
static const char *bucket_of(const char *parent, const char *name)
{
    size_t len = strlen(parent);
    if (strncmp(name, parent, len) != 0 || strncmp(name + len, "__", 2) != 0)
        return NULL;
    const char *bucket = name + len + 2;
    bool is_date = bucket[0] != '\0' && bucket[strspn(bucket, "0123456789-")] == '\0';
    return is_date || strcmp(bucket, RVI_HIVE_NULL) == 0 ? bucket : NULL;
}

static rv_code list_partition(rv_arena *arena, const rv_partition_config *partition, const char **out,
                              rv_error *err)
{
    recipe r = {.text = RV_BYTES_INIT(TEXT_BYTES), .list = RV_BYTES_INIT(LIST_BYTES)};
    rv_code rc = put_partition(&r, partition, err);
    const char *list = rc == RV_OK ? rv_arena_strndup(arena, (const char *)r.list.data, r.list.len) : NULL;
    rv_bytes_deinit(&r.text);
    rv_bytes_deinit(&r.list);
    if (rc == RV_OK && list == NULL)
        rc = rv_fail(err, RV_E_OUT_OF_MEMORY, "comparing plans");
    if (rc == RV_OK)
        *out = list;
    return rc;
}

/* Was it begun as a partition? An export of another file may have the name of one. */
static rv_code was_partition(rv_arena *arena, const char *then, bool *out, rv_error *err)
{
    const char *whole = "";
    line one, other;
    RV_TRY(list_partition(arena, &(rv_partition_config){0}, &whole, err));
    *out = next_line(&whole, &one) && find_line(then, &one, &other) &&
           (one.len != other.len || memcmp(one.at, other.at, one.len) != 0);
    return RV_OK;
}

rv_code rv_plan_compare_renamed(rv_arena *arena, const rv_export_config *now, const char *name,
                                const char *then, rv_plan_difference *out, rv_error *err)
{
    rv_plan_difference found = {.known = strcmp(name, now->name) == 0, .keys = ""};
    rv_partition_config partition = now->partition;
    const char *bucket = bucket_of(now->name, name), *list = "";
    line one, other;
    if (bucket != NULL)
        RV_TRY(was_partition(arena, then, &found.known, err));
    if (bucket != NULL && partition.column != NULL) {
        partition.parent = now->name;
        partition.label = rv_arena_printf(arena, "%s=%s", partition.column, bucket);
        if (partition.label == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "comparing plans");
    }
    RV_TRY(list_partition(arena, &partition, &list, err));
    while (found.known && next_line(&list, &one)) {
        found.known = find_line(then, &one, &other);
        if (found.known && (other.len != one.len || memcmp(other.at, one.at, one.len) != 0))
            RV_TRY(note_change(&one, arena, &found, err));
    }
    *out = found;
    return RV_OK;
}
