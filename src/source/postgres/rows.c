/* rows.c - how the columns of a scan are read. Their rows: source/sql/rows.h. */
#include "internal.h"

enum {
    CONTENT_PER_WIRE_BYTE = 3
}; /* no cell grows more: a numeric of 10 bytes becomes at most a decimal of 32 */

/* A column of its own, with the list's name and policies. */
static const rvi_sql_column *element_plan(rv_arena *arena, const rv_field *list, const rvi_pg_type *type)
{
    rv_field *field = rv_arena_alloc(arena, 1, sizeof *field);
    rvi_sql_column *plan = rv_arena_alloc(arena, 1, sizeof *plan);
    if (field == NULL || plan == NULL)
        return NULL;
    *field = *list;
    field->type = rv_type_element(list->type);
    field->natural = field->type;
    field->nullable = true;
    field->native_id = type->element_oid;
    *plan = (rvi_sql_column){
        .decode = rvi_pg_decoder(type->wire, field), .field = field, .max_bytes = UINT64_MAX};
    return plan;
}

rv_code rvi_pg_rows_init(rvi_sql_rows *rows, rv_arena *arena, const rv_schema *schema,
                         const rvi_pg_type *types, uint64_t max_value_bytes, rv_error *err)
{
    rvi_sql_rows made;
    RV_TRY(rvi_sql_rows_init(&made, arena, schema, CONTENT_PER_WIRE_BYTE, max_value_bytes, err));
    for (int i = 0; i < schema->n_fields; i++) {
        const rv_field *field = &schema->fields[i];
        made.columns[i].decode = rvi_pg_decoder(types[i].wire, field);
        if (field->type.id != RV_TYPE_LIST)
            continue;
        made.columns[i].element = element_plan(arena, field, &types[i]);
        if (made.columns[i].element == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading %s", schema->origin);
    }
    *rows = made;
    return RV_OK;
}
