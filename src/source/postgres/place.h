/* postgres/place.h - where a scan along a key stands: the key of the last row handed on, as literals take it. */
#ifndef SOURCE_POSTGRES_PLACE_H
#define SOURCE_POSTGRES_PLACE_H

#include "internal.h"

/* How a key column arrives in a row. */
typedef enum rvi_pg_key_form {
    RVI_PG_KEY_TEXT = 0, /* the server's own text */
    RVI_PG_KEY_INT,      /* 2, 4 or 8 bytes */
    RVI_PG_KEY_OID,
    RVI_PG_KEY_UUID,
} rvi_pg_key_form;

/* Can a field that arrives like this tell the key's exact text? */
bool rvi_pg_key_form_of(const rvi_pg_type *type, rvi_pg_key_form *out);

typedef struct rvi_pg_place {
    int n; /* 0: nowhere yet */
    rv_bytes cells[RV_MAX_KEY_COLUMNS];
} rvi_pg_place;

void rvi_pg_place_init(rvi_pg_place *place);
void rvi_pg_place_deinit(rvi_pg_place *place);
rv_code rvi_pg_place_set(rvi_pg_place *place, const rv_key_value *value, rv_error *err) RV_MUST_CHECK;
/* Move to the key that was read last. Stays where it is on failure: SOURCE_PROTOCOL when that is where it stands
 * already, OUT_OF_MEMORY. */
rv_code rvi_pg_place_advance(rvi_pg_place *place, const rvi_pg_last_key *key, const rvi_pg_key_form *forms,
                             rv_error *err) RV_MUST_CHECK;
/* A view of it, good until it moves. Fails OUT_OF_MEMORY. */
rv_code rvi_pg_place_value(rvi_pg_place *place, rv_key_value *out, rv_error *err) RV_MUST_CHECK;

#endif
