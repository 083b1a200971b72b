/* planner.c - what the modes share while a plan is made. */
#include "internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

rv_code rvi_plan_out_of_memory(const rvi_planner *p, rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "planning the chunks of %s", p->info->schema.origin);
}

rv_code rvi_plan_note(rvi_planner *p, rv_error *err, const char *fmt, ...)
{
    char text[512];
    va_list args;
    if (p->plan->n_notes == RV_PLAN_NOTES)
        return RV_OK;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *note = rv_arena_strdup(p->arena, text);
    if (note == NULL)
        return rvi_plan_out_of_memory(p, err);
    p->plan->notes[p->plan->n_notes++] = note;
    return RV_OK;
}

rv_code rvi_plan_use(rvi_planner *p, rv_error *err, rv_strategy strategy, const char *name, const char *fmt,
                     ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    p->plan->strategy = strategy;
    p->plan->strategy_name = name;
    /* A stream is one statement from beginning to end: there is no place in it for another snapshot. */
    p->plan->spans_epochs = strategy != RV_STRATEGY_PHYSICAL && strategy != RV_STRATEGY_STREAM;
    p->plan->reason = rv_arena_strdup(p->arena, text);
    return p->plan->reason != NULL ? RV_OK : rvi_plan_out_of_memory(p, err);
}

static rv_code grow(rvi_planner *p, int64_t capacity, rv_error *err)
{
    rv_chunk *grown = rv_arena_alloc(p->arena, (size_t)capacity, sizeof *grown);
    if (grown == NULL)
        return rvi_plan_out_of_memory(p, err);
    if (p->plan->n_chunks > 0)
        memcpy(grown, p->plan->chunks, (size_t)p->plan->n_chunks * sizeof *grown);
    p->plan->chunks = grown;
    p->capacity = capacity;
    return RV_OK;
}

rv_code rvi_plan_reserve(rvi_planner *p, int64_t n, rv_error *err)
{
    int64_t room = p->plan->n_chunks + n;
    return room <= p->capacity || room > RV_MAX_CHUNKS ? RV_OK : grow(p, room, err);
}

rv_code rvi_plan_add_chunk(rvi_planner *p, const rv_bounds *bounds, const rv_range *range, rv_error *err)
{
    enum { FIRST = 16 };
    rv_plan *plan = p->plan;
    if (plan->n_chunks == RV_MAX_CHUNKS)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "%s would become more than %d chunks; make them larger",
                       p->info->schema.origin, RV_MAX_CHUNKS);
    if (plan->n_chunks == p->capacity)
        RV_TRY(grow(p, p->capacity == 0 ? FIRST : 2 * p->capacity, err));
    rv_chunk *chunk = &plan->chunks[plan->n_chunks];
    *chunk = (rv_chunk){.index = plan->n_chunks, .bounds = *bounds, .status = RV_CHUNK_PENDING};
    for (int i = 0; i < p->n_within; i++)
        chunk->bounds.ranges[chunk->bounds.n_ranges++] = p->within[i];
    if (range != NULL)
        chunk->bounds.ranges[chunk->bounds.n_ranges++] = range;
    plan->n_chunks++;
    return RV_OK;
}

rv_code rvi_plan_field(const rvi_planner *p, const char *key, const char *column, const rv_field **out,
                       rv_error *err)
{
    enum { MAX_NAMES = 256 };                   /* that a suggestion is looked for among */
    const rv_schema *schema = &p->plan->schema; /* with the user's overrides */
    const char *names[MAX_NAMES] = {NULL};
    size_t n = 0;
    for (int i = 0; i < schema->n_fields; i++) {
        if (strcmp(schema->fields[i].name, column) == 0) {
            *out = &schema->fields[i];
            return RV_OK;
        }
        if (n < MAX_NAMES)
            names[n++] = schema->fields[i].name;
    }
    const char *nearest = rv_did_you_mean(column, names, n);
    rv_fail(err, RV_E_CONFIG_VALUE, "%s: %s has no column '%s'", key, schema->origin, column);
    if (nearest != NULL)
        rv_hint(err, "did you mean '%s'?", nearest);
    return RV_E_CONFIG_VALUE;
}

const rv_key *rvi_plan_key_of(rvi_planner *p, const char *column, bool descending)
{
    rv_key *key = rv_arena_alloc(p->arena, 1, sizeof *key);
    const char *kept = rv_arena_strdup(p->arena, column);
    if (key == NULL || kept == NULL)
        return NULL;
    *key = (rv_key){.n_columns = 1, .columns = {kept}, .descending = {descending}};
    return key;
}

rv_range *rvi_plan_range(rvi_planner *p, const rv_range *from)
{
    rv_range *range = rv_arena_alloc(p->arena, 1, sizeof *range);
    if (range != NULL)
        *range = *from;
    return range;
}
