/* proof.c - unique columns that need no look: what the source promises holds for what is read of it.
 *
 * A unique index promises that no two rows of the table are equal in a column, at any moment. A run's rows are not those
 * of a moment, though: a row that is changed between two pages may be met twice. The promise carries over to the run
 *
 *   - when all of it is read under one snapshot, and a run that loses it begins again;
 *   - when every chunk is read along that very index: pages go strictly forward, and chunks do not overlap, so no value
 *     is met twice, whatever happens to its row meanwhile, and whichever process reads it.
 *
 * And only where the files hold the values as the source has them: a conversion or a policy may make two values one. */
#include "internal.h"

#include <string.h>

/* Two values that the index tells apart stay two. A source that does not hold values to their type can have a text and
 * bytes that become the same; whole numbers are made of numbers alone. */
static bool keeps_values_apart(const rv_field *field)
{
    for (int c = 0; c < RV_INVALID_CLASSES; c++)
        if (field->on_invalid[c] != RV_POLICY_FAIL)
            return false;
    bool firm = !field->loose || field->natural.id == RV_TYPE_INT64;
    return firm && rv_type_equal(field->natural, field->type);
}

static const rv_index *unique_index(const rv_relation_info *info, const char *column)
{
    for (int i = 0; i < info->n_indexes; i++) {
        const rv_index *index = &info->indexes[i];
        if (index->unique && index->complete && index->key.n_columns == 1 &&
            strcmp(index->key.columns[0], column) == 0)
            return index;
    }
    return NULL;
}

bool rvi_is_along(const rv_bounds *bounds, const char *column)
{
    return bounds->kind == RV_BOUNDS_KEY && bounds->leaf_table == NULL && bounds->key->n_columns == 1 &&
           strcmp(bounds->key->columns[0], column) == 0;
}

static bool all_along(const rv_plan *plan, const char *column)
{
    for (int64_t i = 0; i < plan->n_chunks; i++)
        if (!rvi_is_along(&plan->chunks[i].bounds, column))
            return false;
    return plan->n_chunks > 0;
}

rv_code rvi_prove_unique(rvi_run *run, rv_error *err)
{
    const rv_quality_config *config = &run->export_config->quality;
    const rv_plan *plan = &run->plan;
    bool one_moment = plan->snapshot && !plan->spans_epochs;
    run->guards.proved =
        rv_arena_alloc(run->arena, (size_t)config->n_unique_columns + 1, sizeof *run->guards.proved);
    if (run->guards.proved == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the quality gates");
    for (int i = 0; i < config->n_unique_columns; i++) {
        const char *column = config->unique_columns[i];
        const rv_field *field = rv_schema_field(&plan->schema, column);
        const rv_index *index = unique_index(&plan->info, column);
        if (field == NULL || index == NULL || !keeps_values_apart(field) ||
            !(one_moment || all_along(plan, column)))
            continue;
        run->guards.proved[i] = rv_arena_printf(run->arena, "unique index %s", index->name);
        if (run->guards.proved[i] == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the quality gates");
    }
    return RV_OK;
}
